/** Tests the option `links` with a resumed stream: the deltas before and after the break must add up to the text with links. */
import type OpenAI from "openai";
import NewestOpenAI from "openai-7";
import { describe, expect, it } from "vitest";
import {
  createFileCitationsFetch,
  type Report,
  repairResponseStream,
  withFileCitations,
} from "../src/index.js";
import { createResponsesEmulator } from "../src/testing/index.js";
import {
  expectLinked,
  LINKED,
  links,
  REQUEST,
  read,
  type StreamEvent,
  script,
  summary,
  TEXT,
} from "./linked-doors.js";
import { BASE, eventsIn, sse } from "./upstream.js";

/**
 * Returns the events up to the first event with this sequence number. An inserted event has the same number as the event before
 * it. So a client that stops at the first event with a number has not received the inserted events.
 */
function upTo(events: StreamEvent[], number: number): StreamEvent[] {
  return events.slice(0, events.findIndex(({ sequence_number }) => sequence_number === number) + 1);
}

describe("retrieve() with stream and starting_after", () => {
  it("sends the rest of the text with links after each event", async () => {
    const emulator = createResponsesEmulator({ script });
    const bare = new NewestOpenAI({ apiKey: "test", fetch: emulator.fetch });
    const { id } = await bare.responses.create({ ...REQUEST, background: true });
    const ofClient = (after?: number) => {
      // This client is new: it has not seen the response before.
      const client = withFileCitations(bare, { links });
      const query = after === undefined ? {} : { starting_after: after };
      return client.responses.retrieve(id, { stream: true, ...query });
    };
    const whole = await read(await ofClient());
    const last = whole.events.at(-1)!.sequence_number!;
    for (let number = 0; number < last; number++) {
      const rest = await read(await ofClient(number));
      expect(rest.events[0]!.sequence_number).toBeGreaterThanOrEqual(number);
      const before = summary(upTo(whole.events, number));
      expect(before.deltas + rest.deltas, `after ${number}`).toBe(LINKED);
      expect([...before.events, ...rest.events]).toEqual(whole.events);
      expectLinked(rest.last);
    }
  });

  it("requests only the rest if the option links is not set", async () => {
    const emulator = createResponsesEmulator({ script });
    const client = withFileCitations(new NewestOpenAI({ apiKey: "test", fetch: emulator.fetch }));
    const { id } = await client.responses.create({ ...REQUEST, background: true });
    const { deltas } = await read(await client.responses.retrieve(id, { stream: true, starting_after: 20 }));
    expect(TEXT.endsWith(deltas)).toBe(true);
    const { url } = emulator.requests.findLast(({ path }) => path.endsWith(id))!;
    expect(new URL(url).searchParams.get("starting_after")).toBe("20");
  });

  it.each([1, 7, 1000])(
    "sends the events after starting_after, in chunks of %i bytes, and passes an error answer on",
    async (size) => {
      const emulator = createResponsesEmulator({ script });
      const headers = { authorization: "Bearer test" };
      const body = JSON.stringify({ ...REQUEST, background: true });
      const created = await emulator.fetch(`${BASE}/responses`, { method: "POST", headers, body });
      const { id } = (await created.json()) as { id: string };
      const inChunks: typeof fetch = async (input, init) => {
        const answer = await emulator.fetch(input, init);
        const isStream = answer.headers.get("content-type")!.startsWith("text/event-stream");
        return isStream ? sse(new Uint8Array(await answer.arrayBuffer()), size) : answer;
      };
      const linked = createFileCitationsFetch({ fetch: inChunks, links });
      const url = `${BASE}/responses/${id}?stream=true&starting_after=20`;
      const texts = await Promise.all(
        [url, new Request(url)].map(async (input) => (await linked(input, { headers })).text()),
      );
      expect(texts[1]).toBe(texts[0]);
      const numbers = eventsIn(texts[0]!).map(({ sequence_number }) => sequence_number);
      expect(numbers[0]).toBe(21);
      const none = await linked(`${BASE}/responses/resp_none?stream=true&starting_after=20`, { headers });
      expect(none.status).toBe(404);
    },
  );
});

describe("a text of which only the end is streamed", () => {
  /** Cuts a stream after `count` deltas. Returns the first part as it is, the second part repaired, and the reports. */
  async function rest(count: number) {
    const emulator = createResponsesEmulator({ script });
    const client = new NewestOpenAI({ apiKey: "test", fetch: emulator.fetch });
    const events: OpenAI.Responses.ResponseStreamEvent[] = [];
    const stream = await client.responses.create({ ...REQUEST, stream: true });
    for await (const event of stream as AsyncIterable<never>) events.push(event);
    const at = events.findIndex(({ type }) => type === "response.output_text.delta") + count;
    const before = summary(events.slice(0, at));
    // The request names the container, because the rest of the stream may name none. Without a known container, the repair
    // does not replace mentions while a text streams.
    const [container] = emulator.containers.keys();
    const request = { tools: [{ type: "code_interpreter", container }] };
    const reports: Report[] = [];
    const options = { links, request, onReport: (report: Report) => reports.push(report) };
    const repaired = await read(repairResponseStream(events.slice(at), client, options));
    return { before, repaired, reports };
  }

  it("is sent as the model wrote it, and the final event has the links", async () => {
    for (let count = 0; count < 33; count += 8) {
      const { before, repaired, reports } = await rest(count);
      expect(reports).toMatchObject([{ outcome: "recovered" }]);
      if (count > 0) expect(before.deltas + repaired.deltas).toBe(TEXT);
      expectLinked(repaired.last);
    }
  });
});
