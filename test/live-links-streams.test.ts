/** Tests the option `links`: what a stream holds and sends, annotations, and notes in place of dead links. */
import { describe, expect, it } from "vitest";
import {
  type ContainerFile,
  type RepairOptions,
  repairResponse,
  replaceFileLinks,
  resolveFileCitations,
} from "../src/index.js";
import {
  A,
  all,
  CUTS,
  eventsOf,
  type Given,
  given,
  itemsOf,
  LINKED,
  listOf,
  OPTIONS,
  opened,
  paused,
  plain,
  streamed,
  TEXT,
  textIn,
  throughFetch,
  toUrl,
  URL_OF_A,
} from "./linking.js";
import { call, message, response, type StreamEvent, streamOf } from "./upstream.js";

describe("a text with links, in a stream", () => {
  it("sends everything before a mention at once, and the link with the mention's last delta", async () => {
    const { stream } = opened(eventsOf(given, [12, 20, 23, 30, 40, 48]));
    const deltas = (await all(stream)).filter(({ type }) => type === "response.output_text.delta");
    expect(deltas.map(({ delta }) => delta)).toEqual([
      "Before. See ",
      "[the ",
      "file](",
      "",
      "",
      `${URL_OF_A}) `,
      "and more.",
    ]);
  });

  it.each([
    ["a delta that belongs to no mention", "Just text. ", "And more."],
    ["a delta with an ordinary link", "[x](https://example.com) ", "and more."],
    ["a delta with code", "`code` is ", "code."],
  ])("passes %s as the same object", async (_, first, second) => {
    const events = eventsOf({ text: first + second, files: [A] }, [first.length]);
    const out = await all(opened(events).stream);
    const isDelta = ({ type }: StreamEvent): boolean => type === "response.output_text.delta";
    expect(out.filter(isDelta)).toEqual(events.filter(isDelta));
    expect(out.filter(isDelta)[0]).toBe(events.filter(isDelta)[0]);
  });

  it.each(["`", "` ", "` `` ", "<", "!", "<!", "\\", "/", "```\n", "&", "%", "["])(
    "holds little of a text that repeats %j, and links the path after it",
    async (piece) => {
      const before = `${piece.repeat(3000)}x `;
      const text = `${before}[a](sandbox:/mnt/data/a.csv)`;
      const whole = await plain({ text, files: [A] });
      const cuts = Array.from({ length: Math.ceil(before.length / 50) }, (_, at) => at * 50);
      expect(await streamed({ text, files: [A] }, cuts)).toEqual(whole);
      const taken: number[] = [];
      const events = eventsOf({ text, files: [A] }, cuts);
      async function* counted() {
        let length = 0;
        for (const event of events) {
          if (event.type === "response.output_text.delta") length += (event.delta as string).length;
          taken.push(length);
          yield event;
        }
      }
      let sent = 0;
      for await (const event of opened(counted()).stream) {
        if (event.type === "response.output_text.delta") sent += (event.delta as string).length;
        if (sent < before.length) expect(taken.at(-1)! - sent).toBeLessThan(700);
      }
    },
  );

  it("empties the log probabilities of a changed delta and keeps all its other fields", async () => {
    const more = { logprobs: [{ token: "x" }], obfuscation: "abc", extra: 1 };
    const events = eventsOf(given, CUTS).map((event) =>
      event.type === "response.output_text.delta" ? { ...event, ...more } : event,
    );
    const out = await all(opened(events).stream);
    const deltas = out.filter(({ type }) => type === "response.output_text.delta");
    const linked = deltas.find(({ delta }) => String(delta).includes("https://f.test"))!;
    expect(linked).toMatchObject({ ...more, logprobs: [] });
    expect(deltas[0]).toMatchObject(more);
    expect(textIn(out)).toBe(LINKED);
  });

  it("holds only the path and what follows in a text without a container, and sends both when the text ends", async () => {
    const events = streamOf([message(TEXT)]);
    const out = await all(opened(events).stream);
    const path = events.findIndex(({ delta }) => String(delta).includes("sandbox:"));
    for (const [at, event] of out.slice(0, path).entries()) expect(event).toBe(events[at]);
    expect(textIn(out.slice(0, path + 1))).toBe(TEXT.slice(0, TEXT.indexOf("sandbox:")));
    const done = out.findIndex(({ type }) => type === "response.output_text.done");
    expect(textIn(out.slice(0, done))).toBe(TEXT);
    expect(out.slice(done)).toEqual(events.slice(-4));
  });

  it("requests the list as soon as a path begins", async () => {
    const asked: string[] = [];
    const { events, resume } = paused(eventsOf(given, [30, 50]), 1);
    const { stream } = opened(events, {}, async (id) => {
      asked.push(id);
      resume();
      return [A];
    });
    expect(textIn(await all(stream))).toBe(LINKED);
    expect(asked).toEqual(["cntr_1"]);
  });

  it.each([
    ["names no file", "print(1 + 1)", 0],
    ["names a file", "df.to_csv('a.csv')", 1],
    ["builds a path", "df.to_csv(f'{folder}/{name}')", 1],
    ["is not known", null, 1],
  ])(
    "requests the list at the start of a text without a path only if the code may write files: the code %s",
    async (_, code, requests) => {
      let asked = 0;
      const { stream } = opened(streamOf([{ ...call(), code }, message("The sum is 2.")]), {}, async () => {
        asked++;
        return [A];
      });
      expect(textIn(await all(stream))).toBe("The sum is 2.");
      expect(asked).toBe(requests);
    },
  );

  it("moves the ranges of other annotations, and leaves 0..0 as it is", async () => {
    const annotations = [
      {
        type: "container_file_citation",
        container_id: "cntr_1",
        file_id: "cfile_0",
        filename: "x.png",
        start_index: 0,
        end_index: 0,
      },
      {
        type: "url_citation",
        url: "https://e.com",
        title: "e",
        start_index: TEXT.length - 5,
        end_index: TEXT.length,
      },
    ];
    const both = await Promise.all([
      plain({ ...given, annotations }),
      streamed({ ...given, annotations }, CUTS),
    ]);
    for (const { text, annotations: moved } of both) {
      expect(text).toBe(LINKED);
      expect(moved[0]).toEqual(annotations[0]);
      expect(text.slice(moved[1]!.start_index, moved[1]!.end_index)).toBe("more.");
      expect(text.slice(moved[2]!.start_index, moved[2]!.end_index)).toBe(URL_OF_A);
    }
  });

  it("keeps a citation of the API, and its range covers the URL", async () => {
    const start = TEXT.indexOf("sandbox:");
    const citation = {
      type: "container_file_citation",
      container_id: "cntr_1",
      file_id: A.id,
      filename: "a.csv",
    };
    const annotations = [{ ...citation, start_index: start, end_index: TEXT.indexOf(") and") }];
    for (const read of [
      plain,
      (one: Given) => streamed(one, CUTS),
      (one: Given) => throughFetch(one, CUTS, 11),
    ]) {
      const { text, annotations: moved } = await read({ ...given, annotations });
      expect(text).toBe(LINKED);
      expect(moved).toHaveLength(1);
      expect(text.slice(moved[0]!.start_index, moved[0]!.end_index)).toBe(URL_OF_A);
    }
  });

  it("is not changed by a second repair", async () => {
    const first = await repairResponse(response(itemsOf(given)), listOf([A]), OPTIONS);
    const second = await repairResponse(first.response, listOf([A]), OPTIONS);
    expect(second.response).toBe(first.response);
    const events = await all(opened(eventsOf(given, CUTS)).stream);
    expect(await all(opened(events).stream)).toEqual(events);
  });

  it("reports the citations of the links", async () => {
    const { stream, reports } = opened(eventsOf({ text: "[a](a.csv)", files: [A] }, [4]));
    expect(textIn(await all(stream))).toBe(`[a](${URL_OF_A})`);
    expect(reports).toMatchObject([
      { outcome: "recovered", citations: [{ origin: "recovered", match: "filename" }] },
    ]);
  });
});

