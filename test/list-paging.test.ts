/** Tests the paging of a container's file list: which cursor is used next, and when an endless list is stopped. */
import { describe, expect, it } from "vitest";
import { EndlessListError, inPages } from "../src/containers/listing.js";
import type { ContainerFile } from "../src/index.js";
import { file } from "./upstream.js";

interface Page {
  data: unknown[];
  has_more?: boolean;
  last_id?: unknown;
}

const [A, B, C] = ["a", "b", "c"].map((id) => file(`/mnt/data/${id}.csv`, { id })) as [
  ContainerFile,
  ContainerFile,
  ContainerFile,
];

/** Reads a list whose pages come from `pageAfter`. Returns the file ids, the cursors that were sent, and the error, if any. */
async function read(pageAfter: (after: string | undefined, nth: number) => Page) {
  const cursors: (string | undefined)[] = [];
  const list = inPages(async (_, after) => pageAfter(after, cursors.push(after) - 1));
  const { signal } = new AbortController();
  const result = await list("cntr_1", signal, () => {}).catch((error: unknown) => error);
  const error = result instanceof EndlessListError ? result : undefined;
  const files = error?.files ?? (result as ContainerFile[]);
  return { ids: files.map(({ id }) => id), cursors, error };
}

/** Returns a list of these pages. The cursor of each page is the `last_id` of the page before. */
const pages = (...all: Page[]) =>
  read((after) => {
    const at = after === undefined ? 0 : all.findIndex(({ last_id }) => last_id === after) + 1;
    return all[at]!;
  });

describe("the next page is", () => {
  it("the one after last_id, even if the page is empty", async () => {
    const { ids, cursors, error } = await pages(
      { data: [], has_more: true, last_id: "cur 1" },
      { data: [], has_more: true, last_id: "cur/2==" },
      { data: [A], has_more: true, last_id: "a" },
      { data: [], has_more: true, last_id: "cur 4" },
      { data: [B], has_more: false, last_id: "b" },
    );
    expect(ids).toEqual(["a", "b"]);
    expect(cursors).toEqual([undefined, "cur 1", "cur/2==", "a", "cur 4"]);
    expect(error).toBeUndefined();
  });

  it("the one after last_id, even if no entry has that id", async () => {
    const { ids, cursors } = await pages(
      { data: [A, B], has_more: true, last_id: "offset=2" },
      { data: [B, C], last_id: null },
    );
    expect([ids, cursors]).toEqual([
      ["a", "b", "c"],
      [undefined, "offset=2"],
    ]);
  });

  it.each([
    ["missing", undefined],
    ["null", null],
    ["empty", ""],
    ["a number", 7],
  ])("the one after the last entry, if last_id is %s", async (_, last_id) => {
    const { ids, cursors } = await read((after) =>
      after === "b" ? { data: [C] } : { data: [A, B], has_more: true, last_id },
    );
    expect([ids, cursors]).toEqual([
      ["a", "b", "c"],
      [undefined, "b"],
    ]);
  });

  it("the one after the last entry, if last_id stays the same", async () => {
    const after: Record<string, Page> = {
      stuck: { data: [A, B], has_more: true, last_id: "stuck" },
      b: { data: [C], has_more: false },
    };
    const { ids, cursors } = await read((cursor = "stuck") => after[cursor]!);
    expect([ids, cursors]).toEqual([
      ["a", "b", "c"],
      [undefined, "stuck", "b"],
    ]);
  });

  it("requested with a cursor of 512 characters", async () => {
    const long = file("/mnt/data/long.csv", { id: "é/".repeat(256) });
    const { ids, cursors } = await read((after) =>
      after ? { data: [B] } : { data: [long], has_more: true },
    );
    expect([ids, cursors]).toEqual([
      [long.id, "b"],
      [undefined, long.id],
    ]);
  });
});

describe("a list ends with an error and keeps the files so far,", () => {
  it.each<[string, number, string[], (after: string | undefined, nth: number) => Page]>([
    ["if a page repeats", 2, ["a", "b"], () => ({ data: [A, B], has_more: true, last_id: "b" })],
    ["if a page repeats, without last_id", 2, ["a", "b"], () => ({ data: [A, B], has_more: true })],
    ["if an empty page repeats", 2, [], () => ({ data: [], has_more: true, last_id: "cur" })],
    ["if an empty page has no last_id", 1, [], () => ({ data: [], has_more: true })],
    [
      "if the cursors form a cycle",
      3,
      [],
      (after) => ({ data: [], has_more: true, last_id: after === "x" ? "y" : "x" }),
    ],
    ["if the entries form a cycle", 3, ["a", "b"], (_, nth) => ({ data: [[A, B][nth % 2]], has_more: true })],
  ])("%s", async (_, requests, files, pageAfter) => {
    const { ids, cursors, error } = await read(pageAfter);
    expect(error?.message).toBe("the container's file list repeats itself");
    expect([cursors.length, ids]).toEqual([requests, files]);
  });

  it("after 1000 pages with a new cursor each", async () => {
    const { ids, cursors, error } = await read((_, nth) => ({
      data: nth === 0 ? [A] : [],
      has_more: true,
      last_id: `cur_${nth}`,
    }));
    expect(error?.message).toMatch(/more than 1000 pages/);
    expect([cursors.length, ids]).toEqual([1000, ["a"]]);
  });
});
