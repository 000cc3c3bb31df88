/**
 * Tests faults. After any fault, the caller must get what the API sent, in time. The report must give the reason. A door is
 * a way to use the library. Each fault is tested through every door. This file is long because all tests share the doors.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { FileCitationsOptions } from "../src/index.js";
import {
  createResponsesEmulator,
  type EmulatorOptions,
  type ListFault,
  type ResponsesEmulator,
  type Script,
} from "../src/testing/index.js";
import { DOORS, type Door, type Read, read, reporting } from "./doors.js";
import { BASE, cited, eventsIn } from "./upstream.js";

const KEY = "sk-faults";
const TIMEOUT_MS = 1000;
const NOW = 1_760_000_000_000;
const PARAMS = {
  model: "gpt-5",
  input: "A plan, please",
  tools: [{ type: "code_interpreter", container: { type: "auto" } }],
};

const script: Script = () => [
  { type: "reasoning" },
  { type: "python", code: "doc.save('plan.docx')", files: { "plan.docx": "x" } },
  {
    type: "message",
    text: "Here: /mnt/data/plan.docx\n",
    chunks: ["Here: ", "/mnt/data/", "plan.docx", "\n"],
  },
];

// Waits for one turn of the event loop. Keeps the real `setImmediate`, because the tests replace the global with a fake.
const turn = (
  (real) => () =>
    new Promise<void>((resolve) => void real(resolve))
)(setImmediate);

/** How many turns of the event loop the tests wait. This is enough to read a whole response, unless a timer holds it up. */
const TURNS = 40;
const STEP_MS = 25;

const rejections: unknown[] = [];
const noteRejection = (reason: unknown): void => void rejections.push(reason);

beforeEach(() => {
  vi.useFakeTimers({ now: NOW });
  process.on("unhandledRejection", noteRejection);
});
afterEach(async () => {
  for (let at = 0; at < TURNS; at++) await turn();
  process.off("unhandledRejection", noteRejection);
  expect(rejections.splice(0), "unhandled rejections").toEqual([]);
  expect(vi.getTimerCount(), "timers that still run").toBe(0);
  vi.useRealTimers();
});

/** Advances the fake clock in steps until a promise settles. The clock takes a step only when nothing else happens. */
async function settled<Value>(
  promise: Promise<Value>,
  activity: () => number,
): Promise<{ value: Value; ms: number }> {
  const began = performance.now();
  let ms: number | undefined;
  void promise.finally(() => {
    ms = performance.now() - began;
  });
  while (ms === undefined) {
    const before = activity();
    for (let at = 0; at < TURNS && ms === undefined; at++) await turn();
    if (ms !== undefined || activity() !== before) continue;
    if (performance.now() - began > 10 * TIMEOUT_MS) throw new Error("it never ends");
    await vi.advanceTimersByTimeAsync(STEP_MS);
  }
  return { value: await promise, ms };
}

interface Asked extends Read {
  ms: number;
  reports: ReturnType<typeof reporting>["reports"];
  /** The number of requests that the emulator had not answered after the response was read. */
  openRequests: number;
  emulator: ResponsesEmulator;
}

/** Sends a request to an emulator through `door`, one of the ways to use the library, and reads the response. */
async function ask(
  door: Door,
  stream: boolean,
  options: EmulatorOptions & { emulator?: ResponsesEmulator } = {},
  more: FileCitationsOptions = {},
): Promise<Asked> {
  const { emulator = createResponsesEmulator({ script, now: () => NOW, ...options }) } = options;
  let open = 0;
  const fetch: typeof globalThis.fetch = async (...request) => {
    open++;
    try {
      return await emulator.fetch(...request);
    } finally {
      open--;
    }
  };
  const { reports, onReport } = reporting();
  // With these options, the library sends the request unchanged. So the emulator gets the same request through every door, and
  // sends the same response.
  const asIs: FileCitationsOptions = { instruction: false, includeOutputs: false };
  const answer = door.ask(
    fetch,
    KEY,
    { ...asIs, timeoutMs: TIMEOUT_MS, onReport, ...more },
    { ...PARAMS, ...(stream && { stream }) },
  );
  const { value, ms } = await settled(read(answer), () => emulator.requests.length);
  for (let at = 0; at < TURNS; at++) await turn();
  return { ...value, ms, reports, openRequests: open, emulator };
}

