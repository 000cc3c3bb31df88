/** Tests the rules for links in streamed texts. The texts are random or from linked-texts.ts, and are cut at random offsets. */
import fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";
import {
  type ContainerFile,
  createFileCitationsFetch,
  type RepairOptions,
  repairResponseStream,
  replaceFileLinks,
  resolveFileCitations,
} from "../src/index.js";
import { BARE_FORMS, file, LINK_FORMS, NAMES, SENTENCES } from "./citations/forms.js";
import { cases, cutsOf, given as random } from "./linked-texts.js";
import {
  eventsOf,
  type Given,
  listOf,
  OPTIONS,
  plain,
  readEvents,
  streamed,
  textIn,
  toUrl,
} from "./linking.js";
import { expectValid, ownSchema, sharedSchema } from "./schemas.js";
import { frames, type StreamEvent, sse, upstream } from "./upstream.js";

const RUNS = { numRuns: Number(process.env.LINK_RUNS ?? 150) };
const DELTA = "response.output_text.delta";

/** Generates a random text, or takes one of the cases of linked-texts.ts. */
const anyGiven: fc.Arbitrary<Given> = fc.oneof(
  random,
  fc.constantFrom(...cases).map(([, given]) => given),
);
/** Generates the offsets at which a text is cut into deltas: random offsets, or one after each character. */
const anyCuts = fc.oneof(cutsOf, fc.constant(Array.from({ length: 2000 }, (_, at) => at)));
const cutsIn = (text: string, cuts: readonly number[]): number[] => cuts.filter((cut) => cut < text.length);
const isInserted = (event: StreamEvent, before: StreamEvent | undefined): boolean =>
  event.sequence_number === before?.sequence_number;

afterEach(() => void vi.useRealTimers());

interface Step {
  taken: string;
  sent: string;
}

/** Repairs a stream. Each time the repair asks for an event, `steps` gets the model's text so far and the text sent so far. */
async function repaired(
  given: Given,
  cuts: readonly number[],
  options: RepairOptions = {},
  list = listOf(given.files),
) {
  const input = eventsOf(given, cutsIn(given.text, cuts)).map((event) =>
    event.type === DELTA ? { ...event, logprobs: [{ token: "x" }], obfuscation: "ab", extra: 1 } : event,
  );
  const steps: Step[] = [];
  const output: StreamEvent[] = [];
  let taken = "";
  async function* events() {
    for (const event of input) {
      // The repair asks for the next event only after it has sent all that it can.
      steps.push({ taken, sent: textIn(output) });
      if (event.type === DELTA) taken += event.delta as string;
      yield event;
    }
  }
  for await (const event of repairResponseStream(events(), list, { ...OPTIONS, ...options }))
    output.push(event);
  return { input, output, steps };
}

const withoutText = ({ type, sequence_number, output_index, item_id, content_index }: StreamEvent) => ({
  ...{ type, sequence_number, output_index, item_id, content_index },
});

