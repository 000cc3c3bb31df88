/**
 * Tests every public function with random and mutated input. A function must throw only documented errors and never change its
 * input. Valid input must give valid output, and a second repair must change nothing more. `npm run fuzz` runs the same tests for
 * FUZZ_SECONDS, starting with the seed FUZZ_SEED. This file is long because every public function has a property, and all use the
 * same input.
 */
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { createFileRoute } from "../src/files/route.js";
import {
  type Annotation,
  addLinkInstruction,
  collectFiles,
  createFileCitationsFetch,
  type RepairOptions,
  type Report,
  repairResponse,
  repairResponseStream,
  replaceFileLinks,
  resolveFileCitations,
  saveFiles,
  withFileCitations,
} from "../src/index.js";
import {
  chartModel,
  compliantModel,
  createResponsesEmulator,
  stubbornModel,
  twoContainersModel,
  twoFilesModel,
} from "../src/testing/index.js";
import { createWebhookHandler } from "../src/webhook.js";
import { frozen } from "./frozen.js";
import { made } from "./fuzz-schema.js";
import { filesOf, type Json, mutantEvents, mutants, plain, text, value } from "./fuzz-values.js";
import { RESPONSES, STREAMS } from "./recordings.js";
import { SCHEMAS, type Schema } from "./schemas.js";
import { BASE, eventsIn, frames, json, sse, streamOf, upstream } from "./upstream.js";
import { deliveryOf, WEBHOOK_SECRET } from "./webhook-delivery.js";

type Event = Json & { type: string };
type ResponseLike = Json & { output: unknown };

const SECONDS = Number(process.env.FUZZ_SECONDS ?? 0);
// `npm run fuzz` takes a random seed. Otherwise the seed is fixed, so that only a change of the code can cause a new failure.
const SEED = Number(
  process.env.FUZZ_SEED ?? (process.env.FUZZ_SECONDS ? Math.floor(Math.random() * 2 ** 31) : 1),
);
/** The time for one property. Each kind of input has eleven properties, and all properties share the time equally. */
const BUDGET_MS = (SECONDS * 1000) / (11 * (2 + SCHEMAS.length));
if (process.env.FUZZ_SECONDS) console.log(`FUZZ_SEED=${SEED}`);

const REQUEST = {
  model: "gpt-5",
  input: "Write the totals to a CSV",
  tools: [{ type: "code_interpreter", container: { type: "auto" } }],
};

/**
 * Tests a property in rounds of 25 inputs, for `BUDGET_MS` and at least one round. A failure names the seed of its round. To
 * repeat that round, set FUZZ_SEED to this seed. Only `npm run fuzz` takes the time to shrink the input that failed.
 */
async function holds<Input>(
  inputs: fc.Arbitrary<Input>,
  property: (input: Input) => void | Promise<void>,
): Promise<void> {
  const end = performance.now() + BUDGET_MS;
  for (let seed = SEED; seed === SEED || performance.now() < end; seed++) {
    const round = fc.asyncProperty(inputs, async (input) => property(input));
    await fc.assert(round, { seed, numRuns: 25, endOnFailure: !process.env.FUZZ_SECONDS });
  }
}

/** Returns the emulator's responses for several models, in JSON and as streams. */
async function emulated(): Promise<{ responses: ResponseLike[]; streams: Event[][] }> {
  const responses: ResponseLike[] = [];
  const streams: Event[][] = [];
  const files = { "a.csv": "1", "b.csv": "2" };
  for (const script of [
    stubbornModel({ files }),
    twoFilesModel(),
    chartModel(),
    twoContainersModel(),
    compliantModel(),
  ]) {
    const { fetch } = createResponsesEmulator({ script });
    const ask = (stream: boolean): Promise<Response> =>
      fetch(`${BASE}/responses`, {
        method: "POST",
        headers: { authorization: "Bearer k", "content-type": "application/json" },
        body: JSON.stringify({ ...REQUEST, stream }),
      });
    responses.push((await (await ask(false)).json()) as ResponseLike);
    streams.push(eventsIn(await (await ask(true)).text()));
  }
  return { responses, streams };
}

