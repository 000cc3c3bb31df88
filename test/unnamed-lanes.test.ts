/** Tests interleaved responses without a `stream_id`: an event that can belong to several responses is assigned to none. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createFileCitationsFetch, type Report, repairResponseStream } from "../src/index.js";
import { contextOf } from "../src/responses/repair.js";
import { Lanes } from "../src/stream/lanes.js";
import {
  BASE,
  call,
  eventsIn,
  file,
  frames,
  message,
  response,
  type StreamEvent,
  sse,
  streamOf,
  upstream,
} from "./upstream.js";

const PATH = "/mnt/data/report.csv";
const NAMES = ["a", "b", "c", "d", "e"];
const FILES = NAMES.map((name) => file(PATH, { container_id: `cntr_${name}`, id: `cfile_${name}` }));
const list = async (id: string) => FILES.filter(({ container_id }) => container_id === id);
const ADDED = "response.output_text.annotation.added";

/** Returns the events of a response that writes the file in its own container. */
function eventsOf(name: string, texts: readonly string[]): StreamEvent[] {
  const output = [call(`df.to_csv('${PATH}')`, `cntr_${name}`), ...texts.map((text) => message(text))];
  return streamOf(output.map((item, at) => ({ ...item, id: `${item.id}_${name}_${at}` }))).map((event) => ({
    ...event,
    ...("response" in event && { response: { ...(event.response as object), id: `resp_${name}` } }),
  }));
}

/** Returns the name of an event's response: the letter in the event's ids. */
function nameOf({ response, item, item_id }: StreamEvent): string {
  const id = Object(response).id ?? Object(item).id ?? item_id;
  return /_([a-e])(_\d+)?$/.exec(id)![1]!;
}

/**
 * Mixes the events of several responses. For each index in `order`, takes the next event of the response with this index. Then
 * adds all events that are left.
 */
function mixed(queues: readonly StreamEvent[][], order: readonly number[]): StreamEvent[] {
  const rest = queues.map((events) => [...events]);
  const taken = order.flatMap((at) => rest[at % rest.length]!.shift() ?? []);
  return [...taken, ...rest.flat()];
}

async function repaired(events: readonly StreamEvent[]) {
  const out: StreamEvent[] = [];
  const reports: Report[] = [];
  const options = { retries: 0, onReport: (it: Report) => void reports.push(it) };
  for await (const event of repairResponseStream(events, list, options)) out.push(event);
  return { out, reports };
}

async function fetched(events: readonly StreamEvent[]) {
  const reports: Report[] = [];
  const { fetch } = upstream({ answer: () => sse(frames(events), 700), files: FILES });
  const options = { fetch, retries: 0, onReport: (it: Report) => void reports.push(it) };
  const answer = await createFileCitationsFetch(options)(`${BASE}/responses`, { method: "POST", body: "{}" });
  return { out: eventsIn(await answer.text()), reports };
}

/** Returns the ids of the files that an event cites. */
function citedIn(event: StreamEvent): string[] {
  return [...JSON.stringify(event).matchAll(/"file_id":"([^"]+)"/g)].map(([, id]) => id!);
}

function expectOwnFiles(given: readonly StreamEvent[], out: readonly StreamEvent[]): void {
  for (const event of out)
    for (const id of citedIn(event)) expect([event.type, id]).toEqual([event.type, `cfile_${nameOf(event)}`]);
  const keysOf = (events: readonly StreamEvent[]) =>
    events.filter(({ type }) => type !== ADDED).map((it) => [it.type, nameOf(it), it.sequence_number]);
  for (const name of NAMES) {
    const own = (events: readonly StreamEvent[]) => keysOf(events).filter(([, of]) => of === name);
    expect(own(out)).toEqual(own(given));
  }
}

const texts = fc.array(fc.constantFrom(`At ${PATH}`, "Done.", `[it](sandbox:${PATH}) again`), {
  minLength: 1,
  maxLength: 3,
});
/** An order of events. Each pair has the index of a response, and how many events this response sends next. */
const bursts = fc.array(fc.tuple(fc.nat(4), fc.integer({ min: 1, max: 3 })), { maxLength: 90 });