describe("annotations", () => {
  /** Random starts and lengths, from which the test makes ranges in code points or in UTF-16 units. */
  const ranges = fc.array(fc.tuple(fc.nat(300), fc.nat(20)), { maxLength: 4 });

  it("fit the text with links, in each unit", async () => {
    const property = fc.asyncProperty(
      anyGiven,
      anyCuts,
      ranges,
      fc.constantFrom("code-point" as const, "utf-16" as const),
      async (given, cuts, picked, indexUnit) => {
        const unitsOf = (text: string): string[] => (indexUnit === "utf-16" ? text.split("") : [...text]);
        const units = unitsOf(given.text);
        const cited = picked.map(([at, length], index) => {
          const start_index = at % units.length;
          const end_index = Math.min(units.length, start_index + 1 + length);
          return { type: "url_citation", url: `https://e.com/${index}`, title: "e", start_index, end_index };
        });
        const chart = {
          ...{ type: "container_file_citation", container_id: "cntr_1", file_id: "cfile_0" },
          ...{ filename: "cfile_0.png", start_index: 0, end_index: 0 },
        };
        const annotations = [chart, ...cited];
        const one = { ...given, annotations };
        const options = { ...OPTIONS, indexUnit };
        const { text, annotations: moved } = await streamed(one, cutsIn(given.text, cuts), options);
        expect(moved.slice(0, annotations.length).map(({ type }) => type)).toEqual(
          annotations.map(({ type }) => type),
        );
        expect(moved[0]).toEqual(chart);
        const now = unitsOf(text);
        for (const [at, { start_index: start, end_index: end }] of cited.entries()) {
          const { start_index, end_index } = moved[at + 1]!;
          expect(start_index).toBeLessThanOrEqual(end_index);
          expect(end_index).toBeLessThanOrEqual(now.length);
          const was = units.slice(start, end).join("");
          const is = now.slice(start_index, end_index).join("");
          // If the text in the range has changed, a link must have changed it. The link is then in the range or next to the range.
          const around = now.slice(Math.max(0, start_index - 100), end_index + 100).join("");
          if (is !== was) expect(around).toContain("f.test");
        }
        const covered = (moved as (typeof chart)[])
          .filter(({ type, end_index }) => type === chart.type && end_index > 0)
          .map(({ start_index, end_index, file_id }) => ({
            at: now.slice(0, start_index).join("").length,
            covers: now.slice(start_index, end_index).join(""),
            url: toUrl({ file_id }),
          }));
        for (const { covers, url } of covered) if (covers.includes("f.test")) expect(covers).toBe(url);
        for (const { index } of text.matchAll(/https:\/\/f\.test\//g))
          expect(covered.map(({ at }) => at)).toContain(index);
      },
    );
    await fc.assert(property, RUNS);
  });
});

describe("what is held", () => {
  /** Matches the first character of a mention, or of the markup right before a mention. */
  const START = /[sfhSFH/\\%&`!<]/;
  const DESTINATION = /(?:\]\(|\]:|=)\s*\\?["'<]?\s*$/;

  it("starts where a mention can start, and everything before it was sent", async () => {
    const property = fc.asyncProperty(anyGiven, anyCuts, async (given, cuts) => {
      // `toUrl` returns no URL, so the text does not change. The repair holds the text that it has received but not yet sent.
      const { steps, output } = await repaired(given, cuts, { links: () => undefined });
      for (const { taken, sent } of steps) {
        expect(taken.startsWith(sent)).toBe(true);
        if (sent === taken) continue;
        const isStart = START.test(taken[sent.length]!) || DESTINATION.test(sent);
        expect(isStart, JSON.stringify({ sent, held: taken.slice(sent.length) })).toBe(true);
      }
      expect(readEvents(output).text).toBe(given.text);
    });
    await fc.assert(property, RUNS);
  });

  const failing = async (): Promise<ContainerFile[]> => {
    throw new Error("no list");
  };
  const throwing = (): never => {
    throw new Error("no URL");
  };
  const never = (): Promise<never> => new Promise(() => {});
  it.each<[string, RepairOptions["links"], typeof failing?]>([
    ["the list fails", toUrl, failing],
    ["the list hangs", toUrl, never],
    ["toUrl throws", throwing],
    ["toUrl rejects", async () => throwing()],
    ["toUrl hangs", never],
  ])("is sent unchanged if %s", async (_, links, list) => {
    vi.useFakeTimers();
    const property = fc.asyncProperty(anyGiven, cutsOf, async (given, cuts) => {
      const repairing = repaired(given, cuts, { links, timeoutMs: 100 }, list);
      let isDone = false;
      void repairing.finally(() => {
        isDone = true;
      });
      while (!isDone) await vi.advanceTimersByTimeAsync(100);
      const { output } = await repairing;
      expect(readEvents(output).text).toBe(given.text);
      expect(vi.getTimerCount()).toBe(0);
    });
    await fc.assert(property, { numRuns: Math.ceil(RUNS.numRuns / 3) });
  });
});

describe("events", () => {
  it("keep their order, numbers and other fields; an unchanged delta is the same object", async () => {
    const property = fc.asyncProperty(anyGiven, anyCuts, async (given, cuts) => {
      const { input, output } = await repaired(given, cuts);
      const kept = output.filter((event, at) => !isInserted(event, output[at - 1]));
      expect(kept.map(withoutText)).toEqual(input.map(withoutText));
      for (const [at, event] of kept.entries()) {
        const was = input[at]!;
        if (event.type !== DELTA || event === was) continue;
        expect(event.delta).not.toBe(was.delta);
        expect(event).toEqual({ ...was, delta: event.delta, logprobs: [] });
      }
      const types = output.filter((event, at) => isInserted(event, output[at - 1])).map(({ type }) => type);
      for (const type of types) expect([DELTA, "response.output_text.annotation.added"]).toContain(type);
    });
    await fc.assert(property, RUNS);
  });

  it("stay valid against the schemas, and the message is valid as input of the next request", async () => {
    const property = fc.asyncProperty(anyGiven, cutsOf, async (given, cuts) => {
      const input = eventsOf(given, cutsIn(given.text, cuts));
      const options = { ...OPTIONS, links: { toUrl, onMissing: () => "GONE" } };
      const output: StreamEvent[] = [];
      for await (const event of repairResponseStream(input, listOf(given.files), options)) output.push(event);
      const { item } = output.findLast(({ type }) => type === "response.output_item.done")!;
      const changed = output.filter((event) => !input.includes(event));
      for (const event of changed) expectValid("ResponseStreamEvent", event);
      ownSchema.expectValid("ResponseInputItem", item);
      sharedSchema?.expectValid("InputItem", item);
    });
    await fc.assert(property, RUNS);
  });

  it("that are deltas stay the same objects without the option links", async () => {
    const property = fc.asyncProperty(anyGiven, anyCuts, async (given, cuts) => {
      const { input, output } = await repaired(given, cuts, { links: undefined });
      const deltas = input.filter(({ type }) => type === DELTA);
      const sent = output.filter(({ type }) => type === DELTA);
      expect(sent).toHaveLength(deltas.length);
      for (const [at, event] of sent.entries()) expect(event).toBe(deltas[at]);
      expect(readEvents(output).text).toBe(given.text);
    });
    await fc.assert(property, RUNS);
  });
});

it("the bytes of a stream are the same without the option links as from the API, if nothing is missing", async () => {
  const property = fc.asyncProperty(
    anyGiven,
    cutsOf,
    fc.integer({ min: 1, max: 400 }),
    async (given, cuts, size) => {
      const sent = frames(eventsOf({ ...given, files: [] }, cutsIn(given.text, cuts)));
      const { fetch } = upstream({ answer: () => sse(sent, size), files: [] });
      const repairing = createFileCitationsFetch({ fetch, retries: 0 });
      const answer = await repairing("https://api.openai.com/v1/responses", { method: "POST", body: "{}" });
      expect(await answer.text()).toBe(sent);
    },
  );
  await fc.assert(property, RUNS);
});

it("a URL is written as replaceFileLinks writes it, so that it cannot break out of its place", async () => {
  const hostile = fc
    .array(
      fc.constantFrom(..."()[]<>{}\"'`\\|*_#&% \n\t", "](", "-->", "</a>", "javascript:", "\u{1f389}", "x"),
      {
        maxLength: 12,
      },
    )
    .map((parts) => `https://f.test/${parts.join("")}`);
  const property = fc.asyncProperty(
    fc.constantFrom(...Object.values({ ...LINK_FORMS, ...BARE_FORMS })),
    fc.constantFrom(...NAMES),
    fc.constantFrom(...SENTENCES),
    hostile,
    cutsOf,
    async (write, name, sentence, url, cuts) => {
      const [before, after] = sentence.split("%");
      const text = `${before}${write(name).join("")}${after}`;
      const given = { text, files: [{ ...file(name), container_id: "cntr_1", created_at: 1_760_000_001 }] };
      const options = { ...OPTIONS, links: () => url };
      const whole = await plain(given, options);
      expect((await streamed(given, cutsIn(text, cuts), options)).text).toBe(whole.text);
      fc.pre(!/```|~~~|^(?: {4}| {0,3}\t)/m.test(text)); // code blocks stay as the model wrote them
      const { annotations } = resolveFileCitations(text, given.files);
      expect(whole.text).toBe(replaceFileLinks(text, annotations, () => url));
    },
  );
  await fc.assert(property, RUNS);
});
