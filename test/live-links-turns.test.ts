/** Tests the option `links` with a response that has no call: an earlier response wrote the files that the text mentions. */
import { describe, expect, it } from "vitest";
import { createFileCitationsFetch, type RepairOptions, repairResponse } from "../src/index.js";
import {
  A,
  all,
  CUTS,
  expectRanges,
  LINKED,
  OPTIONS,
  opened,
  type Read,
  readEvents,
  TEXT,
  textIn,
  URL_OF_A,
} from "./linking.js";
import {
  BASE,
  call,
  eventsIn,
  frames,
  json,
  message,
  response,
  type StreamEvent,
  sse,
  streamOf,
  upstream,
} from "./upstream.js";

const BARE = "Again: /mnt/data/a.csv, and `/mnt/data/a.csv`.";
const BARE_LINKED = `Again: [a.csv](${URL_OF_A}), and [a.csv](${URL_OF_A}).`;
const START = TEXT.indexOf("sandbox:");
const CITATION = {
  ...{ type: "container_file_citation", container_id: "cntr_1", file_id: A.id, filename: "a.csv" },
  ...{ start_index: START, end_index: START + "sandbox:/mnt/data/a.csv".length },
};
const TURN = { id: "resp_2", previous_response_id: "resp_1" };
const PREVIOUS = { ...response([call("open('/mnt/data/a.csv', 'w')")]), id: "resp_1" };

/** Returns the items of the later turn: one message. */
function turnOf(text: string, annotations: unknown[] = []): Record<string, unknown>[] {
  return [message({ text, annotations })];
}

/** Returns the events of a stream, with the text cut into deltas at the offsets. */
function eventsOf(items: Record<string, unknown>[], cuts: readonly number[], turn: object): StreamEvent[] {
  return streamOf(items).flatMap((event): StreamEvent[] => {
    const withTurn = event.response
      ? { ...event, response: { ...(event.response as object), ...turn } }
      : event;
    if (event.type !== "response.output_text.delta") return [withTurn as StreamEvent];
    const text = event.delta as string;
    const edges = [0, ...cuts.filter((cut) => cut < text.length), text.length];
    return edges.slice(1).map((end, at) => ({ ...event, delta: text.slice(edges[at], end) }));
  });
}

/** Repairs the later turn through a fetch that has not seen the previous response. Returns the turn's text and all requests. */
async function throughFetch(
  items: Record<string, unknown>[],
  isStream: boolean,
  previous: unknown = PREVIOUS,
) {
  const { fetch, asked } = upstream({
    answer: ({ method }) => {
      if (method === "GET") return json(previous);
      return isStream ? sse(frames(eventsOf(items, CUTS, TURN)), 50) : json({ ...response(items), ...TURN });
    },
    files: [A],
  });
  const body = JSON.stringify({ input: "again", previous_response_id: "resp_1", stream: isStream });
  const answer = await createFileCitationsFetch({ fetch, ...OPTIONS })(`${BASE}/responses`, {
    method: "POST",
    body,
  });
  const bytes = await answer.text();
  return { read: isStream ? readEvents(eventsIn(bytes)) : readOf(JSON.parse(bytes)), asked, bytes };
}

function readOf({ output }: { output: unknown }): Read {
  const [item] = output as { content: Read[] }[];
  const { text, annotations } = item!.content[0]!;
  return { text, annotations };
}

async function streamed(
  items: Record<string, unknown>[],
  source: Parameters<typeof opened>[2] | (typeof A)[],
  options: RepairOptions = {},
) {
  const { stream, reports } = opened(eventsOf(items, CUTS, { id: "resp_2" }), options, source as never);
  const events = await all(stream);
  return { events, read: readEvents(events), reports };
}

describe("a later turn whose container only the previous response names", () => {
  it.each([false, true])("gets links (stream: %s)", async (isStream) => {
    for (const [text, linked] of [
      [TEXT, LINKED],
      [BARE, BARE_LINKED],
    ] as const) {
      const { read, asked } = await throughFetch(turnOf(text), isStream);
      expect(read.text).toBe(linked);
      expectRanges(read);
      expect(asked).toHaveLength(3);
    }
  });

  it.each([
    [false, 1],
    [true, 3],
  ])(
    "gets the links of the API's citations, for which only a stream requests the previous response (stream: %s)",
    async (isStream, requests) => {
      const { read, asked } = await throughFetch(turnOf(TEXT, [CITATION]), isStream);
      expect(read.text).toBe(LINKED);
      expectRanges(read);
      expect(asked).toHaveLength(requests);
    },
  );

  it("holds nothing of a stream for a relative link", async () => {
    const items = turnOf("See [the guide](guide.html) and more.");
    const { bytes, asked } = await throughFetch(items, true, response([message("No file.")]));
    expect(bytes).toBe(frames(eventsOf(items, CUTS, TURN)));
    expect(asked).toHaveLength(1);
  });

  it.each([false, true])(
    "stays as it is if that response has no container (stream: %s)",
    async (isStream) => {
      const { read } = await throughFetch(turnOf(BARE), isStream, response([message("No file.")]));
      expect(read).toEqual({ text: BARE, annotations: [] });
    },
  );

  it("passes as the bytes that came if the text has no mention, and nothing is requested", async () => {
    const items = turnOf("Plain text, and/or more of it.");
    const { bytes, asked } = await throughFetch(items, true);
    expect(bytes).toBe(frames(eventsOf(items, CUTS, TURN)));
    expect(asked).toHaveLength(1);
  });
});

