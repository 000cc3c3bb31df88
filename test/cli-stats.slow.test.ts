/** Runs `stats` as a user does. For each model, `stats` counts stored citations and citations that `repair` would add. */
import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { createResponsesEmulator } from "../src/testing/index.js";
import { environmentIn, run, runOnTerminal, shellCodeOf } from "./command.js";
import { at, folder, list } from "./stored/folder.js";
import { batchLineOf, eventsOf, fileOf, lines, responseOf, some, sse } from "./stored/responses.js";
import { call, file, message, response } from "./upstream.js";

const NO_REASONS = {
  "not-found": 0,
  ambiguous: 0,
  directory: 0,
  pattern: 0,
  "container-unavailable": 0,
};

const of = (model: string | undefined, stored: object): object => ({ ...stored, model });

async function statsOf(input: string, args: readonly string[] = ["--files", list]) {
  const { code, stdout, stderr } = await run(["stats", "--json", ...args], { input });
  return { code, stats: JSON.parse(stdout), stderr };
}

describe("the shapes that repair reads", () => {
  const shapes: [name: string, input: (cited: boolean) => string][] = [
    ["JSON Lines", (cited) => lines(some(responseOf, cited))],
    ["a Batch API's output", (cited) => lines(some(batchLineOf, cited))],
    ["an array over several lines", (cited) => JSON.stringify(some(responseOf, cited), null, 1)],
    ["events, one per line", (cited) => lines(some(eventsOf, cited).flat())],
    ["an event stream", (cited) => sse(some(eventsOf, cited).flat())],
  ];

  it.each(shapes)("%s", async (_, inputOf) => {
    const expected = (citedByApi: number, recovered: number): object => {
      const counts = { responses: 5, texts: 5, mentions: 5, citedByApi, recovered, left: 0 };
      const all = { ...counts, reasons: NO_REASONS, failed: 0 };
      return { lists: "file", others: 0, models: [{ model: "gpt-5", ...all }], total: all };
    };
    await writeFile(at("input"), inputOf(false));
    expect(await statsOf("", ["--files", list, at("input")])).toEqual({
      code: 0,
      stats: expected(0, 5),
      stderr: "5 responses\n",
    });
    expect(await statsOf(inputOf(true))).toMatchObject({ code: 0, stats: expected(5, 0) });
    expect(await readFile(at("input"), "utf8")).toBe(inputOf(false));
  });

  it("several files, one of which is stdin", async () => {
    await writeFile(at("first"), lines([of("gpt-5", responseOf(1))]));
    const { stats } = await statsOf(lines([of("o3", responseOf(2))]), ["--files", list, at("first"), "-"]);
    expect(stats.models).toMatchObject([
      { model: "gpt-5", responses: 1 },
      { model: "o3", responses: 1 },
    ]);
  });

  it("an empty input", async () => {
    const { code, stats } = await statsOf("");
    expect({ code, stats }).toMatchObject({ code: 0, stats: { models: [], total: { responses: 0 } } });
  });
});

