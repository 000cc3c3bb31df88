/** Tests output that appears only on a terminal: progress, colours and links. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { bar, inBytes } from "../src/cli/progress.js";
import { linkTo, shown } from "../src/cli/terminal.js";
import { run, runOnTerminal } from "./command.js";
import { fileOf, lines, responseOf } from "./stored/responses.js";

const ESCAPE = "\u001b";
/** The characters that clear the progress line. */
const CLEAR = `\r${ESCAPE}[K`;

let folder: string;
const at = (name: string): string => join(folder, name);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "terminal-test-"));
  await writeFile(at("list.json"), JSON.stringify([fileOf(1)]));
  await writeFile(at("in.jsonl"), lines(Array.from({ length: 2000 }, () => responseOf(1))));
});
afterAll(() => rm(folder, { recursive: true }));

describe("repair", () => {
  const args = (): string[] => [
    "repair",
    "--files",
    at("list.json"),
    at("in.jsonl"),
    "--out",
    at("out.jsonl"),
  ];
  const summary = "2,000 responses: 2,000 citations recovered in 2,000 responses";

  it("shows progress on a terminal, removes it and prints the summary", async () => {
    const { code, shown: screen } = await runOnTerminal(args());
    expect(code).toBe(0);
    const drawn = screen.split(CLEAR);
    expect(drawn.length).toBeGreaterThan(2);
    expect(drawn[1]).toMatch(/^\[=* *\] +\d+% [\d,]+ responses?: /);
    expect(drawn.slice(1).every((line) => line.trimEnd().length < 80)).toBe(true);
    expect(drawn.at(-1)).toBe(`${summary}\r\n`);
    expect(await readFile(at("out.jsonl"), "utf8")).toBe(
      lines(Array.from({ length: 2000 }, () => responseOf(1, { cited: true }))),
    );
  });

  it("prints only the summary without a terminal", async () => {
    expect(await run(args())).toEqual({ code: 0, stdout: "", stderr: `${summary}\n` });
  });

  it("shows no progress if the responses go to the terminal", async () => {
    const { shown: screen } = await runOnTerminal(args().slice(0, -2));
    expect(screen).not.toContain(ESCAPE);
    expect(screen.endsWith(`${summary}\r\n`)).toBe(true);
  });

  it("does not read responses from a terminal", async () => {
    const { code, shown: screen } = await runOnTerminal(["repair", "--files", at("list.json")]);
    expect(code).toBe(2);
    expect(screen).toContain("nothing to read");
  });
});

describe("colours", () => {
  const wrong = ["repair", "nowhere"];

  it("appear only on a terminal with colours and without NO_COLOR", async () => {
    expect((await runOnTerminal(wrong)).shown).toContain(`${ESCAPE}[31merror:`);
    for (const env of [{ NO_COLOR: "1" }, { TERM: "dumb" }]) {
      expect((await runOnTerminal(wrong, { env })).shown).not.toContain(ESCAPE);
    }
    expect((await run(wrong, { env: { FORCE_COLOR: "", CI: "true" } })).stderr).not.toContain(ESCAPE);
  });
});

describe("text from a model or a server", () => {
  it.each([
    ["plain, with\nlines and\ttabs, é, 😀, العربية", undefined],
    [`clear ${ESCAPE}[2J and ring \u0007`, "clear ␛[2J and ring ␇"],
    ["over\rwritten", "over␍written"],
    ["c1 \u009b2J", "c1 \ufffd2J"],
    ["exe\u202egpj.txt", "exe\ufffdgpj.txt"],
    ["\u007f\u0000", "␡␀"],
  ])("is shown without control characters: %j", (text, expected = text) => {
    expect(shown(text)).toBe(expected);
  });

  it("becomes a link only on a terminal", () => {
    vi.stubEnv("TERM", "xterm");
    vi.stubEnv("NO_COLOR", undefined);
    const path = `/tmp/a b${ESCAPE}.csv`;
    expect(linkTo(path, {})).toBe(path);
    expect(linkTo(path, { isTTY: true })).toBe(
      `${ESCAPE}]8;;file:///tmp/a%20b%1B.csv${ESCAPE}\\/tmp/a b␛.csv${ESCAPE}]8;;${ESCAPE}\\`,
    );
    vi.stubEnv("NO_COLOR", "1");
    expect(linkTo(path, { isTTY: true })).toBe("/tmp/a b␛.csv");
    vi.unstubAllEnvs();
  });
});

describe("a bar", () => {
  it.each([
    [0, 10, "[                        ]   0%"],
    [5, 10, "[============            ]  50%"],
    [999, 1000, "[========================]  99%"],
    [20, 10, "[========================] 100%"],
    [5, undefined, ""],
    [0, 0, ""],
  ])("of %d of %d", (done, total, expected) => {
    expect(bar(done, total)).toBe(expected);
  });

  it.each([
    [0, "0 bytes"],
    [999, "999 bytes"],
    [1000, "1.0 kB"],
    [1_440_000, "1.4 MB"],
    [9_970, "10 kB"],
    [99_500_000, "100 MB"],
    [999_499, "999 kB"],
    [999_999, "1.0 MB"],
    [3e15, "3000 TB"],
  ])("%d bytes", (bytes, expected) => {
    expect(inBytes(bytes)).toBe(expected);
  });
});
