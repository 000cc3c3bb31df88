/**
 * Tests paths with letters outside ASCII, such as `Übersicht.csv`. They must match the paths in calls just as ASCII paths do. The
 * text, the calls and the list can each write such a path composed (NFC) or decomposed (NFD). The text can also percent-encode or
 * escape it.
 */
import { describe, expect, it, vi } from "vitest";
import { type ContainerFile, repairResponse } from "../src/index.js";
import { call, file, message, response } from "./upstream.js";

const FORMS = ["NFC", "NFD"] as const;
const OLD = 1_750_000_000;
const ROOT = "/mnt/data";

/** Each name, with one Unicode form for the calls (`called`) and one for the list and the text (`name`). Has all four pairs. */
const NAMES = ["Übersicht", "보고서", "グラフ"].flatMap((name) =>
  FORMS.flatMap((inCalls) =>
    FORMS.map((elsewhere) => ({
      title: `${name}, ${inCalls} in calls, ${elsewhere} in the list and the text`,
      called: name.normalize(inCalls),
      name: name.normalize(elsewhere),
    })),
  ),
);
const ASCII = { title: "Report", called: "Report", name: "Report" };

const saves = (...paths: string[]) => call(paths.map((path) => `df.to_csv("${ROOT}/${path}")`).join("\n"));
const listed = (path: string, more: Partial<ContainerFile> = {}) =>
  file(`${ROOT}/${path}`, { id: path.normalize("NFC"), ...more });

/** Returns the ids of the recovered citations and the reasons of the unresolved mentions. */
async function outcomeOf(output: Record<string, unknown>[], files: readonly ContainerFile[], options = {}) {
  const { report } = await repairResponse(response(output), () => files, { retries: 0, ...options });
  return {
    ids: report.citations.map(({ annotation }) => annotation.file_id),
    reasons: report.unresolved.map(({ reason }) => reason),
  };
}

const NOT_FOUND = { ids: [], reasons: ["not-found"] };

describe.each([ASCII, ...NAMES])("$title", ({ called, name }) => {
  const encoded = encodeURIComponent(name);
  const found = (path: string) => ({ ids: [path.normalize("NFC")], reasons: [] });

  it.each([
    ["a percent-encoded path", `[x](sandbox:${ROOT}/out/${encoded}_1.csv)`],
    ["an escaped path", `Saved: ${ROOT}/out/${name}\\_1.csv`],
    ["a plain path", `Saved: ${ROOT}/out/${name}_1.csv`],
  ])("%s that a call names does not mean a file in another folder", async (_, text) => {
    const files = [listed(`${name}_1.csv`)];
    const code = saves(`${called}_1.csv`, `out/${called}_1.csv`);
    expect(await outcomeOf([code, message(text)], files)).toEqual(NOT_FOUND);
    const input = [{ role: "user", content: "Go" }, code, { role: "user", content: "Again" }];
    expect(await outcomeOf([message(text)], files, { request: { input } })).toEqual(NOT_FOUND);
    expect(await outcomeOf([saves(`${called}_1.csv`), message(text)], files)).toEqual(found(`${name}_1.csv`));
  });

  it("a path or a name that a call names does not mean a file with another case", async () => {
    const code = saves(`${called}.csv`, `${called}.CSV`);
    for (const text of [`[x](sandbox:${ROOT}/${encoded}.CSV)`, `In ${ROOT}: ${encoded}.CSV`])
      expect((await outcomeOf([code, message(text)], [listed(`${name}.csv`)])).ids).toEqual([]);
  });

  it("a path may differ from the file's path in case, but not in both case and folder", async () => {
    const files = [listed(`${name}/data.csv`)];
    const code = saves(`${called}/data.csv`);
    const inFolder = message(`[x](sandbox:${ROOT}/${encoded}/Data.csv)`);
    expect(await outcomeOf([code, inFolder], files)).toEqual(found(`${name}/data.csv`));
    const moved = message(`[x](sandbox:${ROOT}/out/${encoded}_a.csv)`);
    const other = [listed(`${name}_A.csv`)];
    expect(await outcomeOf([saves(`${called}_A.csv`), moved], other)).toEqual(NOT_FOUND);
  });

  it("`sandbox:name` is found at once, but not if an earlier call names another path with this name", async () => {
    const text = message(`[x](sandbox:/${encoded}.csv)`);
    const files = [listed(`out/${name}.csv`)];
    const list = vi.fn(() => files);
    const { report } = await repairResponse(response([saves(`out/${called}.csv`), text]), list);
    expect(report.citations).toHaveLength(1);
    expect(list).toHaveBeenCalledOnce();
    const older = [listed(`out/${name}.csv`, { created_at: OLD })];
    const asked = (path: string) => ({
      request: { input: [saves(path), { role: "user", content: "Again" }] },
    });
    expect(await outcomeOf([text], older, asked(`old/${called}.csv`))).toEqual(NOT_FOUND);
    expect(await outcomeOf([text], older, asked(`out/${called}.csv`))).toEqual(found(`out/${name}.csv`));
  });

  it("a name means an older file if a call reads the file and no other path with this name", async () => {
    const files = [listed(`${name}.csv`, { created_at: OLD })];
    const text = message(`See [x](${name}.csv).`);
    const reads = (path: string) => call(`pd.read_csv("${ROOT}/${path}")`);
    expect(await outcomeOf([reads(`${called}.csv`), text], files)).toEqual(found(`${name}.csv`));
    expect((await outcomeOf([saves(`out/${called}.csv`), text], files)).ids).toEqual([]);
  });

  it("a name with a hyphen and a word after it is not the shorter name if a call writes the longer one", async () => {
    const text = message(`[x](sandbox:${ROOT}/${encoded}.csv-Auszug)`);
    const code = call(`open("${ROOT}/${called}.csv-Auszug", "w")`);
    expect((await outcomeOf([code, text], [listed(`${name}.csv`)])).ids).toEqual([]);
  });

  it("the list is requested once if it has the file", async () => {
    const output = [saves(`${called} 1.csv`), message(`See \`${name} 1.csv\`.`)];
    const list = vi.fn(() => [listed(`${name} 1.csv`)]);
    const { report } = await repairResponse(response(output), list);
    expect(report.citations).toHaveLength(1);
    expect(list).toHaveBeenCalledOnce();
  });
});