describe("counts", () => {
  it("the mentions of files, their citations, and the mentions that stay uncited, by reason", async () => {
    const names = ["a.csv", "b.csv", "one/x.csv", "two/x.csv"];
    const files = names.map((name, n) => file(`/mnt/data/${name}`, { id: `cfile_${n}` }));
    const annotation = { type: "container_file_citation", container_id: "cntr_1", filename: "a.csv" };
    const cited = { ...annotation, file_id: "cfile_0", start_index: 4, end_index: 29 };
    const chart = { ...annotation, file_id: "cfile_9", start_index: 0, end_index: 0 };
    const stored = [
      of("o3", response([call(), message("/mnt/data/a.csv", "Done.", "Gone: /mnt/data/gone.csv")])),
      of(
        "gpt-5",
        response([
          call(),
          message({
            text: "[x](sandbox:/mnt/data/a.csv) b.csv, /mnt/data/b.csv",
            annotations: [chart, cited],
          }),
          message("See /mnt/data/x.csv, /mnt/data/*.csv and /mnt/data/one/"),
        ]),
      ),
      of("gpt-5", response([message("No container: /mnt/data/a.csv")])),
      of("gpt-5", response([call(), message({ text: "A chart.", annotations: [chart] })])),
    ];
    await writeFile(at("files.json"), JSON.stringify(files));
    const { code, stats } = await statsOf(lines(stored), ["--files", at("files.json")]);
    expect(code).toBe(0);
    const gpt5 = {
      ...{ responses: 3, texts: 3, mentions: 6, citedByApi: 1, recovered: 1, left: 4, failed: 0 },
      reasons: { ...NO_REASONS, ambiguous: 1, pattern: 1, directory: 1, "container-unavailable": 1 },
    };
    const o3 = {
      ...{ responses: 1, texts: 2, mentions: 2, citedByApi: 0, recovered: 1, left: 1, failed: 0 },
      reasons: { ...NO_REASONS, "not-found": 1 },
    };
    expect(stats.models).toEqual([
      { model: "gpt-5", ...gpt5 },
      { model: "o3", ...o3 },
    ]);
    expect(stats.total).toEqual({
      ...{ responses: 4, texts: 5, mentions: 8, citedByApi: 1, recovered: 2, left: 5, failed: 0 },
      reasons: { ...gpt5.reasons, "not-found": 1 },
    });

    const { stdout, stderr } = await run(["stats", "--files", at("files.json")], { input: lines(stored) });
    expect(stdout).toBe(
      [
        "model  responses  texts  mentions  by the API  recovered  left  why",
        "gpt-5          3      3         6           1          1     4  1 ambiguous, 1 directory, 1 pattern, 1 container-unavailable",
        "o3             1      2         2           0          1     1  1 not-found",
        "total          4      5         8           1          2     5  1 not-found, 1 ambiguous, 1 directory, 1 pattern, 1 container-unavailable",
        "",
      ].join("\n"),
    );
    expect(stderr).toBe("4 responses\n");
  });

  it("the repaired output of repair as cited", async () => {
    const { stdout } = await run(["repair", "--files", list], { input: lines(some(responseOf, false)) });
    const { stats } = await statsOf(stdout);
    expect(stats.total).toMatchObject({ mentions: 5, citedByApi: 5, recovered: 0 });
  });

  it("responses without a model, of any number of models, with any characters in their names", async () => {
    const names = [undefined, "line\nbreak \u001b[2J", `long ${"x".repeat(10_000)}`];
    const few = lines(names.map((name, n) => of(name, responseOf(n + 1))));
    const { stdout } = await run(["stats", "--files", list], { input: few });
    expect(stdout.split("\n").map((line) => line.slice(0, 20).trimEnd())).toEqual([
      "model",
      "(none)",
      "line break ␛[2J",
      "long xxxxxxxxxxxxxxx",
      "total",
      "",
    ]);
    expect(Math.max(...stdout.split("\n").map(({ length }) => length))).toBeLessThan(200);

    const many = Array.from({ length: 1500 }, (_, n) => of(`model-${n}`, { output: [] }));
    const { stats } = await statsOf(lines([...many, of(undefined, { output: [] })]));
    expect(stats.models).toHaveLength(1001);
    expect(stats.models[0]).toMatchObject({ model: "(others)", responses: 501 });
    expect(stats.total.responses).toBe(1501);
    expect((await statsOf(few)).stats.models[0].model).toBe(null);
  });

  it("records that are not responses apart", async () => {
    const { code, stats, stderr } = await statsOf(`nothing\n${lines([responseOf(1)])}{}\n{"a"\n`);
    expect({ code, stats }).toMatchObject({ code: 1, stats: { others: 3, total: { responses: 1 } } });
    expect(stderr).toContain("stdin: line 1 is not a response (invalid JSON), not counted\n");
    expect(stderr).toContain("1 response, 3 not responses\n");
  });
});