/** Returns the recordings with and without their citations. Only every twentieth code delta is kept, to save time. */
function recorded(): { responses: ResponseLike[]; streams: Event[][] } {
  const responses = RESPONSES.map(({ response }) => response);
  const streams = STREAMS.map(({ events }) =>
    events.filter(({ type }, at) => !type.includes("code.delta") || at % 20 === 0),
  );
  const uncited = streams.map((events) =>
    events.filter(({ type }) => type !== "response.output_text.annotation.added"),
  );
  return {
    responses: [...responses, ...withoutAnnotations(responses)],
    streams: [...streams, ...withoutAnnotations(uncited)],
  };
}

/** Returns the schemas in which the definition with the name `name` accepts all given values. */
function accepting(name: string, ...values: unknown[]): Schema[] {
  return SCHEMAS.filter((schema) => values.every((value) => schema.isValid(name, value)));
}

function withoutAnnotations<Value>(original: Value): Value {
  return JSON.parse(JSON.stringify(original), (key, inner) => (key === "annotations" ? [] : inner));
}

const options: fc.Arbitrary<RepairOptions> = fc.record({
  unmentioned: fc.constantFrom("report", "cite"),
  indexUnit: fc.constantFrom("auto", "code-point", "utf-16"),
  retries: fc.constant(0), // a retry would wait
});

/**
 * Returns the output without the annotations that were added to the input. Expects that the input's annotations come first in the
 * output and that all added annotations are citations. `canCite` is true if the option `unmentioned` is `"cite"`. Then an added
 * citation may have no range (0 to 0).
 */
function withoutAddedCitations(out: unknown, input: unknown, canCite: boolean): unknown {
  if (out === input || typeof out !== "object" || out === null) return out;
  if (Array.isArray(out))
    return out.map((entry, at) => withoutAddedCitations(entry, (input as unknown[])?.[at], canCite));
  const restored: Json = {};
  for (const [key, inner] of Object.entries(out)) {
    const before = (input as Json | undefined)?.[key];
    if (key !== "annotations" || inner === before || !Array.isArray(inner)) {
      Object.defineProperty(restored, key, {
        value: withoutAddedCitations(inner, before, canCite),
        enumerable: true,
        writable: true,
        configurable: true,
      });
      continue;
    }
    const given = Array.isArray(before) ? before : [];
    expect(inner.slice(0, given.length)).toEqual(given);
    for (const added of inner.slice(given.length)) expectCitation(added, canCite);
    if (before !== undefined) restored[key] = before;
  }
  return restored;
}

function expectCitation(annotation: Json, canCite: boolean): void {
  expect(annotation).toEqual({
    type: "container_file_citation",
    container_id: expect.any(String),
    file_id: expect.any(String),
    filename: expect.any(String),
    start_index: expect.any(Number),
    end_index: expect.any(Number),
  });
  const { start_index: start, end_index: end } = annotation as { start_index: number; end_index: number };
  expect(end > start || (canCite && start === 0 && end === 0), JSON.stringify(annotation)).toBe(true);
}

/** Expects that the output is the input with added citations. */
function expectSame(out: unknown, input: unknown, canCite = false): void {
  const restored = withoutAddedCitations(out, input, canCite);
  if (!isDeepStrictEqual(plain(restored), plain(input))) expect(restored).toEqual(input);
}

/**
 * Expects that the output has all events of the input, and that only citation events were added. The events of one response keep
 * their order.
 */