/** Returns the body that the API sends, without the library. */
async function sent(stream: boolean, options: EmulatorOptions = {}): Promise<string> {
  const emulator = createResponsesEmulator({ script, now: () => NOW, ...options });
  const body = JSON.stringify({ ...PARAMS, ...(stream && { stream }) });
  const headers = { authorization: `Bearer ${KEY}` };
  return (await emulator.fetch(`${BASE}/responses`, { method: "POST", headers, body })).text();
}

/** Returns the response that a body contains: the whole JSON, or the response in the last event of a stream. */
function responseIn(text: string, stream: boolean): unknown {
  return stream ? eventsIn(text).at(-1)!.response : JSON.parse(text);
}

const EVERY_DOOR = DOORS.map((door) => [door.name, door] as const);
const ON_THE_WIRE = EVERY_DOOR.filter(([, { isByHand }]) => !isByHand);
const isList = (path: string): boolean => path.endsWith("/files");
const kinds = [
  ["plain", false],
  ["streamed", true],
] as const;

describe.each(EVERY_DOOR)("through %s", (_, door) => {
  describe.each(kinds)("%s", (_, stream) => {
    const faults: [ListFault, RegExp][] = [
      [401, /401/],
      [403, /403/],
      [404, /404/],
      [429, /429/],
      [500, /500/],
      [503, /503/],
      ["html", /JSON|token/],
      ["wrong-shape", /is not a list: its data is not an array/],
      ["trickle", /longer than 1000 ms/],
      ["reset", /reset/],
      ["silence", /longer than 1000 ms/],
    ];

    it.each(faults)(
      "a list that fails with %s leaves the API's bytes unchanged",
      async (listFault, cause) => {
        const { text, error, ms, reports, openRequests } = await ask(door, stream, { listFault });
        expect(error).toBeUndefined();
        expect(text).toBe(await sent(stream));
        expect(ms).toBeLessThanOrEqual(TIMEOUT_MS + 50);
        expect(reports).toMatchObject([
          { outcome: "failed", citations: [], unresolved: [{ reason: "container-unavailable" }] },
        ]);
        expect(reports[0]!.error!.message).toMatch(cause);
        expect(reports[0]!.heldMs).toBeLessThanOrEqual(TIMEOUT_MS);
        expect(openRequests).toBe(0);
      },
    );

    it("the files of a list whose page points to itself are used, and the report says that there may be more", async () => {
      const { text, reports, openRequests } = await ask(door, stream, { listFault: "same-page" });
      expect(cited(responseIn(text, stream))).toEqual(["plan.docx@/mnt/data/plan.docx"]);
      expect(reports).toMatchObject([{ outcome: "recovered" }]);
      expect(reports[0]!.error!.message).toMatch(/repeats itself/);
      expect(openRequests).toBe(0);

      const elsewhere: Script = () => [
        { type: "python", code: "", files: { "plan.docx": "x" } },
        { type: "message", text: "Here: /mnt/data/other.csv" },
      ];
      const lost = await ask(door, stream, { listFault: "same-page", script: elsewhere });
      expect(lost.text).toBe(await sent(stream, { script: elsewhere }));
      expect(lost.reports).toMatchObject([
        { outcome: "failed", unresolved: [{ reason: "container-unavailable" }] },
      ]);
    });

    it("a list with a retry-after beyond the time limit is not awaited", async () => {
      const intercept: EmulatorOptions["intercept"] = ({ path }) =>
        isList(path)
          ? new Response("slow down", { status: 429, headers: { "retry-after": "60" } })
          : undefined;
      const { text, ms, reports } = await ask(door, stream, { intercept });
      expect(text).toBe(await sent(stream));
      expect(ms).toBe(0);
      expect(reports[0]!.error!.message).toMatch(/429/);
    });

    it("a list with a retry-after within the time limit is requested again after it", async () => {
      let asked = 0;
      const intercept: EmulatorOptions["intercept"] = ({ path }) =>
        isList(path) && asked++ === 0
          ? new Response("slow down", { status: 429, headers: { "retry-after": "1" } })
          : undefined;
      const { text, ms, reports } = await ask(door, stream, { intercept }, { timeoutMs: 3000 });
      expect(cited(responseIn(text, stream))).toEqual(["plan.docx@/mnt/data/plan.docx"]);
      expect(ms).toBeGreaterThanOrEqual(1000);
      expect(ms).toBeLessThan(1500);
      expect(reports).toMatchObject([{ outcome: "recovered" }]);
    });

    it("a late list is requested again, and the citation is added", async () => {
      const { text, reports } = await ask(door, stream, { listLag: 1 });
      expect(cited(responseIn(text, stream))).toEqual(["plan.docx@/mnt/data/plan.docx"]);
      expect(reports).toMatchObject([{ outcome: "recovered", listRequests: 2 }]);
    });

    it("a redirect of the list to another origin is not followed", async () => {
      const intercept: EmulatorOptions["intercept"] = ({ path }) =>
        isList(path)
          ? new Response(null, { status: 307, headers: { location: "https://evil.example/" } })
          : undefined;
      const { text, reports, emulator } = await ask(door, stream, { intercept });
      expect(text).toBe(await sent(stream));
      expect(reports[0]!.error!.message).toMatch(/307/);
      expect(new Set(emulator.requests.map(({ url }) => new URL(url).origin))).toEqual(
        new Set([new URL(BASE).origin]),
      );
    });

    it("a container that expires before its list is read leaves the API's bytes unchanged", async () => {
      const emulator: ResponsesEmulator = createResponsesEmulator({
        script,
        now: () => NOW,
        intercept({ path }) {
          if (isList(path)) for (const id of emulator.containers.keys()) emulator.expireContainer(id);
          return undefined;
        },
      });
      const { text, reports } = await ask(door, stream, { emulator });
      expect(text).toBe(await sent(stream));
      expect(reports).toMatchObject([{ outcome: "failed" }]);
      expect(reports[0]!.error!.message).toMatch(/404.*expired/);
    });

    it("if the API's clock or the caller's clock jumps, no result is wrong and no wait is longer", async () => {
      for (const jump of [3_600_000, -3_600_000]) {
        // The emulator's clock jumps. A container expires if an hour passes, and stays alive if the time goes back.
        let now = NOW;
        const intercept: EmulatorOptions["intercept"] = ({ path }) => {
          if (isList(path)) now = NOW + jump;
          return undefined;
        };
        const service = await ask(door, stream, { now: () => now, intercept });
        if (jump > 0) expect(service.text).toBe(await sent(stream));
        else expect(cited(responseIn(service.text, stream))).toEqual(["plan.docx@/mnt/data/plan.docx"]);
        expect(service.reports[0]!.outcome).toBe(jump > 0 ? "failed" : "recovered");

        // The caller's clock jumps. This does not change how long the response is held.
        const jumping: EmulatorOptions["intercept"] = ({ path }) => {
          if (isList(path)) vi.setSystemTime(Date.now() + jump);
          return undefined;
        };
        const began = performance.now();
        const { text, reports } = await ask(door, stream, { listFault: "silence", intercept: jumping });
        expect(text).toBe(await sent(stream));
        expect(performance.now() - began).toBeLessThanOrEqual(TIMEOUT_MS + 50);
        expect(reports[0]!.heldMs).toBeLessThanOrEqual(TIMEOUT_MS);
        expect(reports[0]!.error!.message).toMatch(/longer than 1000 ms/);
      }
    });

    it("the same file id in two containers: each file is cited with its own container", async () => {
      const two: Script = () => [
        { type: "python", code: "", files: {} },
        { type: "python", code: "", files: {}, container: "second" },
        { type: "message", text: "/mnt/data/first.csv and /mnt/data/second.csv" },
      ];
      const emulator: ResponsesEmulator = createResponsesEmulator({
        script: two,
        now: () => NOW,
        intercept({ path }) {
          if (!isList(path)) return undefined;
          const [first, second] = [...emulator.containers.values()];
          first!.write("first.csv", "1", "assistant", "cfile_same");
          second!.write("second.csv", "2", "assistant", "cfile_same");
          return undefined;
        },
      });
      const { text, reports } = await ask(door, stream, { emulator });
      const [first, second] = [...emulator.containers.keys()];
      expect(reports).toMatchObject([{ outcome: "recovered", unresolved: [] }]);
      expect(
        reports[0]!.citations.map(({ annotation }) => `${annotation.container_id} ${annotation.filename}`),
      ).toEqual([`${first} first.csv`, `${second} second.csv`]);
      expect(cited(responseIn(text, stream))).toHaveLength(2);
    });
  });
});

