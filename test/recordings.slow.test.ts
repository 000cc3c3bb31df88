/**
 * Checks that the scripts in `recordings/` make exactly the files there. Then removes the citations from the recordings and tests
 * that every way to repair a response restores the recordings exactly.
 */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createFileCitationsFetch, type Report, repairResponse, repairResponseStream } from "../src/index.js";
import {
  LANES,
  RESPONSES,
  type RecordedResponse,
  readOwn,
  recovered,
  recoveredEvents,
  STREAMS,
  uncitedEvents,
  withoutCitations,
} from "./recordings.js";
import { expectValid, ownSchema } from "./schemas.js";
import { describeShared } from "./shared.js";
import { BASE, eventsIn, frames, json, type StreamEvent, sse, upstream } from "./upstream.js";

describe("the files in test/recordings", () => {
  it.each(["make.mjs", "schema.mjs"])("are what %s makes", async (script) => {
    const path = fileURLToPath(new URL(`recordings/${script}`, import.meta.url));
    await promisify(execFile)(process.execPath, [path, "--check"]);
  });

  it.each(RESPONSES)("$name is valid and has citations", ({ response }) => {
    expectValid("Response", response);
    expect(withoutCitations(response)).not.toEqual(response);
  });

  it.each(STREAMS)("$name is valid and has citations", ({ events }) => {
    for (const event of events) expectValid("ResponseStreamEvent", event);
    expect(events.map((event) => event.sequence_number)).toEqual([...events.keys()]);
    expect(uncitedEvents(events).length).toBeLessThan(events.length);
  });

  it("with several agents and lanes are valid", () => {
    ownSchema.expectValid("BetaResponse", JSON.parse(readOwn("two-agents.json")).response);
    for (const event of LANES.events) expectValid("ResponseStreamEvent", event);
  });
});

/**
 * Returns the shape of a value: each string, number and boolean is replaced by the name of its type. An array keeps one entry of
 * each shape.
 */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) {
    const shapes = new Set(value.map((entry) => JSON.stringify(shapeOf(entry))));
    return [...shapes].sort();
  }
  if (typeof value !== "object" || value === null) return value === null ? null : typeof value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, shapeOf(inner)]));
}

/**
 * Returns the event types in the order in which they first appear. Each type comes with the shapes of its events. A shape keeps
 * the order of the fields.
 */
function shapesOf(events: readonly StreamEvent[]): unknown {
  const types = [...new Set(events.map(({ type }) => type))];
  return types.map((type) => [type, shapeOf(events.filter((event) => event.type === type))]);
}

describeShared("our recordings and those of the real API", () => {
  it("have the same fields, in the same order", () => {
    const [response, real] = ["one-file.json", "../shared/response.json"].map(
      (wanted) => RESPONSES.find(({ name }) => name === wanted)!.response,
    );
    expect(JSON.stringify(shapeOf(response))).toBe(JSON.stringify(shapeOf(real)));
  });

  // Uses `emoji.jsonl` because each of its calls has logs, as in the real stream.
  it("have the same events, in the same order and with the same fields", () => {
    const [events, real] = ["emoji.jsonl", "../shared/stream.jsonl"].map(
      (wanted) => STREAMS.find(({ name }) => name === wanted)!.events,
    );
    expect(JSON.stringify(shapesOf(events!), null, 1)).toBe(JSON.stringify(shapesOf(real!), null, 1));
  });
});

describe("our own schema", () => {
  const [{ response }] = RESPONSES as [RecordedResponse];
  const message = response.output.at(-1)!;
  const [part] = message.content!;
  const [citation] = part!.annotations;
  const withCitation = (annotation: object): object => ({
    ...response,
    output: [{ ...message, content: [{ ...part, annotations: [annotation] }] }],
  });
  const { container_id: _, ...incomplete } = citation as { container_id?: string };

  it.each([
    ["a missing field of a citation", withCitation(incomplete)],
    ["an added field of a citation", withCitation({ ...citation, origin: "recovered" })],
    ["an index that is a string", withCitation({ ...citation, start_index: "4" })],
    ["an index that is no integer", withCitation({ ...citation, start_index: 4.5 })],
    ["an unknown type of annotation", withCitation({ ...citation, type: "file" })],
    ["an added field of an item", { ...response, output: [{ ...message, citations: [] }] }],
    ["an added field of a response", { ...response, report: {} }],
    ["an unknown status", { ...response, status: "done" }],
    ["a response without output", { ...response, output: undefined }],
  ])("rejects %s", (_, value) => {
    expect(ownSchema.isValid("Response", withCitation(citation!))).toBe(true);
    expect(ownSchema.isValid("Response", value)).toBe(false);
  });
});