function expectSameEvents(out: readonly unknown[], came: readonly unknown[], canCite = false): void {
  // If there are several responses, the events of each response keep their order. Events of different responses can change
  // places, because a response that waits does not delay the others.
  const areSeveral = responseIdsIn(came).size > 1;
  const left = [...came];
  for (const event of out) {
    const at = areSeveral ? left.findIndex((one) => isSameEvent(event, one)) : 0;
    if (at >= 0 && left.length > 0 && isSameEvent(event, left[at])) {
      expectSame(event, left[at], canCite);
      left.splice(at, 1);
      continue;
    }
    expect((event as Event)?.type, "the type of an event that is not in the input").toBe(
      "response.output_text.annotation.added",
    );
    expectCitation((event as Event).annotation as Json, canCite);
  }
  expect(left.length, "the number of input events that are missing").toBe(0);
}

function responseIdsIn(events: readonly unknown[]): Set<unknown> {
  const begun = events.filter((event) => (event as Event)?.type === "response.created");
  return new Set(begun.map((event) => ((event as Event).response as Json | undefined)?.id));
}

/** Returns whether two events are the same except for their annotations. The repair can add a list of annotations to a part. */
function isSameEvent(event: unknown, other: unknown): boolean {
  const bare = (one: unknown): string =>
    JSON.stringify(one, (key, inner) => (key === "annotations" ? undefined : inner));
  return bare(event) === bare(other);
}

/** Throws the error of a report if a bug caused the error. The library only reports such an error and passes the response on. */
function expectNoMistake({ error }: Report): void {
  if (error instanceof TypeError || error instanceof RangeError) throw error;
}

async function eventsOf(events: AsyncIterable<unknown>): Promise<{ events: unknown[]; error?: unknown }> {
  const read: unknown[] = [];
  try {
    for await (const event of events) read.push(event);
  } catch (error) {
    return { events: read, error };
  }
  return { events: read };
}

const container = { containers: { files: { content: { retrieve: async () => new Response("bytes") } } } };
const listAll = (containerId: string): Response =>
  Response.json({ object: "list", data: filesOf(containerId), has_more: false });

function answering(answer: () => Response): typeof fetch {
  return upstream({ answer, list: listAll }).fetch;
}

interface Inputs {
  responses: () => fc.Arbitrary<ResponseLike>;
  streams: () => fc.Arbitrary<Event[]>;
  requests: () => fc.Arbitrary<Json>;
}