describe("responses without a stream_id", () => {
  it("cite only their own files in any interleaving, and a report says why citations are missing", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(texts, { minLength: 2, maxLength: 5 }), bursts, async (lanes, order) => {
        const queues = lanes.map((of, at) => eventsOf(NAMES[at]!, of));
        const given = mixed(
          queues,
          order.flatMap(([at, count]) => Array<number>(count).fill(at)),
        );
        const { out, reports } = await repaired(given);
        expectOwnFiles(given, out);
        const sent = new Set(out.map((event) => JSON.stringify(event)));
        for (const [at, events] of queues.entries()) {
          const alone = (await repaired(events)).out;
          const report = reports.find(({ responseId }) => responseId === `resp_${NAMES[at]}`);
          if (alone.some((event) => !sent.has(JSON.stringify(event)))) expect(report?.error).toBeDefined();
          expect(sent).toContain(JSON.stringify(alone.at(-1)));
        }
      }),
      { numRuns: 150 },
    );
  });

  /** An order of the events of four responses. An earlier version of the library assigned a call to the wrong response here. */
  const ORDER = "bbbbbaadcccccccbbbcaadddddddddccccccccccccccbbbbbaaaaaddddbbbbbaadddddddd";
  const order = [...ORDER].map((name) => NAMES.indexOf(name));
  const queues = ["a", "b", "c", "d"].map((name) =>
    eventsOf(name, name === "a" ? [`At ${PATH}`] : [`At ${PATH}`, `At ${PATH}`]),
  );
  const exact = mixed(queues, order);

  it.each([
    ["events", repaired],
    ["frames", fetched],
  ])("never get a call of another response, as %s", async (_, repair) => {
    const { out, reports } = await repair(exact);
    expectOwnFiles(exact, out);
    const finals = out.filter(({ type }) => type === "response.completed");
    expect(finals.map((event) => citedIn(event).length).sort()).toEqual([1, 2, 2, 2]);
    const reasons = reports.map(({ error }) => error?.message);
    expect(reasons).toContain("an event could not be assigned to one of several responses");
  });

  it("do not get an event of another response that comes after an unread delta", async () => {
    const [a, b] = [eventsOf("a", [`At ${PATH}`, `At ${PATH}`]), eventsOf("b", [`At ${PATH}`])];
    for (let cut = 1; cut < a.length; cut++) {
      for (let other = 1; other < b.length; other++) {
        const given = [...a.slice(0, cut), ...b.slice(0, other), ...a.slice(cut), ...b.slice(other)];
        expectOwnFiles(given, (await fetched(given)).out);
      }
    }
  });

  it("are not told apart by sequence number after a gap in the numbers", async () => {
    const [a, b] = [eventsOf("a", [`At ${PATH}`]), eventsOf("b", [`At ${PATH}`])];
    const gap = b.map((event) => ({ ...event, sequence_number: event.sequence_number * 7 }));
    const given = [a[0]!, gap[0]!, ...gap.slice(1, 3), ...a.slice(1), ...gap.slice(3)];
    const { out, reports } = await repaired(given);
    expectOwnFiles(given, out);
    expect(reports.map(({ error }) => error?.message)).toEqual(
      Array(2).fill("an event could not be assigned to one of several responses"),
    );
  });
});

describe("the lanes of a connection", () => {
  const created = (id: string) => ({ type: "response.created", response: { ...response([]), id } });
  const itemAdded = (id: string) => ({ type: "response.output_item.added", output_index: 0, item: { id } });

  it("forget the oldest item ids", () => {
    const lanes = new Lanes(contextOf(list, {}));
    const first = lanes.of(created("resp_a"));
    for (let at = 0; at < 10_000; at++) lanes.of(itemAdded(`item_${at}`));
    lanes.of(created("resp_b"));
    const laneOf = (id: string) => lanes.of({ type: "response.output_text.delta", item_id: id });
    expect(laneOf("item_0")).toBe(first);
    lanes.of(itemAdded("item_10000"));
    expect(laneOf("item_0")).not.toBe(first);
    expect(laneOf("item_2")).toBe(first);
  });
});
