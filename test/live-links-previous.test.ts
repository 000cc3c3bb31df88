/**
 * Tests the option `links` with a stream for which only the previous response can name the container. The client did not see
 * the previous response, so the library retrieves it when a path begins in the stream. This file is long because it tests
 * many answers to the request for the previous response. Most of these answers arrive in the middle of the stream.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createFileCitationsFetch, type RepairOptions, type Report } from "../src/index.js";
import { cases } from "./linked-texts.js";
import { A, LINKED, OPTIONS, type Read, readEvents, TEXT, textIn, URL_OF_A } from "./linking.js";
import {
  type Asked,
  BASE,
  call,
  eventsIn,
  fedBody,
  frames,
  json,
  message,
  response,
  type StreamEvent,
  streamed,
  streamOf,
  upstream,
} from "./upstream.js";

const PREVIOUS = { ...response([call("open('/mnt/data/a.csv', 'w')")]), id: "resp_1" };
const EMPTY = { ...response([message("No file.")]), id: "resp_1" };
const PATH = TEXT.indexOf("sandbox:");
const REQUEST = JSON.stringify({ input: "again", previous_response_id: "resp_1", stream: true });

/** Returns the events of `resp_2`, the response after `PREVIOUS`. The text is cut into deltas at the offsets `cuts`. */
function eventsOf(text: string, cuts: readonly number[], more: object = {}): StreamEvent[] {
  const edges = [0, ...cuts.filter((cut) => cut > 0 && cut < text.length), text.length];
  return streamOf([{ ...message(text), ...more }])
    .filter(
      (event, at, all) => event.type !== "response.output_text.delta" || all[at - 1]!.type !== event.type,
    )
    .flatMap((event) => {
      if (event.type !== "response.output_text.delta") return [event];
      return edges.slice(1).map((end, at) => ({ ...event, delta: text.slice(edges[at], end) }));
    })
    .map((event, sequence_number) => {
      const turn = { id: "resp_2", previous_response_id: "resp_1" };
      return event.response
        ? { ...event, sequence_number, response: { ...(event.response as object), ...turn } }
        : { ...event, sequence_number };
    });
}

/** Opens a stream that the test feeds. `previous` answers the request for the previous response. */
async function opened(
  previous: (asked: Asked) => Response | Promise<Response>,
  options: RepairOptions = {},
  files = [A],
) {
  const { body, controller } = fedBody();
  const { fetch, asked } = upstream({
    answer: (one) => (one.method === "GET" ? previous(one) : streamed(body)),
    files,
  });
  const reports: Report[] = [];
  const onReport = (report: Report): void => void reports.push(report);
  const repairing = createFileCitationsFetch({ fetch, ...OPTIONS, onReport, ...options });
  const answer = await repairing(`${BASE}/responses`, { method: "POST", body: REQUEST });
  const reader = answer.body!.getReader();
  const out = { bytes: "" };
  const done = (async () => {
    const decoder = new TextDecoder();
    for (let read = await reader.read(); !read.done; read = await reader.read())
      out.bytes += decoder.decode(read.value);
  })();
  done.catch(() => {});
  return {
    asked,
    reports,
    reader,
    done,
    send: (events: readonly StreamEvent[]) => controller.enqueue(new TextEncoder().encode(frames(events))),
    end: async () => {
      controller.close();
      await done;
    },
    text: () => textIn(eventsIn(out.bytes)),
    bytes: () => out.bytes,
  };
}

/** Sends a whole stream and ends it. Returns the same as `opened`. */
async function read(
  events: readonly StreamEvent[],
  previous: unknown = PREVIOUS,
  options?: RepairOptions,
  files = [A],
) {
  const stream = await opened(() => json(previous), options, files);
  stream.send(events);
  await stream.end();
  return stream;
}

function pending() {
  let answer!: (response: Response) => void;
  const promise = new Promise<Response>((resolve) => {
    answer = resolve;
  });
  return { answer, promise };
}

/** Splits the events after the delta with the number `after`, counted from 1. */
function split(events: readonly StreamEvent[], after: number): [StreamEvent[], StreamEvent[]] {
  const nth = events.filter(({ type }) => type === "response.output_text.delta")[after - 1]!;
  const at = events.indexOf(nth) + 1;
  return [events.slice(0, at), events.slice(at)];
}

