/**
 * Changes and sends requests that have input. Adds the sentence that asks for links, and the `include` that asks for the outputs
 * of Code Interpreter calls. Replaces our links in the input with the model's own text.
 */

import { cancelBody } from "../containers/retries.js";
import type { Settings } from "../options.js";
import { withLinkInstruction } from "../responses/instruction.js";
import { withRestoredInput } from "../responses/restored-input.js";
import { concat, LONGEST_TEXT, readerOnDemand, webStreamOf } from "./body.js";
import { withoutBodyHeaders } from "./end-to-end.js";
import { editJson, editJsonText, parseObject } from "./json-edit.js";
import { hasInput, requestLine } from "./request-route.js";

type Fetch = typeof globalThis.fetch;
type Input = Parameters<Fetch>[0];

/** The statuses with which an API refuses a parameter. The API of OpenAI answers 400, some gateways answer 422. */
const REFUSALS: readonly number[] = [400, 422];
const MOST_REFUSALS = 100;

/** Remembers the base URLs whose API refused the added `include`: the latest 100. */
export class IncludeRefusals {
  readonly #bases = new Set<string>();

  has(base: string): boolean {
    return this.#bases.has(base);
  }

  add(base: string): void {
    this.#bases.add(base);
    if (this.#bases.size > MOST_REFUSALS) this.#bases.delete(this.#bases.values().next().value!);
  }
}

/** The HTTP response to a request that creates a response, and what the repair needs from that request. */
export interface Created {
  answer: Response;
  /** The parameters that were sent, with our changes. `undefined` if the given body could not be read. */
  params?: Record<string, unknown> | undefined;
  /** The error for the report, if the request's body was too long to be read. */
  requestError?: Error | undefined;
}

/** The settings and the state that all requests of one middleware share. */
export interface CreateContext {
  fetch: Fetch;
  settings: Settings;
  refusals: IncludeRefusals;
  /** The longest body that is read, in bytes. */
  longest?: number | undefined;
}

/**
 * Adds the link sentence and the `include` to a request, and sends it. A body is sent unchanged if it is a stream, is too long or
 * is not JSON. If the API refuses the added `include`, sends the request again without it. If that succeeds, later requests to
 * `base` get no `include` either.
 */
export async function createResponse(
  input: Input,
  init: RequestInit | undefined,
  base: string,
  { fetch, settings, refusals, longest = LONGEST_TEXT }: CreateContext,
): Promise<Created> {
  const given = await bodyOf(input, init);
  if (given !== undefined && given.length > longest) {
    const requestError = new Error(`the request is too long to read: more than ${longest} bytes`);
    return { answer: await fetch(input, init), requestError };
  }
  const params = given === undefined ? undefined : parseObject(given);
  if (given === undefined || !params) return { answer: await fetch(input, init) };
  const body = copied(given);

  const restored = await withRestoredInput(params, settings);
  const send = async (includeOutputs: boolean): Promise<Created> => {
    const changed = withLinkInstruction(restored, { ...settings, includeOutputs });
    if (changed === params) return { answer: await fetch(input, init), params };
    const answer = await fetch(...withBody(input, init, edited(body, params, changed)));
    return { answer, params: changed };
  };
  const created = await send(settings.includeOutputs && !refusals.has(base));
  const isIncludeAdded = created.params?.include !== params.include;
  if (!isIncludeAdded || !REFUSALS.includes(created.answer.status)) return created;
  const { answer, start } = await peek(created.answer, settings.timeoutMs);
  if (!namesInclude(start)) return { ...created, answer };
  cancelBody(answer.body);
  const again = await send(false);
  if (again.answer.ok) refusals.add(base);
  return again;
}

/**
 * Sends a request whose answer is not repaired. If the request carries input for a model, our links in it are replaced with the
 * model's own text. A request without such links is sent unchanged. If the option `links` is not set, no body is read.
 */
export async function sendOther(
  input: Input,
  init: RequestInit | undefined,
  { fetch, settings, longest = LONGEST_TEXT }: Omit<CreateContext, "refusals">,
): Promise<Response> {
  const line = settings.links?.originals && requestLine(input, init);
  const given = line && hasInput(line.method, line.url.pathname) ? await bodyOf(input, init) : undefined;
  const params = given === undefined || given.length > longest ? undefined : parseObject(given);
  if (given === undefined || !params) return fetch(input, init);
  const body = copied(given);
  const restored = await withRestoredInput(params, settings);
  if (restored === params) return fetch(input, init);
  return fetch(...withBody(input, init, edited(body, params, restored)));
}

/**
 * Returns a request's body. Reads the body of a `Request` object from a clone, so that the original can still be sent. Returns
 * `undefined` if `readable` does not accept the body in `init`.
 */
async function bodyOf(input: Input, init: RequestInit | undefined): Promise<string | Uint8Array | undefined> {
  if (isWhole(input, init)) return new Uint8Array(await input.clone().arrayBuffer());
  return readable(init?.body);
}

/** Returns whether `input` is a `Request` object whose body is sent. If `init` has a body, that body is sent instead. */
function isWhole(input: Input, init: RequestInit | undefined): input is Request {
  return input instanceof Request && init?.body == null;
}

/** Returns a copy of a body, because the caller may reuse the array before the request is sent. */
function copied(body: string | Uint8Array): string | Uint8Array {
  return typeof body === "string" ? body : new Uint8Array(body);
}

/** Returns a request with another body, as arguments of `fetch`. */
function withBody(
  input: Input,
  init: RequestInit | undefined,
  body: string | Uint8Array<ArrayBuffer>,
): Parameters<Fetch> {
  const headers = new Headers(init?.headers ?? (input instanceof Request ? input.headers : undefined));
  const request = { ...init, headers: withoutBodyHeaders(headers), body };
  return isWhole(input, init) ? [new Request(input, request)] : [input, request];
}

/** Returns the body if it is a string or bytes: only these can be read more than once. Otherwise, returns `undefined`. */
function readable(body: unknown): string | Uint8Array | undefined {
  if (body instanceof ArrayBuffer) return new Uint8Array(body);
  return typeof body === "string" || body instanceof Uint8Array ? body : undefined;
}

/** Returns the body with the changed parameters. A string stays a string, because `fetch` adds a content type for strings. */
function edited(
  body: string | Uint8Array,
  params: object,
  changed: object,
): string | Uint8Array<ArrayBuffer> {
  if (typeof body === "string") return editJsonText(body, params, changed);
  return editJson(body, params, changed) as Uint8Array<ArrayBuffer>;
}

/** Reading the body of an error response stops after this number of bytes. The API's errors are shorter. */
const LONGEST_ERROR = 64 * 1024;

/**
 * Reads the start of a response's body for at most `timeoutMs`. Callers must then use the returned `answer` instead of `given`,
 * because the body of `answer` can still be read from the start.
 */
async function peek(given: Response, timeoutMs: number): Promise<{ answer: Response; start: Uint8Array }> {
  const { answer, copy } = duplicate(given);
  const chunks: Uint8Array[] = [];
  if (!copy) return { answer, start: concat(chunks) };
  const reader = readerOnDemand(() => copy);
  const stop = (): void => void reader.cancel().catch(() => {});
  const timer = setTimeout(stop, timeoutMs); // ends a read that is waiting
  try {
    let length = 0;
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      chunks.push(read.value);
      length += read.value.length;
      if (length > LONGEST_ERROR) break;
    }
  } catch {
    // This error is ignored, because the consumer of `answer` gets it too.
  } finally {
    clearTimeout(timer);
    stop();
  }
  return { answer, start: concat(chunks) };
}

/** Returns an HTTP response and a copy of its body. Either of them can be read without the other. */
function duplicate(answer: Response): { answer: Response; copy: ReadableStream<Uint8Array> | null } {
  if (!answer.body) return { answer, copy: null };
  if (typeof answer.clone === "function") return { answer, copy: answer.clone().body };
  const [body, copy] = webStreamOf(answer.body).tee();
  return { answer: Object.create(answer, { body: { value: body } }) as Response, copy };
}

const INCLUDE = /\binclude\b|\bcode_interpreter_call\.outputs\b/;
/** The `include` of a request that an error's body repeats. It may be in a JSON string, or written by Python. */
const REPEATED = /["']include\\{0,4}["']:\s?\[[^[\]]{0,999}\]/g;

/**
 * Returns whether an error's body names the request's `include` as the cause. Reads the body as text, because gateways have errors
 * of many shapes: objects, arrays, strings and plain text. Ignores the `include` of a request that the error repeats.
 */
function namesInclude(body: Uint8Array): boolean {
  return INCLUDE.test(new TextDecoder().decode(body).replace(REPEATED, ""));
}