describe.each(ON_THE_WIRE)("a response that breaks off, through %s", (_, door) => {
  /** Returns a body without the recovered citations. */
  function withoutCitations(text: string): string {
    const frames = text
      .split(/(?<=\n\n)/)
      .filter((frame) => !frame.startsWith("event: response.output_text.annotation"));
    return frames.map((frame) => frame.replace(/"annotations":\[\{.*?\}\]/g, '"annotations":[]')).join("");
  }

  it("between two events or inside an event keeps the bytes that came, and the citations added before the break", async () => {
    const whole = await sent(true);
    const all = whole.split(/(?<=\n\n)/);
    const textDone = all.findIndex((frame) => frame.startsWith("event: response.output_text.done"));
    expect(textDone).toBeGreaterThan(5);
    let before = 0;
    for (const [at, frame] of all.entries()) {
      const length = Buffer.byteLength(frame);
      for (const bytes of [0, 1, length >> 1, length - 1]) {
        const breakIn: EmulatorOptions["breakIn"] = ({ sequence_number }) =>
          sequence_number === at ? bytes : undefined;
        const { text, error, reports, openRequests, ms } = await ask(door, true, { breakIn });
        const sentBytes = Buffer.from(whole)
          .subarray(0, before + bytes)
          .toString();
        expect(String(error), `event ${at}, byte ${bytes}`).toMatch(/reset/);
        if (at <= textDone) expect(text).toBe(sentBytes);
        else expect(withoutCitations(text)).toBe(sentBytes);
        expect(reports).toMatchObject([{ outcome: at > textDone ? "recovered" : "failed" }]);
        expect(reports[0]!.error!.message).toMatch(/reset/);
        expect(openRequests).toBe(0);
        expect(ms).toBe(0);
      }
      before += length;
    }
  });

  it("anywhere in a plain response keeps the bytes that came", async () => {
    const whole = await sent(false);
    for (const bytes of [0, 1, whole.length >> 1, whole.length - 1]) {
      const body = new ReadableStream<Uint8Array>({
        start: (controller) =>
          bytes > 0 && controller.enqueue(new TextEncoder().encode(whole.slice(0, bytes))),
        pull: (controller) => controller.error(new Error("The connection was reset.")),
      } as UnderlyingDefaultSource<Uint8Array>);
      const intercept: EmulatorOptions["intercept"] = () =>
        new Response(body, { headers: { "content-type": "application/json" } });
      const { text, error, reports } = await ask(door, false, { intercept });
      expect(text).toBe(whole.slice(0, bytes));
      expect(String(error)).toMatch(/reset/);
      expect(reports).toMatchObject([{ outcome: "failed", responseId: undefined }]);
      expect(reports[0]!.error!.message).toMatch(/reset/);
    }
  });
});