function properties({ responses, streams, requests }: Inputs): void {
  it("repairResponse", () =>
    holds(fc.tuple(responses(), options), async ([input, chosen]) => {
      frozen(input);
      if (!Array.isArray(input.output)) {
        await expect(repairResponse(input, filesOf, chosen)).rejects.toThrow(/^response must be/);
        return;
      }
      const schemas = accepting("Response", input);
      const { response, report } = await repairResponse(input, filesOf, chosen);
      expectNoMistake(report);
      expectSame(response, input, chosen.unmentioned === "cite");
      for (const schema of schemas) schema.expectValid("Response", response);
      if (report.citations.every(({ origin }) => origin === "api")) expect(response).toBe(input);
      expect((await repairResponse(response, filesOf, chosen)).response).toBe(response);
    }));

  it("repairResponseStream", () =>
    holds(fc.tuple(streams(), options), async ([input, chosen]) => {
      frozen(input);
      const reports: Report[] = [];
      const all = { ...chosen, onReport: (report: Report) => void reports.push(report) };
      const { events, error } = await eventsOf(repairResponseStream(input, filesOf, all));
      if (error) throw error;
      reports.forEach(expectNoMistake);
      expectSameEvents(events, input, chosen.unmentioned === "cite");
      for (const schema of accepting("ResponseStreamEvent", ...input)) {
        for (const event of events) schema.expectValid("ResponseStreamEvent", event);
      }
      const again = await eventsOf(repairResponseStream(events as Event[], filesOf, chosen));
      // Events of different responses can change places in the second repair, too (see `expectSameEvents`).
      const areSeveral = responseIdsIn(input).size > 1;
      const [once, twice] = [events, again.events].map((list) =>
        areSeveral ? list.map((event) => JSON.stringify(event)).sort() : list,
      );
      expect(twice).toEqual(once);
    }));

  const cuts = fc.array(fc.nat(), { maxLength: 12 });
  const cutAt = (bytes: string, at: readonly number[]): number[] => {
    const { length } = new TextEncoder().encode(bytes);
    return at.map((one) => one % (length + 1));
  };
  const throughFetch = async (bytes: string, at: readonly number[], type: string): Promise<string> => {
    const reports: Report[] = [];
    const answer = (): Response =>
      new Response(sse(bytes, cutAt(bytes, at)).body, { headers: { "content-type": type } });
    const fetch = createFileCitationsFetch({
      fetch: answering(answer),
      retries: 0,
      onReport: (report) => void reports.push(report),
    });
    const answered = await fetch(`${BASE}/responses`, { method: "POST", body: JSON.stringify(REQUEST) });
    const out = await answered.text();
    reports.forEach(expectNoMistake);
    return out;
  };

  it("createFileCitationsFetch, JSON", () =>
    holds(fc.tuple(responses(), cuts, fc.option(fc.nat())), async ([input, at, end]) => {
      const whole = JSON.stringify(input);
      const bytes = utf8(end === null ? whole : whole.slice(0, end % (whole.length + 1)));
      const out = await throughFetch(bytes, at, "application/json");
      if (out !== bytes) expectSame(JSON.parse(out), JSON.parse(bytes));
      if (bytes === whole) {
        for (const schema of accepting("Response", input)) schema.expectValid("Response", JSON.parse(out));
      }
      expect(await throughFetch(out, at, "application/json")).toBe(out);
    }));

  it("createFileCitationsFetch, events", () =>
    holds(fc.tuple(streams(), cuts, fc.option(fc.nat())), async ([input, at, end]) => {
      const whole = utf8(frames(input.map((event) => ({ ...event, type: oneLine(event.type) }))));
      const bytes = utf8(end === null ? whole : whole.slice(0, end % (whole.length + 1)));
      const out = await throughFetch(bytes, at, "text/event-stream");
      if (bytes === whole) expectSameEvents(eventsIn(out), eventsIn(bytes));
      else
        expect(
          out.endsWith(bytes.slice(bytes.lastIndexOf("\n\n") + 2)),
          "ends with the incomplete frame",
        ).toBe(true);
      expect(await throughFetch(out, at, "text/event-stream")).toBe(out);
    }));

  it("withFileCitations", () =>
    holds(fc.tuple(responses(), streams()), async ([input, events]) => {
      const whole = { answer: () => json(JSON.stringify(input)), stream: () => sse(frames(events)) };
      const clientOf = (answer: () => Response): OpenAI =>
        new OpenAI({ apiKey: "k", maxRetries: 0, fetch: answering(answer) });
      const ask = (client: OpenAI): Promise<unknown> =>
        client.responses.create(REQUEST as never).catch((error) => ({ error: String(error) }));
      const bare = clientOf(whole.answer);
      expectSame(await ask(withFileCitations(bare, { retries: 0 })), await ask(bare));

      const read = async (client: OpenAI): Promise<{ events: unknown[]; error?: unknown }> =>
        eventsOf((await client.responses.create({ ...REQUEST, stream: true } as never)) as never);
      const bareStream = clientOf(whole.stream);
      const unrepaired = await read(bareStream);
      const out = await read(withFileCitations(bareStream, { retries: 0 }));
      expectSameEvents(out.events, unrepaired.events);
      expect(String(out.error)).toBe(String(unrepaired.error));
    }));

  it("addLinkInstruction", () =>
    holds(fc.tuple(requests(), fc.boolean()), ([input, isLast]) => {
      const schemas = accepting("CreateResponse", input);
      const placement = isLast ? "last-user-message" : "instructions";
      const asking = addLinkInstruction(frozen(input), { instruction: { placement } });
      for (const schema of schemas) schema.expectValid("CreateResponse", asking);
      expect(addLinkInstruction(asking, { instruction: { placement } })).toBe(asking);
    }));

  it("resolveFileCitations and replaceFileLinks", () =>
    holds(
      fc.tuple(responses(), fc.array(value, { maxLength: 2 }), options),
      ([input, odd, { indexUnit }]) => {
        for (const part of partsOf(input)) {
          const given = frozen([...(Array.isArray(part.annotations) ? part.annotations : []), ...odd]);
          const annotations = given.filter((one) => isObject(one)) as unknown as Annotation[];
          const files = filesOf("cntr_1");
          const found = resolveFileCitations(part.text, frozen(files), { annotations, indexUnit });
          for (const annotation of found.annotations) expectCitation({ ...annotation }, false);
          for (const { text: spelled, start, end } of [...found.citations, ...found.unresolved]) {
            expect(part.text.slice(start, end)).toBe(spelled);
          }
          const all = [...annotations, ...found.annotations];
          expect(resolveFileCitations(part.text, files, { annotations: all, indexUnit }).annotations).toEqual(
            [],
          );
          const links = [...given, ...found.annotations] as Annotation[];
          expect(replaceFileLinks(part.text, links, () => undefined, { indexUnit })).toBe(part.text);
          const replaced = replaceFileLinks(
            part.text,
            links,
            ({ file_id }) => `https://x.example/${file_id}`,
            {
              indexUnit,
              unresolved: found.unresolved,
              onMissing: () => "(gone)",
            },
          );
          expect(typeof replaced).toBe("string");
        }
      },
    ));

  it("collectFiles and saveFiles", () =>
    holds(responses(), async (input) => {
      frozen(input);
      if (!Array.isArray(input.output)) {
        expect(() => collectFiles(input)).toThrow(/^response must be/);
        return;
      }
      const sink = async (_: unknown, stream: ReadableStream<Uint8Array>): Promise<number> =>
        (await new Response(stream).bytes()).length;
      const { saved, failed } = await saveFiles(container, input, sink, { retries: 0 });
      const files = collectFiles(input);
      expect(saved.length + failed.length).toBe(files.length);
      for (const { file } of [...saved, ...failed]) expect(files).toContainEqual(file);
    }));

  it("createFileRoute", () =>
    holds(fc.tuple(responses(), text), async ([input, token]) => {
      const secret = "0123456789abcdef0123456789abcdef";
      const route = createFileRoute(container, { secret, basePath: "https://example.com/files" });
      for (const one of partsOf(frozen(input)).flatMap((part) => [part.annotations].flat(1))) {
        const url = await route.urlFor(one as never).catch((error: Error) => error);
        if (url instanceof Error) {
          expect(url.message).toMatch(/^file must be/);
          continue;
        }
        const answer = await route.handler(new Request(url));
        expect(answer.status).toBe(200);
        expect(answer.headers.get("content-disposition")).toMatch(/^(?:inline|attachment); filename/);
        expect(await answer.text()).toBe("bytes");
      }
      const forged = new Request(`https://example.com/files/${encodeURIComponent(utf8(token))}`);
      expect((await route.handler(forged)).status).toBe(403);
    }));

  it("createWebhookHandler", () =>
    holds(fc.tuple(responses(), value, fc.boolean()), async ([input, data, isOdd]) => {
      const given: unknown[] = [];
      const client = new OpenAI({
        apiKey: "k",
        webhookSecret: WEBHOOK_SECRET,
        maxRetries: 0,
        fetch: answering(() => json(JSON.stringify(input))),
      });
      const bare = await client.responses.retrieve("resp_1").catch(() => undefined);
      const handler = createWebhookHandler(client, {
        retries: 0,
        onError: () => {},
        onResponse: (response) => void given.push(response),
      });
      const event = { type: "response.completed", data: isOdd ? data : { id: "resp_1" } };
      const { status } = await handler(new Request("https://example.com/webhook", deliveryOf(event)));
      expect([200, 400, 500]).toContain(status);
      expect(given).toHaveLength(status === 200 ? 1 : 0);
      if (given.length > 0) expectSame(given[0], bare);
    }));

  it("a source that returns any value", () =>
    holds(fc.tuple(responses(), streams(), value), async ([input, events, listed]) => {
      const source = (): never => listed as never;
      const all = { retries: 0 };
      if (Array.isArray(input.output)) {
        expectSame((await repairResponse(frozen(input), source, all)).response, input);
      }
      const out = await eventsOf(repairResponseStream(frozen(events), source, all));
      expect(out.error).toBeUndefined();
      expectSameEvents(out.events, events);
    }));
}

