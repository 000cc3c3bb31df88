/** Runs the checks of `doctor` in this process, against an emulator. */
import { vi } from "vitest";
import type { Check } from "../src/cli/doctor/check.js";
import { type Examination, examine } from "../src/cli/doctor/examine.js";
import { Recorder } from "../src/cli/doctor/recorder.js";
import { BYTES, PATH } from "../src/cli/doctor/task.js";
import { createResponsesEmulator, type EmulatorOptions, type Script } from "../src/testing/index.js";

type Fetch = typeof globalThis.fetch;

export const KEY = "sk-the-key-0123456789";
export const OPENAI = "https://api.openai.com/v1";
export const AZURE = "https://acme.openai.azure.com/openai/v1";
export const FOUNDRY = "https://acme.services.ai.azure.com/api/projects/volcano/openai/v1";
export const GATEWAY = "http://gateway.acme.example:4000/v1";

export const LINK = `📄 [doctor 1.txt](sandbox:${PATH}) Done.`;
export const BARE = `📄 ${PATH} Done.`;

/**
 * Returns the script of a model that writes the file that `doctor` asks for, and then sends a text. If `runs` is false, the model
 * writes no file. A request without tools gets the text "ok".
 */
export function doctorModel({
  text = LINK,
  streamed = text,
  files = { [PATH]: BYTES },
  runs = true,
  chunks,
}: {
  text?: string;
  streamed?: string;
  files?: Record<string, Uint8Array>;
  runs?: boolean;
  /** How many characters each delta has. */
  chunks?: number;
} = {}): Script {
  return ({ body }) => {
    if (!body.tools?.length) return [{ type: "message", text: "ok" }];
    const message = {
      type: "message",
      text: body.stream ? streamed : text,
      ...(chunks && { chunks }),
    } as const;
    return runs ? [{ type: "python", code: `write("${PATH}")`, files }, message] : [message];
  };
}

/** What a test can change for `examined`, in addition to the emulator's options. */
interface Given extends Partial<Omit<Examination, "connection" | "recorder">> {
  baseURL?: string;
  /** The API key of the requests. `null` means no key. */
  key?: string | null;
  headers?: Record<string, string>;
  /** Wraps the emulator's `fetch`. */
  wrap?: (fetch: Fetch) => Fetch;
}

/**
 * Runs all checks. `checks`: the results by name, in the order in which the checks ran. `recorder`: the recorder of the requests.
 * `paths`: the method and path of each request.
 */
export async function examined(
  emulatorOptions: EmulatorOptions = {},
  { baseURL = OPENAI, key = KEY, headers = {}, wrap = (fetch) => fetch, ...others }: Given = {},
): Promise<{ checks: Record<string, Check>; recorder: Recorder; paths: string[] }> {
  const emulator = createResponsesEmulator({ script: doctorModel(), apiKey: KEY, ...emulatorOptions });
  const recorder = new Recorder(wrap(emulator.fetch));
  const examination: Examination = {
    connection: { key: key ?? undefined, baseURL, headers: new Headers(headers) },
    recorder,
    model: "gpt-5",
    versions: { node: "20.19.0", package: "0.1.0", openai: "6.49.0" },
    supported: { node: ">=20.19", openai: ">=5 <8" },
    webhookSecret: undefined,
    signal: new AbortController().signal,
    agree: async () => true,
    onStep: () => {},
    ...others,
  };
  const checks: Record<string, Check> = {};
  const work = (async () => {
    for await (const check of examine(examination)) checks[check.name] = check;
  })();
  await advancing(work);
  const paths = emulator.requests.map(({ method, path }) => `${method} ${path}`);
  return { checks, recorder, paths };
}

/** Waits for a promise. If the test uses fake timers, advances them meanwhile. */
async function advancing(work: Promise<void>): Promise<void> {
  let isDone = false;
  const ended = work.finally(() => (isDone = true));
  ended.catch(() => {}); // awaited below
  while (!isDone && vi.isFakeTimers()) await vi.advanceTimersByTimeAsync(100);
  await ended;
}

/** Wraps `fetch`. A response or an error that `answer` returns for a route, such as `GET /v1/models`, replaces the request. */
export function answering(answer: (route: string) => Response | Error | undefined): (fetch: Fetch) => Fetch {
  return (fetch) => async (input, init) => {
    const { pathname } = new URL(input instanceof Request ? input.url : input);
    const answered = answer(`${init?.method ?? "GET"} ${pathname}`);
    if (answered instanceof Error) throw answered;
    return answered ?? fetch(input, init);
  };
}

/** Returns an error in the API's shape. */
export function apiError(status: number, message: string, code: string | null = null): Response {
  return Response.json({ error: { message, type: "invalid_request_error", param: null, code } }, { status });
}
