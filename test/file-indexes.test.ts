/** Tests that the same file lists are not indexed again. Indexing thousands of files takes a long time. */
import { expect, it } from "vitest";
import { ContainerLists } from "../src/containers/lists.js";
import { file } from "./upstream.js";

const near = [file("/mnt/data/a.csv"), file("/mnt/data/b.csv")];
const far = [file("/mnt/data/a.csv", { container_id: "cntr_2" })];
const ranks = (...ids: string[]): Map<string, string> => new Map(ids.map((id) => [id, id]));
const newLists = () => new ContainerLists(async () => [], undefined, ["/mnt/data"]);

it("a search in two lists, one after the other, gets the same two indexes each time", () => {
  const lists = newLists();
  const first = lists.indexOf([near], ranks("cntr_1"));
  const both = lists.indexOf([near, far], ranks("cntr_1", "cntr_2"));
  expect(both).not.toBe(first);
  for (let mention = 0; mention < 3; mention++) {
    expect(lists.indexOf([near], ranks("cntr_1"))).toBe(first);
    expect(lists.indexOf([near, far], ranks("cntr_1", "cntr_2"))).toBe(both);
  }
});

it("a copy of a list has the list's index, but not a list with other files or in another rank", () => {
  const lists = newLists();
  const index = lists.indexOf([near, far], ranks("cntr_1", "cntr_2"));
  expect(lists.indexOf([[...near], [...far]], ranks("cntr_1", "cntr_2"))).toBe(index);
  expect(lists.indexOf([near.slice(0, 1), far], ranks("cntr_1", "cntr_2"))).not.toBe(index);
  expect(lists.indexOf([[...near].reverse(), far], ranks("cntr_1", "cntr_2"))).not.toBe(index);
  expect(lists.indexOf([near, far], ranks("cntr_2", "cntr_1"))).not.toBe(index);
});