function isObject(one: unknown): one is Json {
  return typeof one === "object" && one !== null && !Array.isArray(one);
}

/** Returns a text as it arrives after UTF-8 encoding, which replaces lone surrogates. */
function utf8(given: string): string {
  return Buffer.from(given).toString();
}

/** Returns an event type that a server can write in an `event:` line: a string without line breaks. */
function oneLine(type: unknown): string {
  return typeof type === "string" ? type.replace(/[\r\n]/g, " ") : "odd";
}

function partsOf({ output }: ResponseLike): (Json & { text: string })[] {
  return (Array.isArray(output) ? output : [])
    .filter(isObject)
    .flatMap(({ content }) => (Array.isArray(content) ? content : []))
    .filter((part): part is Json & { text: string } => isObject(part) && typeof part.text === "string");
}

beforeAll(() => {
  for (const name of ["Response", "ResponseStreamEvent", "CreateResponse"]) accepting(name, {}); // compiles the schemas
  vi.spyOn(console, "error").mockReturnValue(); // silences the SDK, which logs data that it cannot parse
  vi.stubGlobal("fetch", async () => new Response("bytes")); // image URLs are fetched without the network
});
afterAll(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});
vi.setConfig({ testTimeout: BUDGET_MS + 30_000 });

const base = await emulated();

