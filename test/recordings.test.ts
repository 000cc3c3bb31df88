import fc from "fast-check";
import { beforeAll, expect, it } from "vitest";
import {
  type ContainerFile,
  createFileCitationsFetch,
  type Report,
  repairResponse,
  repairResponseStream,
} from "../src/index.js";
import { describeShared, expectValid, readShared } from "./shared.js";
import { BASE, eventsIn, frames, json, type StreamEvent, sse, upstream } from "./upstream.js";

interface Recording {
  output: { content?: { annotations: { end_index: number }[] }[] }[];
}

/** A value without the citations that cover text: what a reasoning model's answer looks like. */
function withoutCitations<T>(value: T): T {
  const isCitation = (entry: unknown): boolean =>
    (entry as { type?: string; end_index?: number }).type === "container_file_citation" &&
    (entry as { end_index: number }).end_index > 0;
  return JSON.parse(JSON.stringify(value), (key, inner) =>
    key === "annotations" ? inner.filter((entry: unknown) => !isCitation(entry)) : inner,
  );
}

function isCitationEvent({ type, annotation }: StreamEvent): boolean {
  return (
    type === "response.output_text.annotation.added" && (annotation as { end_index: number }).end_index > 0
  );
}

describeShared("the recordings, their citations taken out", () => {
  let recorded: Recording;
  let events: StreamEvent[];
  let files: Record<"response.json" | "stream.jsonl", ContainerFile[]>;
  /** The stream as it must come out: an inserted event has the number of the event before it. */
  let expected: StreamEvent[];
  let stripped: StreamEvent[];

  beforeAll(() => {
    recorded = JSON.parse(readShared("recordings/response.json"));
    events = readShared("recordings/stream.jsonl")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    files = JSON.parse(readShared("recordings/container-files.json"));
    stripped = withoutCitations(events.filter((event) => !isCitationEvent(event)));
    expected = events.map((event, at) =>
      isCitationEvent(event) ? { ...event, sequence_number: events[at - 1]!.sequence_number } : event,
    );
  });

  it("have something to recover", () => {
    expect(withoutCitations(recorded)).not.toEqual(recorded);
    expect(stripped).toHaveLength(events.length - 1);
  });

  it("come back exactly as they were, plain", async () => {
    const { response, report } = await repairResponse(withoutCitations(recorded), files["response.json"]);
    expect(response).toEqual(recorded);
    expect(JSON.stringify(response)).toBe(JSON.stringify(recorded));
    expect(report.outcome).toBe("recovered");
    expectValid("Response", response);
  });

  it("come back exactly as they were, plain, through the fetch", async () => {
    const { fetch, lists } = upstream({
      answer: () => json(withoutCitations(recorded)),
      files: files["response.json"],
    });
    const answer = await createFileCitationsFetch({ fetch })(`${BASE}/responses`, {
      method: "POST",
      body: "{}",
    });
    expect(await answer.json()).toEqual(recorded);
    expect(lists()).toHaveLength(1);
  });

  it("come back exactly as they were, event by event", async () => {
    const repaired: StreamEvent[] = [];
    for await (const event of repairResponseStream(stripped, files["stream.jsonl"])) repaired.push(event);
    expect(repaired).toEqual(expected);
    for (const event of repaired) expectValid("ResponseStreamEvent", event);
  });

  async function streamed(bytes: string, cut: number | readonly number[]): Promise<string> {
    const { fetch } = upstream({ answer: () => sse(bytes, cut), files: files["stream.jsonl"] });
    const answer = await createFileCitationsFetch({ fetch })(`${BASE}/responses`, {
      method: "POST",
      body: "{}",
    });
    return answer.text();
  }

  it.each([1, 7, 4096, Infinity])(
    "come back exactly as they were, streamed in chunks of %d bytes",
    async (size) => {
      expect(await streamed(frames(stripped), size)).toBe(frames(expected));
    },
  );

  it("come back exactly as they were, however the bytes are cut", async () => {
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
    "come back event for event with %s, and all other frames as they were",
    async (_, vary) => {
      const bytes = vary(frames(stripped));
      for (const size of [1, 7, 4096, Infinity]) {
        const text = await streamed(bytes, size);
        expect(eventsIn(text.replaceAll(/\r\n?/g, "\n"))).toEqual(expected);
        // The frames before the one that the citation goes in front of. A byte order mark is no text.
        const deltas = bytes.slice(0, bytes.lastIndexOf("response.output_text.delta")).replace("\ufeff", "");
        expect(text.startsWith(deltas)).toBe(true);
      }
    },
  );

  it("are untouched with their citations in, and nothing is asked for", async () => {
    const reports: Report[] = [];
    const plain = upstream({ answer: () => json(recorded) });
    const options = { onReport: (report: Report) => reports.push(report) };
    const answer = await createFileCitationsFetch({ fetch: plain.fetch, ...options })(
      `${BASE}/responses/resp_1`,
    );
    expect(await answer.text()).toBe(JSON.stringify(recorded, null, 2));

    const stream = upstream({ answer: () => sse(frames(events), 1000) });
    const body = await createFileCitationsFetch({ fetch: stream.fetch, ...options })(
      `${BASE}/responses/resp_1?stream=true`,
    );
    expect(await body.text()).toBe(frames(events));

    expect([...plain.lists(), ...stream.lists()]).toEqual([]);
    expect(reports.map(({ outcome, heldMs, listRequests }) => ({ outcome, heldMs, listRequests }))).toEqual([
      { outcome: "nothing-to-do", heldMs: 0, listRequests: 0 },
      { outcome: "nothing-to-do", heldMs: 0, listRequests: 0 },
    ]);
    expect(reports[1]!.citations.map(({ origin }) => origin)).toEqual(["api"]);

    const given = structuredClone(recorded);
    expect((await repairResponse(given, files["response.json"])).response).toBe(given);
  });
});