it("one item of a conversation gets links if an earlier answer named its container", async () => {
  const items = [call("open('/mnt/data/a.csv', 'w')"), ...turnOf(BARE)];
  const { fetch } = upstream({
    answer: ({ url }) => json(url.includes("/items/") ? items[1] : response(items)),
    files: [A],
  });
  const linking = createFileCitationsFetch({ fetch, ...OPTIONS });
  await (await linking(`${BASE}/responses/resp_1`)).json();
  const answer = await linking(`${BASE}/conversations/conv_1/items/msg_1`);
  expect(readOf({ output: [await answer.json()] }).text).toBe(BARE_LINKED);
});

it.each([
  "[the file](a.csv)",
  "See [the file](a.csv) and [the site](https://e.com).",
  "[the file][1]\n\n[1]: a.csv\n\nBye.",
])("a later turn whose container is known gets the link of a file name, streamed too: %s", async (text) => {
  for (const size of [1, 4, 1000]) {
    const cuts = Array.from({ length: text.length }, (_, at) => at * size).slice(1);
    const request = { tools: [{ type: "code_interpreter", container: "cntr_1" }] };
    const { response: whole } = await repairResponse(response(turnOf(text)), async () => [A], {
      ...OPTIONS,
      request,
    });
    expect(readOf(whole).text).toContain(URL_OF_A);
    const out = await all(opened(eventsOf(turnOf(text), cuts, {}), { request }, async () => [A]).stream);
    expect(readEvents(out)).toEqual(readOf(whole));
  }
});

describe("an array of files as the source", () => {
  it("gives a whole response its links", async () => {
    const { response: repaired } = await repairResponse(response(turnOf(BARE)), [A], OPTIONS);
    expect(readOf(repaired).text).toBe(BARE_LINKED);
  });

  it("gives a stream its links", async () => {
    const { read } = await streamed(turnOf(BARE), [A]);
    expect(read.text).toBe(BARE_LINKED);
    expectRanges(read);
  });

  it("of which none is in the text leaves the text as it is", async () => {
    const { read } = await streamed(turnOf("See /mnt/data/b.csv."), [A]);
    expect(read).toEqual({ text: "See /mnt/data/b.csv.", annotations: [] });
  });
});

describe("a stream has the same text in all of its events", () => {
  it("if only its citations name the container", async () => {
    const { read, reports } = await streamed(turnOf(TEXT, [CITATION]), async () => [A]);
    expect(read.text).toBe(LINKED);
    expectRanges(read);
    expect(reports).toMatchObject([{ listRequests: 0 }]);
  });

  it("if a later call names the container", async () => {
    const items = [...turnOf(TEXT), call("open('/mnt/data/a.csv', 'w')"), message("Done.")];
    const { stream } = opened(eventsOf(items, CUTS, {}), {}, async () => [A]);
    const events = await all(stream);
    const { output } = events.at(-1)!.response as { output: unknown[] };
    expect(readOf({ output }).text).toBe(TEXT);
    expect(textIn(events)).toBe(`${TEXT}Done.`);
  });

  it("except in the final event of a stream that lacks its beginning", async () => {
    const items = [call("open('/mnt/data/a.csv', 'w')"), ...turnOf(TEXT)];
    const whole = eventsOf(items, CUTS, {});
    const first = whole.findIndex(({ type }) => type === "response.output_text.delta");
    for (const from of [first - 2, first, first + 3]) {
      const events = await all(opened(whole.slice(from)).stream);
      // The final event always has the link. The deltas have the link only if the stream has all deltas of the text.
      expect(textIn(events)).toBe(from <= first ? LINKED : TEXT.slice(TEXT.length - textIn(events).length));
      const { output } = events.at(-1)!.response as { output: unknown[] };
      expect(readOf({ output: output.slice(1) }).text).toBe(LINKED);
    }
  });

  it("if no container is ever known", async () => {
    const { read, reports } = await streamed(turnOf(BARE), async () => [A]);
    expect(read).toEqual({ text: BARE, annotations: [] });
    expect(reports[0]!.error).toBeUndefined();
  });
});