describe.each(
  // Only one door (way to use the library) gets a list of 100,000 files, because it takes seconds to read. All doors read lists
  // with the same code.
  ON_THE_WIRE.map(([name, door]) => [name === "the fetch" ? 100_000 : 10_000, name, door] as const),
)("%i files, through %s", (LENGTH, _, door) => {
  const inLong: Script = () => [
    { type: "python", code: "" },
    { type: "message", text: `The last: /mnt/data/${LENGTH - 1}.csv, the first: /mnt/data/0.csv` },
  ];

  it.each(kinds)(
    "the right files are found in a %s response",
    async (_, stream) => {
      let isFilled = false;
      const emulator: ResponsesEmulator = createResponsesEmulator({
        script: inLong,
        now: () => NOW,
        intercept({ path }) {
          if (!isList(path) || isFilled) return undefined;
          const [container] = emulator.containers.values();
          for (let at = 0; at < LENGTH; at++) container!.write(`${at}.csv`, "");
          isFilled = true;
          return undefined;
        },
      });
      const { text, reports } = await ask(door, stream, { emulator });
      expect(cited(responseIn(text, stream))).toEqual([
        `${LENGTH - 1}.csv@/mnt/data/${LENGTH - 1}.csv`,
        "0.csv@/mnt/data/0.csv",
      ]);
      expect(reports).toMatchObject([{ outcome: "recovered", listRequests: LENGTH / 100 }]);
    },
    60_000,
  );
});
