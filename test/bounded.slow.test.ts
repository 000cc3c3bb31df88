/** Tests that memory use is bounded: the memory of earlier responses drops its oldest entries, and replaced items are freed. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { ContainerMemory } from "../src/containers/memory.js";
import { ResponseItems } from "../src/responses/items.js";

const MILLION = 1_000_000;

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, number) => number);
}

describe("the memory of earlier responses, after a million entries", () => {
  const BOUND = 5000;

  it("has the containers of the latest 5,000 ids only", () => {
    const memory = new ContainerMemory();
    for (const number of upTo(MILLION)) memory.remember([`resp_${number}`], [`cntr_${number}`]);
    const known = upTo(MILLION).filter((number) => memory.recall(`resp_${number}`).length > 0);
    expect(known).toHaveLength(BOUND);
    expect(known[0]).toBe(MILLION - BOUND);
  });

  it("has the lists of the latest 5,000 containers only", () => {
    const memory = new ContainerMemory();
    for (const number of upTo(MILLION)) memory.rememberFiles(`cntr_${number}`, ["cfile_1"], `resp_${number}`);
    const known = upTo(MILLION).filter((number) => memory.sawFileBefore(`cntr_${number}`, "cfile_1", "now"));
    expect(known).toHaveLength(BOUND);
    expect(known[0]).toBe(MILLION - BOUND);
  });

  it("has at most 200,000 files in all lists together", () => {
    const memory = new ContainerMemory();
    const files = upTo(1000).map((number) => `cfile_${number}`);
    for (const list of upTo(MILLION / files.length)) memory.rememberFiles(`cntr_${list}`, files, "resp_1");
    const known = upTo(MILLION / files.length).filter((list) =>
      memory.sawFileBefore(`cntr_${list}`, "cfile_0", "now"),
    );
    expect(known).toHaveLength(200);
  });

  it("drops a list that alone has more than 200,000 files, and keeps the next list", () => {
    const memory = new ContainerMemory();
    memory.rememberFiles(
      "cntr_1",
      upTo(MILLION).map((number) => `cfile_${number}`),
      "resp_1",
    );
    expect(memory.sawFileBefore("cntr_1", "cfile_0", "now")).toBe(false);
    memory.rememberFiles("cntr_2", ["cfile_1"], "resp_2");
    expect(memory.sawFileBefore("cntr_2", "cfile_1", "now")).toBe(true);
  });

  it("never forgets the conversation in use", () => {
    const memory = new ContainerMemory();
    memory.remember(["conv_1"], ["cntr_1"]);
    for (const number of upTo(MILLION)) {
      memory.remember([`resp_${number}`], ["cntr_1"]);
      if (number % 1000 === 0) memory.recall("conv_1");
    }
    expect(memory.recall("conv_1")).toEqual(["cntr_1"]);
  });
});

describe("the items of a response that never ends", () => {
  setFlagsFromString("--expose-gc");
  const gc: () => void = runInNewContext("gc");
  const heap = () => {
    gc();
    return process.memoryUsage().heapUsed / 2 ** 20;
  };

  it("do not grow with a million ids at the same places", () => {
    const items = new ResponseItems(["/mnt/data"]);
    const before = heap();
    for (const number of upTo(MILLION)) items.note(number % 100, { id: `msg_${number}`, type: "message" });
    expect(heap() - before).toBeLessThan(20);
    expect(items.all).toHaveLength(100);
  });

  it("are refused only as long as two of them have the same id", () => {
    const items = new ResponseItems(["/mnt/data"]);
    items.note(0, { id: "msg_1", type: "message" });
    items.note(1, { id: "msg_1", type: "message" });
    items.note(1, { id: "msg_1", type: "message", content: [] });
    expect(() => items.check(0)).toThrow('two items of the response have the id "msg_1"');
    expect(() => items.check(1)).toThrow('two items of the response have the id "msg_1"');
    items.note(1, { id: "msg_2", type: "message" });
    items.check(0);
    items.check(1);
  });
});