describe("mutated responses of the emulator", () => {
  properties({
    responses: () => mutants(base.responses),
    streams: () => mutantEvents(base.streams),
    requests: () => mutants<Json>([REQUEST, { ...REQUEST, input: [{ role: "user", content: "Hi" }] }]),
  });
});

describe("mutated recordings", () => {
  properties({
    responses: () => mutants(recorded().responses),
    streams: () => mutantEvents(recorded().streams),
    requests: () => mutants(recorded().responses as Json[]),
  });
});

describe.each(SCHEMAS)("random values that $name allows", (schema) => {
  const output = (): fc.Arbitrary<Json[]> =>
    fc.array(made(schema, "OutputItem", 80) as fc.Arbitrary<Json>, { maxLength: 5 });
  // Removes `stream_id`. Events with different values of `stream_id` can overtake each other (see lanes.test.ts), but these
  // tests expect the events in order.
  const event = (): fc.Arbitrary<Event> =>
    (made(schema, "ResponseStreamEvent", 80) as fc.Arbitrary<Event>).map(({ stream_id: _, ...rest }) => rest);
  properties({
    responses: () => made(schema, "Response") as fc.Arbitrary<ResponseLike>,
    streams: () =>
      fc.oneof(
        fc.array(event(), { maxLength: 12 }),
        output().map((items) => streamOf(items.map(withTexts)) as Event[]),
      ),
    requests: () => made(schema, "CreateResponse") as fc.Arbitrary<Json>,
  });
  /** Removes `content` from items that are not messages: `streamOf` streams only the parts of messages. */
  function withTexts(item: Json): Json {
    if (item.type === "message") return item;
    const { content: _, ...rest } = item;
    return rest;
  }
});