describe("a note in place of a dead link", () => {
  const missing: Given = {
    text: "See [it](sandbox:/mnt/data/gone.csv), `/mnt/data/gone.csv` and [a](sandbox:/mnt/data/a.csv).",
    files: [A],
  };
  const noted = `See (gone), (gone) and [a](${URL_OF_A}).`;
  const options: RepairOptions = { ...OPTIONS, links: { toUrl, onMissing: () => "(gone)" } };

  it("is written plain, streamed and through the fetch", async () => {
    expect((await plain(missing, options)).text).toBe(noted);
    for (let at = 1; at < missing.text.length; at++) {
      expect((await streamed(missing, [at], options)).text, `cut at ${at}`).toBe(noted);
    }
    expect((await throughFetch(missing, [5, 9, 30, 50], 9, options)).text).toBe(noted);
  });

  it("is what replaceFileLinks writes", async () => {
    const { response: repaired, report } = await repairResponse(response(itemsOf(missing)), listOf([A]), {
      retries: 0,
    });
    const part = (repaired.output[1] as { content: { text: string; annotations: [] }[] }).content[0]!;
    const unresolved = report.unresolved;
    expect(
      replaceFileLinks(part.text, part.annotations, toUrl, { unresolved, onMissing: () => "(gone)" }),
    ).toBe(noted);
  });

  it.each([
    ["Saved in /mnt/data: a.csv", "Saved in /mnt/data: a.csv"],
    ["Saved in `/mnt/data/`, or /mnt/data/out/", "Saved in `/mnt/data/`, or /mnt/data/out/"],
    ['{"folder": "/mnt/data/"}', '{"folder": "/mnt/data/"}'],
    ["See [the folder](sandbox:/mnt/data/).", "See (gone)."],
  ])("is written for a folder only if the folder is in a link: %s", async (text, expected) => {
    const withFolder: Given = { text, files: [A] };
    expect((await plain(withFolder, options)).text).toBe(expected);
    expect((await streamed(withFolder, [5, 14, 20], options)).text).toBe(expected);
    const { unresolved } = resolveFileCitations(text, [A]);
    expect(replaceFileLinks(text, [], toUrl, { unresolved, onMissing: () => "(gone)" })).toBe(expected);
  });

  it("is not written if the list failed, because the file may be there", async () => {
    const failing = async (): Promise<ContainerFile[]> => {
      throw new Error("no list");
    };
    const { response: repaired } = await repairResponse(response(itemsOf(missing)), failing, options);
    expect(JSON.stringify(repaired)).not.toContain("(gone)");
  });

  it("is not written if onMissing throws, and the report says so", async () => {
    const links = {
      toUrl,
      onMissing: () => {
        throw new Error("no note");
      },
    };
    const { stream, reports } = opened(eventsOf(missing, [10]), { links });
    expect(textIn(await all(stream))).toBe(missing.text.replace("sandbox:/mnt/data/a.csv", URL_OF_A));
    expect(reports[0]!.error!.message).toBe("no note");
  });

  it("is not written if onMissing is async and rejects, and causes no unhandled rejection", async () => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown): void => void unhandled.push(reason);
    process.on("unhandledRejection", note);
    const onMissing = (async () => {
      throw new Error("no note");
    }) as never;
    const { response: repaired, report } = await repairResponse(response(itemsOf(missing)), listOf([A]), {
      ...OPTIONS,
      links: { toUrl, onMissing },
    });
    await new Promise((resolve) => setTimeout(resolve, 10));
    process.off("unhandledRejection", note);
    expect(JSON.stringify(repaired)).toContain("(sandbox:/mnt/data/gone.csv)");
    expect(report.error!.message).toMatch(/the return value of onMissing must be a string/);
    expect(unhandled).toEqual([]);
  });
});
