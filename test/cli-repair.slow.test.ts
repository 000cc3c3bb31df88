/** Runs `repair` as a user does. The output must have the shape of the input, with the citations added. */
import { readFile, writeFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { run } from "./command.js";
import {
  RESPONSES,
  recovered,
  recoveredEvents,
  STREAMS,
  uncitedEvents,
  withoutCitations,
} from "./recordings.js";
import { at, list } from "./stored/folder.js";
import { batchLineOf, eventsOf, lines, parsed, responseOf, some, sse } from "./stored/responses.js";

const oddly = (text: string): string =>
  text.replaceAll('"model":', '"a":1,"a":9223372036854775807,"b":[1.0,-0.0,1e400,"\\u0041"],"model" :');

describe("every shape keeps its form and gets its citations", () => {
  const shapes: [name: string, input: string, expected: string][] = [
    ["a response on one line", JSON.stringify(responseOf(1)), JSON.stringify(responseOf(1, { cited: true }))],
    ["an array", JSON.stringify(some(responseOf, false)), JSON.stringify(some(responseOf, true))],
    ["JSON Lines", lines(some(responseOf, false)), lines(some(responseOf, true))],
    ["a Batch API's output", lines(some(batchLineOf, false)), lines(some(batchLineOf, true))],
    ["events, one per line", lines(some(eventsOf, false).flat()), lines(some(eventsOf, true).flat())],
    [
      "events in an array",
      JSON.stringify(eventsOf(1)),
      JSON.stringify(eventsOf(1, { cited: true })).replace(
        /,(?=\{"type":"response.output_text.done")/,
        ",\n",
      ),
    ],
    ["an event stream", sse(some(eventsOf, false).flat()), sse(some(eventsOf, true).flat())],
    ["JSON Lines with CRLF", lines(some(responseOf, false), "\r\n"), lines(some(responseOf, true), "\r\n")],
    ["events with CRLF", lines(eventsOf(1), "\r\n"), lines(eventsOf(1, { cited: true }), "\r\n")],
    [
      "JSON Lines without a last newline",
      lines(some(responseOf, false)).trim(),
      lines(some(responseOf, true)).trim(),
    ],
    ["events without a last newline", lines(eventsOf(1)).trim(), lines(eventsOf(1, { cited: true })).trim()],
    [
      "JSON Lines with a byte order mark",
      `\ufeff${lines(some(responseOf, false))}`,
      `\ufeff${lines(some(responseOf, true))}`,
    ],
    [
      "an event stream with a byte order mark",
      `\ufeff${sse(eventsOf(1))}`,
      `\ufeff${sse(eventsOf(1, { cited: true }))}`,
    ],
    [
      "lines with blank lines between",
      `\n${lines(some(responseOf, false), "\n \n")}\n`,
      `\n${lines(some(responseOf, true), "\n \n")}\n`,
    ],
    [
      "an object with a duplicate key and unusual numbers",
      oddly(JSON.stringify(responseOf(1))),
      oddly(JSON.stringify(responseOf(1, { cited: true }))),
    ],
    [
      "an event stream with ids, comments and unusual numbers",
      oddly(sse(eventsOf(1)).replaceAll("data: ", ": ping\nid: 7\nretry: 10\ndata: ")),
      oddly(
        sse(eventsOf(1, { cited: true })).replaceAll("data: ", ": ping\nid: 7\nretry: 10\ndata: "),
      ).replace(/(?<=event: response.output_text.annotation.added\n)(?:(?!data).*\n)+/, ""),
    ],
    ["nothing", "", ""],
  ];

  it.each(shapes)("%s", async (_, input, expected) => {
    await writeFile(at("input"), input);
    const piped = await run(["repair", "--files", list], { input });
    expect(piped.stdout).toBe(expected);
    expect(piped.code).toBe(0);
    const named = await run(["repair", "--files", list, at("input"), "--out", at("output")]);
    expect(named).toMatchObject({ code: 0, stdout: "" });
    expect(await readFile(at("output"), "utf8")).toBe(expected);
    // An input whose citations are complete keeps its bytes.
    expect((await run(["repair", "--files", list], { input: expected })).stdout).toBe(expected);
  });

  it.each([
    [
      "a response over several lines",
      [responseOf(1)],
      (values: object[]) => JSON.stringify(values[0], null, 2),
    ],
    [
      "responses over several lines, one after the other",
      some(responseOf, false),
      (values: object[]) => values.map((value) => `${JSON.stringify(value, null, 2)}\n`).join(""),
    ],
    [
      "an array over several lines",
      some(responseOf, false),
      (values: object[]) => JSON.stringify(values, null, 1),
    ],
    [
      "lines in the style of Python's json.dumps",
      some(batchLineOf, false),
      (values: object[]) =>
        values
          .map(
            (value) =>
              `${JSON.stringify(value, null, 1).replace(/\n */g, " ").replace(/º/g, "\\u00ba").replace('"temperature": 1,', '"temperature": 1.0,')}\n`,
          )
          .join(""),
    ],
  ])("%s, whose other bytes do not change", async (_, values, write) => {
    const input = write(values as object[]);
    const { stdout, code } = await run(["repair", "--files", list], { input });
    expect(code).toBe(0);
    const added = (JSON.stringify(responseOf(1, { cited: true })).match(/"annotations":\[(.*?)\]/) ?? [])[1]!;
    const pattern = new RegExp(added.replace(/[[\]{}.]/g, "\\$&").replace(/\d+/g, "\\d+"), "g");
    expect(stdout.match(pattern)).toHaveLength(values.length);
    expect(stdout.replace(pattern, "")).toBe(input);
  });
});

it("all recordings get back the citations that the test removed", async () => {
  await writeFile(
    at("recorded.json"),
    JSON.stringify([...RESPONSES, ...STREAMS].flatMap(({ files }) => files)),
  );
  const responses = RESPONSES.map(({ response }) => response);
  const events = STREAMS.flatMap(({ events }) => events);
  const repaired = (input: object[]) =>
    run(["repair", "--files", at("recorded.json")], { input: lines(input) });

  const [first] = responses.map(withoutCitations);
  expect(parsed((await repaired([first!])).stdout)).toEqual([recovered(responses[0])]);
  expect(parsed((await repaired(withoutCitations(responses))).stdout)).toEqual(recovered(responses));
  expect(parsed((await repaired(uncitedEvents(events))).stdout)).toEqual(recoveredEvents(events));
});

describe("a record that is not a response", () => {
  const broken = [
    Buffer.from(JSON.stringify(responseOf(9)).slice(0, 200)),
    Buffer.concat([Buffer.from('{"id":"'), Buffer.from([0xff, 0xc0, 0x80]), Buffer.from('","output":[]}')]),
    Buffer.from("null"),
    Buffer.from('{"object":"chat.completion"}'),
    Buffer.from("not JSON \u0000\u001b[2J"),
    Buffer.from('{"custom_id":"a","response":{"status_code":500,"body":{"error":{}}}}'),
    Buffer.from("[]"),
  ];
  const newline = Buffer.from("\n");
  const input = Buffer.concat([
    Buffer.from(lines([responseOf(1)])),
    ...broken.flatMap((line) => [line, newline]),
    Buffer.from(lines([responseOf(2)])),
    newline,
    broken[0]!,
  ]);
  const expected = Buffer.concat([
    Buffer.from(lines([responseOf(1, { cited: true })])),
    ...broken.flatMap((line) => [line, newline]),
    Buffer.from(lines([responseOf(2, { cited: true })])),
    newline,
    broken[0]!,
  ]);

  it("is written byte for byte, counted and reported", async () => {
    await writeFile(at("broken"), input);
    const { code, stderr } = await run([
      "repair",
      "--files",
      list,
      at("broken"),
      "--out",
      at("out"),
      "--report",
      at("report"),
    ]);
    expect(await readFile(at("out"))).toEqual(expected);
    expect(code).toBe(1);
    const named = [...stderr.matchAll(/broken: (.*), written unchanged/g)].map(([, words]) => words);
    expect(named).toEqual([
      "line 2 is not a response (invalid JSON)",
      "line 3 is not a response (not UTF-8)",
      "lines 4-5 are not responses (neither a response nor an event)",
      "line 6 is not a response (invalid JSON)",
      "lines 7-8 are not responses (neither a response nor an event)",
      "line 11 is not a response (invalid JSON)",
    ]);
    expect(stderr).toContain("2 responses: 2 citations recovered in 2 responses, 8 not responses\n");
    expect(parsed(await readFile(at("report"), "utf8"))).toMatchObject([{ line: 1 }, { line: 9 }]);
  });

  it("is also written unchanged if it is the first record", async () => {
    for (const first of [
      ...broken,
      Buffer.from("["),
      Buffer.from('{"id":"r","output":['),
      Buffer.from('[{"id":"r"},'),
    ]) {
      const rest = lines(some(responseOf, false));
      const { stdout, code } = await run(["repair", "--files", list], {
        input: Buffer.concat([first, newline, Buffer.from(rest)]),
      });
      const all = Buffer.concat([first, newline, Buffer.from(lines(some(responseOf, true)))]);
      expect(stdout).toBe(all.toString());
      expect(code).toBe(first.toString() === "[]" ? 0 : 1); // an empty array is valid
    }
  });
});

describe("a line of 100 MB", () => {
  it("is repaired like any other line", async () => {
    const filler = 'é a/b "quoted" and more text that goes on '.repeat(2 ** 21);
    const input = lines([responseOf(1), responseOf(2, { filler }), responseOf(3)]);
    expect(Buffer.byteLength(input)).toBeGreaterThan(90e6);
    await writeFile(at("long"), input);
    const { code } = await run(["repair", "--files", list, at("long"), "--out", at("long.out")]);
    expect(code).toBe(0);
    const expected = lines([
      responseOf(1, { cited: true }),
      responseOf(2, { cited: true, filler }),
      responseOf(3, { cited: true }),
    ]);
    expect((await readFile(at("long.out"), "utf8")) === expected).toBe(true);
  });
});

describe("8 MB of blank lines", () => {
  it.each([
    ["at the beginning", ""],
    ["between two responses", lines([responseOf(1)])],
  ])("%s are written unchanged with a heap of 40 MB", async (_, first) => {
    const blank = "\n".repeat(8e6);
    const broken = "{"; // stderr has the line number of this record
    const { code, stdout, stderr } = await run(["repair", "--files", list], {
      input: first + blank + lines([responseOf(2)]) + broken,
      env: { NODE_OPTIONS: "--max-old-space-size=40" },
    });
    const cited = lines([responseOf(2, { cited: true })]) + broken;
    const firstCited = first && lines([responseOf(1, { cited: true })]);
    expect(stdout === firstCited + blank + cited).toBe(true);
    expect(stderr).toContain(`line ${(first ? 1 : 0) + 8e6 + 2} is not a response`);
    expect(code).toBe(1);
  });
});

describe("several inputs", () => {
  it("are joined, each starting on its own line", async () => {
    await writeFile(at("a"), lines([responseOf(1)]).trim());
    await writeFile(at("b"), JSON.stringify([responseOf(2)]));
    const { stdout } = await run(["repair", "--files", list, at("a"), "-", at("b")], {
      input: sse(eventsOf(3)),
    });
    const [a, b] = [responseOf(1, { cited: true }), [responseOf(2, { cited: true })]];
    expect(stdout).toBe(`${JSON.stringify(a)}\n${sse(eventsOf(3, { cited: true }))}${JSON.stringify(b)}`);
  });
});