describe.each(RESPONSES)("$name without its citations", ({ response: recorded, files }) => {
  const expected = recovered(recorded);

  it("is restored exactly by repairResponse", async () => {
    const { response, report } = await repairResponse(withoutCitations(recorded), files);
    expect(response).toEqual(expected);
    expect(JSON.stringify(response)).toBe(JSON.stringify(expected));
    expect(report.outcome).toBe("recovered");
    expectValid("Response", response);
  });

  it("is restored exactly in a JSON body by the fetch", async () => {
    const { fetch, lists } = upstream({ answer: () => json(withoutCitations(recorded)), files });
    const answer = await createFileCitationsFetch({ fetch })(`${BASE}/responses`, {
      method: "POST",
      body: "{}",
    });
    expect(await answer.json()).toEqual(expected);
    expect(lists()).toHaveLength(1);
  });

  it("is unchanged if it still has its citations, and no list is requested", async () => {
    const reports: Report[] = [];
    const { fetch, lists } = upstream({ answer: () => json(recorded) });
    const repairing = createFileCitationsFetch({ fetch, onReport: (report) => void reports.push(report) });
    const answer = await repairing(`${BASE}/responses/resp_1`);
    expect(await answer.text()).toBe(JSON.stringify(recorded, null, 2));
    expect(lists()).toEqual([]);
    expect(reports).toMatchObject([{ outcome: "nothing-to-do", heldMs: 0, listRequests: 0 }]);

    const given = structuredClone(recorded);
    expect((await repairResponse(given, files)).response).toBe(given);
  });
});

describe.each(STREAMS)("$name without its citations", ({ events, files }) => {
  const stripped = uncitedEvents(events);
  const expected = recoveredEvents(events);

  it("is restored exactly by repairResponseStream", async () => {
    const repaired: StreamEvent[] = [];
    for await (const event of repairResponseStream(stripped, files)) repaired.push(event);
    expect(repaired).toEqual(expected);
    for (const event of repaired) expectValid("ResponseStreamEvent", event);
  });

  async function streamed(bytes: string, cut: number | readonly number[]): Promise<string> {
    const { fetch } = upstream({ answer: () => sse(bytes, cut), files });
    const answer = await createFileCitationsFetch({ fetch })(`${BASE}/responses`, {
      method: "POST",
      body: "{}",
    });
    return answer.text();
  }

  it.each([1, 7, 4096, Infinity])("is restored exactly in a stream with chunks of %d bytes", async (size) => {
    expect(await streamed(frames(stripped), size)).toBe(frames(expected));
  });

  it("is restored exactly in a stream with random chunks", async () => {
    const bytes = frames(stripped);
    const length = new TextEncoder().encode(bytes).length;
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(length), { maxLength: 40 }), async (cuts) => {
        expect(await streamed(bytes, cuts)).toBe(frames(expected));
      }),
      { numRuns: 30 },
    );
  });

  const variants: [string, (text: string) => string][] = [
    ["CR LF", (text) => text.replaceAll("\n", "\r\n")],
    ["CR alone", (text) => text.replaceAll("\n", "\r")],
    ["comments", (text) => text.replaceAll(/^event: /gm, ": keep-alive\n: \nevent: ")],
    ["no event lines", (text) => text.replaceAll(/^event: .*\n/gm, "")],
    ["no space after the colon", (text) => text.replaceAll(/^(event|data): /gm, "$1:")],
    ["ids and retries", (text) => text.replaceAll(/^data: /gm, "id: 7\nretry: 10\ndata: ")],
    ["a byte order mark", (text) => `\ufeff${text}`],
  ];

  it.each(variants)(
    "has all events restored with %s, and the bytes before the first citation are unchanged",
    async (_, vary) => {
      const bytes = vary(frames(stripped));
      for (const size of [1, 7, 4096, Infinity]) {
        const text = await streamed(bytes, size);
        expect(eventsIn(text.replaceAll(/\r\n?/g, "\n"))).toEqual(expected);
        // `end` is before the first inserted citation. Up to `end`, the output equals the input, except for the byte order
        // mark. Decoding the output removes this mark.
        const end = bytes.lastIndexOf(
          "response.output_text.delta",
          bytes.indexOf("response.output_text.done"),
        );
        expect(end).toBeGreaterThan(0);
        expect(text.startsWith(bytes.slice(0, end).replace("\ufeff", ""))).toBe(true);
      }
    },
  );

  it("is unchanged if it still has its citations, and no list is requested", async () => {
    const reports: Report[] = [];
    const { fetch, lists } = upstream({ answer: () => sse(frames(events), 1000) });
    const repairing = createFileCitationsFetch({ fetch, onReport: (report) => void reports.push(report) });
    const body = await repairing(`${BASE}/responses/resp_1?stream=true`);
    expect(await body.text()).toBe(frames(events));
    expect(lists()).toEqual([]);
    expect(reports).toMatchObject([{ outcome: "nothing-to-do", heldMs: 0, listRequests: 0 }]);
    const citations = events.filter(({ type }) => type === "response.output_text.annotation.added");
    expect(reports[0]!.citations.map(({ origin }) => origin)).toEqual(citations.map(() => "api"));
  });
});