describe("without file lists", () => {
  const input = lines([responseOf(1), responseOf(2, { cited: true }), responseOf(3)]);

  it("counts what the texts say, and names what is unknown", async () => {
    const { code, stats, stderr } = await statsOf(input, []);
    expect({ code, stats }).toMatchObject({
      code: 0,
      stats: {
        lists: "none",
        total: {
          ...{ responses: 3, texts: 3, mentions: 3, citedByApi: 1, recovered: 0, left: 2, failed: 0 },
          reasons: { ...NO_REASONS, "container-unavailable": 2 },
        },
      },
    });
    expect(stderr).toBe(
      "3 responses\nno file lists: give them with --files, or set OPENAI_API_KEY to ask the API, to count what can be recovered\n",
    );
  });

  it("asks the API if there is a key, and says if a list cannot be read", async () => {
    const emulator = createResponsesEmulator({
      intercept: ({ path }) =>
        path.includes("cntr_1/")
          ? Response.json({ object: "list", data: [fileOf(1)], has_more: false })
          : Response.json({ error: { message: "gone" } }, { status: 404 }),
    });
    const server = await emulator.listen();
    try {
      const { code, stdout, stderr } = await run(["stats", "--json", "--concurrency", "1"], {
        input,
        env: { OPENAI_API_KEY: "sk-1", OPENAI_BASE_URL: server.baseURL },
      });
      expect(JSON.parse(stdout)).toMatchObject({
        lists: "api",
        total: { recovered: 1, left: 1, failed: 1, reasons: { "container-unavailable": 1 } },
      });
      expect(stderr).toMatch(/^3 responses, 1 failure \(the container's file list answered 404.*\)\n$/);
      expect(code).toBe(1);
    } finally {
      await server.close();
    }
  });
});

describe("a large input", () => {
  it("takes no more memory than a small one", async () => {
    const filler = "no file here, only words ".repeat(1000);
    const input = lines(Array.from({ length: 1000 }, (_, n) => responseOf(n % 40, { filler })));
    expect(input.length).toBeGreaterThan(24e6);
    await writeFile(at("large"), input);
    const { code, stdout } = await run(["stats", "--files", list, "--json", at("large")], {
      env: { NODE_OPTIONS: "--max-old-space-size=30" },
    });
    expect(code).toBe(0);
    expect(JSON.parse(stdout).total).toMatchObject({ responses: 1000, recovered: 1000 });
  });

  it("shows its progress on a terminal, and removes it", async () => {
    await writeFile(at("input"), lines(some(responseOf, false)));
    const { shown } = await runOnTerminal(["stats", "--files", list, at("input")]);
    expect(shown).toMatch(/\[=* *\] +\d+% \d responses/);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these characters clear the line
    expect(shown).toMatch(/\r\u001b\[K5 responses\r?\nmodel/);
  });
});

it.each([
  ["a file that is not there", ["gone.jsonl"], /ENOENT/],
  ["a folder", [folder], /is a folder, expected a file/],
  ["a wrong list", ["--files", "package.json"], /neither a list|is not a list|ENOENT/],
  ["stdin twice", ["-", "-"], /stdin can be an input once only/],
])("refuses %s", async (_, args, problem) => {
  const { code, stdout, stderr } = await run(["stats", ...args], { cwd: folder });
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toMatch(problem);
});

it("docs/command.md shows what its code prints", async () => {
  const textOf = (n: number, text: string): object => response([call("", `cntr_${n}`), message(text)]);
  const several = (count: number, make: (n: number) => object): object[] =>
    Array.from({ length: count }, (_, n) => make(n));
  const gpt5 = [
    ...several(25, (n) => textOf(n, "There are 12 months.")),
    ...several(12, (n) => responseOf(n, { cited: true })),
    ...several(20, (n) => responseOf(n)),
    ...several(3, (n) => textOf(n, "Here: [totals](sandbox:/mnt/data/totals.csv)")),
  ];
  const o4 = [
    ...several(8, (n) => textOf(n, "There are 12 months.")),
    ...several(16, (n) => responseOf(n, { cited: true })),
    ...several(5, (n) => responseOf(n)),
    ...several(1, (n) => textOf(n, "All charts are in /mnt/data/")),
  ];
  const stored = [
    ...gpt5.map((one) => of("gpt-5-2025-08-07", one)),
    ...o4.map((one) => of("o4-mini-2025-04-16", one)),
  ];
  await writeFile(at("responses.jsonl"), lines(stored));
  const env = await environmentIn(folder);
  const code = await shellCodeOf("docs/command.md", "\n## stats\n");
  const { stdout } = await promisify(execFile)("sh", ["-e", "-c", code], { env, cwd: folder });
  const page = await readFile(new URL("../docs/command.md", import.meta.url), "utf8");
  const [, shown] = /^## stats$.*?^```text\n(.*?)^```$/ms.exec(page)!;
  expect(stdout).toBe(shown);
});