/** Repairs `resp_2` as a JSON response, not as a stream. Returns its text, its part, the report and the requests. */
async function plain(text: string, options: RepairOptions = {}, files = [A]) {
  const reports: Report[] = [];
  const { fetch, asked } = upstream({
    answer: ({ method }) =>
      json(
        method === "GET"
          ? PREVIOUS
          : { ...response([message(text)]), id: "resp_2", previous_response_id: "resp_1" },
      ),
    files,
  });
  const onReport = (report: Report): void => void reports.push(report);
  const repairing = createFileCitationsFetch({ fetch, ...OPTIONS, onReport, ...options });
  const answer = await repairing(`${BASE}/responses`, { method: "POST", body: REQUEST });
  const { output } = (await answer.json()) as { output: { content: Read[] }[] };
  const { text: linked, annotations } = output[0]!.content[0]!;
  return { text: linked, part: { text: linked, annotations }, report: reports[0]!, asked };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("a stream whose container only the previous response names", () => {
  it.each([
    TEXT,
    "Again: /mnt/data/a.csv, and `/mnt/data/a.csv`.",
    "`/mnt/data/a.csv`",
    "See https://example.com/mnt/data/a.csv, [x](https://e.com), /mnt/database and [it](</mnt/data/a.csv>)",
    '{"path": "/mnt/data/a.csv"}',
    "[it](http:/mnt/data/a.csv) and [again](a.csv)",
    "[it](attachment:/mnt/data/a.csv) and file:/mnt/data/a.csv",
  ])("has the text and the requests of a plain answer at every cut: %s", async (text) => {
    const whole = await plain(text);
    expect(whole.text).toContain(URL_OF_A);
    for (let cut = 0; cut < text.length; cut++) {
      const { bytes, asked, reports } = await read(eventsOf(text, [cut, cut + 2]));
      expect(readEvents(eventsIn(bytes())).text, `cut at ${cut}`).toBe(whole.text);
      expect(asked).toHaveLength(whole.asked.length);
      expect(reports).toMatchObject([
        { listRequests: whole.report.listRequests, containers: ["cntr_1"], outcome: "recovered" },
      ]);
      expect(reports[0]!.error).toBeUndefined();
    }
  });

  it("has the text and the annotations of a plain answer for each case that has a path", async () => {
    for (const [name, { text, files }] of cases.filter(([, { text }]) => /sandbox:|\/mnt\/data/.test(text))) {
      const whole = await plain(text, {}, [...files]);
      for (const cuts of [[], [...text].map((_, at) => at), [...text].map((_, at) => at * 7)]) {
        const { bytes } = await read(eventsOf(text, cuts), PREVIOUS, {}, [...files]);
        expect(readEvents(eventsIn(bytes())), name).toEqual(whole.part);
      }
    }
  });

  it("has the notes of a plain answer", async () => {
    const text = "See [x](https://e.com), [it](sandbox:/mnt/data/gone.csv) and `/mnt/data/gone.csv`.";
    const links = { toUrl: () => "https://f.test/x", onMissing: () => "(gone)" };
    const whole = await plain(text, { links });
    expect(whole.text).toBe("See [x](https://e.com), (gone) and (gone).");
    for (let cut = 0; cut < text.length; cut++) {
      const { bytes } = await read(eventsOf(text, [cut]), PREVIOUS, { links });
      expect(readEvents(eventsIn(bytes())).text, `cut at ${cut}`).toBe(whole.text);
    }
  });

  it("sends the text before the path at once, and retrieves the response when the path begins", async () => {
    const { answer, promise } = pending();
    const stream = await opened(() => promise);
    const [first, rest] = split(eventsOf(TEXT, [PATH, PATH + 4, PATH + 10]), 2);
    stream.send(first);
    await vi.advanceTimersByTimeAsync(0);
    expect(stream.text()).toBe(TEXT.slice(0, PATH));
    expect(stream.asked).toHaveLength(1);
    const [path, end] = split(rest, 1);
    stream.send(path);
    await vi.advanceTimersByTimeAsync(0);
    expect(stream.text()).toBe(TEXT.slice(0, PATH));
    expect(stream.asked).toHaveLength(2);
    answer(json(PREVIOUS));
    await vi.advanceTimersByTimeAsync(0);
    expect(stream.asked).toHaveLength(3); // the list, too, is requested before the path has ended
    stream.send(end);
    await stream.end();
    expect(readEvents(eventsIn(stream.bytes())).text).toBe(LINKED);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("sends the path's text in one delta with text before it only when the response is there", async () => {
    const { answer, promise } = pending();
    const stream = await opened(() => promise);
    const [first, rest] = split(eventsOf(TEXT, [PATH + 30]), 1);
    stream.send(first);
    await vi.advanceTimersByTimeAsync(0);
    expect(stream.text()).toBe(TEXT.slice(0, PATH));
    answer(json(PREVIOUS));
    stream.send(rest);
    await stream.end();
    expect(readEvents(eventsIn(stream.bytes())).text).toBe(LINKED);
  });

  it("gets the link of a final answer with the path's last delta", async () => {
    const stream = await opened(() => json(PREVIOUS));
    const [first, rest] = split(eventsOf(TEXT, [PATH + 12], { phase: "final_answer" }), 1);
    stream.send(first);
    await vi.advanceTimersByTimeAsync(0);
    const [delta, end] = split(rest, 1);
    stream.send(delta);
    await vi.advanceTimersByTimeAsync(0);
    expect(stream.text()).toBe(LINKED);
    stream.send(end);
    await stream.end();
    expect(readEvents(eventsIn(stream.bytes())).text).toBe(LINKED);
  });
});

describe("a stream whose text the API annotates", () => {
  const annotation = {
    type: "container_file_citation",
    container_id: "cntr_1",
    file_id: A.id,
    filename: "a.csv",
  };
  const range = { start_index: PATH, end_index: TEXT.indexOf(")", PATH) };
  const { content } = message({ text: TEXT, annotations: [{ ...annotation, ...range }] });
  const events = eventsOf(TEXT, [PATH + 12], { content });
  const done = events.findIndex(({ type }) => type === "response.output_text.done");

  it.each([
    ["names no container", () => json(EMPTY)],
    ["cannot be retrieved", () => new Response("no", { status: 404 })],
  ])("keeps its link if the previous response then %s", async (_, answered) => {
    for (const at of [done - 1, done, done + 1, done + 2]) {
      const { answer, promise } = pending();
      const stream = await opened(() => promise);
      stream.send(events.slice(0, at));
      await vi.advanceTimersByTimeAsync(0);
      answer(answered());
      stream.send(events.slice(at));
      await stream.end();
      const out = eventsIn(stream.bytes());
      expect(textIn(out), `answered before event ${at}`).toBe(readEvents(out).text);
      expect(stream.reports).toHaveLength(1);
      const isLinked = readEvents(out).text === LINKED;
      expect(stream.reports[0]!.error === undefined, `answered before event ${at}`).toBe(
        isLinked || answered().ok,
      );
    }
  });
});

describe("a stream for which the previous response gives no container in time", () => {
  it("holds its paths until the message has ended, because the API may still cite them", async () => {
    const { answer, promise } = pending();
    const stream = await opened(() => promise);
    const text = "See /mnt/data/a.csv and `/mnt/data/a.csv` or [it](sandbox:/mnt/data/a.csv).";
    const events = eventsOf(text, [9, 25, 30, 55, 60]);
    const [first, rest] = split(events, 2);
    stream.send(first);
    await vi.advanceTimersByTimeAsync(0);
    answer(json(EMPTY));
    await vi.advanceTimersByTimeAsync(0);
    expect(stream.text()).toBe("See ");
    const done = rest.findIndex(({ type }) => type === "response.output_text.done");
    stream.send(rest.slice(0, done));
    await vi.advanceTimersByTimeAsync(0);
    expect(stream.text()).toBe("See ");
    stream.send(rest.slice(done));
    await stream.end();
    expect(vi.getTimerCount()).toBe(0);
    expect(stream.asked).toHaveLength(2);
    expect(stream.reports).toMatchObject([{ listRequests: 1 }]);
    expect(stream.reports[0]!.error).toBeUndefined();
    expect(readEvents(eventsIn(stream.bytes()))).toEqual({ text, annotations: [] });
  });

  it("has one text in all events if a later call names a container", async () => {
    const items = [
      message("I write /mnt/data/a.csv now."),
      call("open('/mnt/data/a.csv', 'w')"),
      message("Done"),
    ];
    const events = streamOf(items).map((event) =>
      event.response
        ? { ...event, response: { ...(event.response as object), previous_response_id: "resp_1" } }
        : event,
    );
    const { bytes } = await read(events, EMPTY);
    const out = eventsIn(bytes());
    const last = out.at(-1)!.response as { output: { content: { text: string }[] }[] };
    expect(textIn(out)).toBe("I write /mnt/data/a.csv now.Done");
    expect(last.output[0]!.content[0]!.text).toBe("I write /mnt/data/a.csv now.");
  });

  it.each([
    ["fails", () => new Response("no", { status: 404 }), 0, /the response before this one/],
    ["rejects", () => Promise.reject(new Error("offline")), 0, /offline/],
    ["hangs", () => new Promise<Response>(() => {}), 2000, /longer than 2000 ms/],
  ])(
    "sends its text unchanged if the request %s, and the report says why",
    async (_, previous, ms, reason) => {
      const stream = await opened(previous, { timeoutMs: 2000 });
      const [first, rest] = split(eventsOf(TEXT, [PATH + 12, PATH + 15]), 1);
      stream.send(first);
      if (ms > 0) {
        await vi.advanceTimersByTimeAsync(ms - 1);
        expect(stream.text()).toBe(TEXT.slice(0, PATH));
        await vi.advanceTimersByTimeAsync(11);
        expect(stream.text()).toBe(TEXT.slice(0, PATH + 12));
      }
      stream.send(rest);
      await vi.advanceTimersByTimeAsync(ms);
      await stream.end();
      expect(readEvents(eventsIn(stream.bytes())).text).toBe(TEXT);
      expect(stream.asked).toHaveLength(2);
      expect(stream.reports).toHaveLength(1);
      expect(stream.reports[0]!.error!.message).toMatch(reason);
      expect(stream.reports[0]!.heldMs).toBeGreaterThanOrEqual(ms);
      expect(vi.getTimerCount()).toBe(0);
    },
  );

  it("sends its text unchanged if the request comes after the time limit, and the citation where it belongs", async () => {
    const late = (): Promise<Response> =>
      new Promise((resolve) => setTimeout(() => resolve(json(PREVIOUS)), 2001));
    const stream = await opened(late, { timeoutMs: 2000 });
    const [first, rest] = split(eventsOf(TEXT, [PATH + 12, PATH + 15]), 1);
    stream.send(first);
    await vi.advanceTimersByTimeAsync(2010);
    expect(stream.text()).toBe(TEXT.slice(0, PATH + 12));
    stream.send(rest);
    await stream.end();
    const { text, annotations } = readEvents(eventsIn(stream.bytes()));
    expect(text).toBe(TEXT);
    expect(annotations).toMatchObject([{ file_id: A.id, start_index: PATH }]);
    expect(stream.reports).toMatchObject([{ outcome: "recovered" }]);
    expect(stream.reports[0]!.error!.message).toMatch(/longer than 2000 ms/);
  });

  it("rejects at the end with onFailure throw, after all text", async () => {
    const stream = await opened(() => new Response("no", { status: 404 }), { onFailure: "throw" });
    for (const event of eventsOf(TEXT, [PATH + 12])) {
      stream.send([event]);
      await vi.advanceTimersByTimeAsync(0);
    }
    await expect(stream.done).rejects.toThrow(/the response before this one/);
    expect(stream.text()).toBe(TEXT);
  });

  it("does not request a response whose id cannot be part of a URL, and the report says so", async () => {
    const events = eventsOf(TEXT, [PATH + 12]).map((event) =>
      event.response
        ? { ...event, response: { ...(event.response as object), previous_response_id: ".." } }
        : event,
    );
    const { bytes, asked, reports } = await read(events);
    expect(readEvents(eventsIn(bytes())).text).toBe(TEXT);
    expect(asked).toHaveLength(1);
    expect(reports[0]!.error!.message).toMatch(/cannot be part of a URL/);
  });
});

describe("a stream that has no path", () => {
  it.each([
    "Plain text, and/or more of it.",
    "See [the guide](guide.html), [a file](report.csv) and ![a picture](chart.png).",
    "Run `npm test`, or see [the site](//e.com/a) <b>now</b> and then.",
  ])("causes no request, and has the bytes that came: %s", async (text) => {
    const words = [...text.matchAll(/ /g)].map(({ index }) => index);
    for (const cuts of [[], words, [words[0]!, words[2]!]]) {
      const events = eventsOf(text, cuts);
      const { bytes, asked, reports } = await read(events);
      expect(bytes()).toBe(frames(events));
      expect(asked).toHaveLength(1);
      expect(reports).toMatchObject([{ outcome: "nothing-to-do", listRequests: 0 }]);
    }
  });

  it("holds at most the beginning of a path at the end of a delta, up to the next delta", async () => {
    const text = "The sands [x](https://e.com), [y](sand.html) `code` h/m/mnt/x or /mnt/database.";
    for (let cut = 1; cut < text.length; cut++) {
      const stream = await opened(() => json(PREVIOUS));
      const [first, rest] = split(eventsOf(text, [cut]), 1);
      stream.send(first);
      await vi.advanceTimersByTimeAsync(0);
      expect(text.slice(stream.text().length, cut)).toMatch(
        /^(?:` ?)?(?:|s|sa|san|sand|h\w{0,4}:?\/{0,2}|\/[a-z/]*)$/,
      );
      stream.send(rest);
      await stream.end();
      expect(readEvents(eventsIn(stream.bytes()))).toEqual({ text, annotations: [] });
      expect(stream.asked).toHaveLength(1);
    }
  });

  it("makes no request for a response with a call, but does for one with a link to a path", async () => {
    const events = eventsOf("[the file](sandbox:/mnt/data/a.csv)", [12]);
    const withCall = streamOf([{ type: "function_call", id: "fc_1", name: "f" }, message("Done.")]);
    const { asked } = await read(withCall);
    expect(asked).toHaveLength(1);
    expect((await read(events)).asked).toHaveLength(3);
  });
});

describe("a reader that leaves while the previous response is retrieved", () => {
  it("ends the request and leaves no timer", async () => {
    let signal: AbortSignal | null | undefined;
    const stream = await opened((asked) => {
      signal = asked.signal;
      return new Promise<Response>(() => {});
    });
    stream.send(split(eventsOf(TEXT, [PATH + 12]), 1)[0]);
    await vi.advanceTimersByTimeAsync(0);
    expect(vi.getTimerCount()).toBeGreaterThan(0);
    await stream.reader.cancel();
    expect(signal!.aborted).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
    expect(stream.reports).toEqual([]);
  });
});

it("another response of the same body does not wait for the previous response", async () => {
  const { answer, promise } = pending();
  const stream = await opened(() => promise);
  const inLane = (events: readonly StreamEvent[], stream_id: string): StreamEvent[] =>
    events.map((event) => ({ ...event, stream_id }) as StreamEvent);
  const [first, rest] = split(inLane(eventsOf(TEXT, [PATH + 12, PATH + 40]), "one"), 1);
  const other = inLane(streamOf([message("Hello you")]), "two");
  stream.send([...first, ...other]);
  await vi.advanceTimersByTimeAsync(0);
  expect(stream.text()).toBe(`${TEXT.slice(0, PATH)}Hello you`);
  answer(json(EMPTY));
  await vi.advanceTimersByTimeAsync(0);
  expect(stream.text()).toBe(`${TEXT.slice(0, PATH)}Hello you`);
  stream.send(rest);
  await stream.end();
  expect(stream.asked).toHaveLength(2);
  expect(textIn(eventsIn(stream.bytes()).filter(({ stream_id }) => stream_id === "one"))).toBe(TEXT);
});
