/** Tests the sequence numbers of the deltas that the option `links` inserts: they repeat the number of the event before them. */
import { expect, it, vi } from "vitest";
import { createFileCitationsFetch } from "../src/index.js";
import { A, all, eventsOf, given, OPTIONS, opened, TEXT, textIn } from "./linking.js";
import { BASE, eventsIn, frames, type StreamEvent, upstream } from "./upstream.js";

type Bare = Omit<StreamEvent, "sequence_number">;

const WHOLE = eventsOf(given, [30]);
/** The events up to the first delta (`BEFORE`), and the later events (`AFTER`). The first delta ends inside a link. */
const AT = WHOLE.findIndex(({ type }) => type === "response.output_text.delta") + 1;
const [BEFORE, AFTER] = [WHOLE.slice(0, AT), WHOLE.slice(AT)];
const { item_id, output_index, content_index } = BEFORE.at(-1)!;
const keepAlive: Bare = { type: "keepalive" };
const otherItem: Bare = {
  type: "response.output_item.added",
  output_index: 2,
  item: { id: "rs_2", type: "reasoning", summary: [], agent: { agent_name: "b" } },
};
const annotated = (start: number): Bare => ({
  ...{ type: "response.output_text.annotation.added", item_id, output_index, content_index },
  annotation: {
    type: "url_citation",
    url: "https://e.com",
    title: "e",
    start_index: start,
    end_index: start + 1,
  },
});

const numbered = (events: readonly Bare[]): StreamEvent[] =>
  events.map((event, sequence_number) => ({ ...event, sequence_number }) as StreamEvent);

/** Expects that the numbers never go back, and that the first event with each number is the API's event, not an inserted one. */
function expectNumbers(out: readonly StreamEvent[], sent: readonly StreamEvent[]): void {
  const numbers = out.map(({ sequence_number }) => sequence_number);
  expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
  for (const { type, sequence_number } of sent) {
    expect(out.find((event) => event.sequence_number === sequence_number)!.type).toBe(type);
  }
}

const CASES: [string, Bare[], Bare[]][] = [
  ["events that are not read", [keepAlive, keepAlive], AFTER],
  ["the beginning of another item", [otherItem], AFTER],
  ["held annotation events", [annotated(0), annotated(2)], AFTER],
  ["held annotation events and an error", [annotated(0), annotated(2)], [{ type: "error", message: "no" }]],
  ["the last events of a stream", [keepAlive, otherItem], []],
];

it.each(CASES)("text held during %s repeats the number of the event before it", async (_, between, after) => {
  vi.useFakeTimers();
  try {
    for (const waits of [true, false]) {
      const events = numbered([...BEFORE, ...between, ...after]);
      async function* source() {
        yield* events.slice(0, AT + between.length);
        if (waits) await vi.advanceTimersByTimeAsync(3000);
        yield* events.slice(AT + between.length);
      }
      const { stream } = opened(source(), { timeoutMs: 2000 });
      const out = await all(stream);
      expectNumbers(out, events);
      const second = opened(out);
      expectNumbers(await all(second.stream), events);
      expect(String(second.reports[0]!.error)).not.toMatch(/out of order/);
    }
  } finally {
    vi.useRealTimers();
  }
});

it("text that was held during events and a comment repeats the last event's number, through the fetch", async () => {
  const events = numbered([...BEFORE, keepAlive, otherItem, ...AFTER]);
  const parts = [`${frames(events.slice(0, AT + 2))}: keep-alive\n\n`, frames(events.slice(AT + 2))];
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const part = parts.shift();
      if (part === undefined) return controller.close();
      if (parts.length === 0) await new Promise((resolve) => setTimeout(resolve, 300));
      controller.enqueue(new TextEncoder().encode(part));
    },
  });
  const headers = { "content-type": "text/event-stream" };
  const { fetch } = upstream({ answer: () => new Response(body, { headers }), files: [A] });
  const repairing = createFileCitationsFetch({ fetch, ...OPTIONS, timeoutMs: 100 });
  const answer = await repairing(`${BASE}/responses`, { method: "POST", body: "{}" });
  const text = (await answer.text()).replace(": keep-alive\n\n", "");
  const out = eventsIn(text);
  expectNumbers(out, events);
  const created = out.findIndex(({ item }) => (item as { id?: string } | undefined)?.id === "rs_2");
  expect(textIn(out.slice(0, created))).toBe(TEXT.slice(0, TEXT.indexOf("sandbox:")));
  expect(out[created + 1]).toMatchObject({
    delta: TEXT.slice(TEXT.indexOf("sandbox:"), 30),
    sequence_number: AT + 1,
  });
});
