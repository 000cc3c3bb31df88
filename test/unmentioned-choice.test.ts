/** Tests which unmentioned files are cited, depending on the option `unmentioned`. */
import { describe, expect, it } from "vitest";
import { settingsOf } from "../src/options.js";
import { isWanted, mayCite } from "../src/responses/unmentioned.js";
import { file } from "./upstream.js";

const PLAN = file("/mnt/data/plan.docx");
const DRAFT = file("/mnt/data/draft-plan.docx");

describe("mayCite", () => {
  it.each([
    [undefined, false],
    ["report", false],
    ["cite", true],
    [() => false, true],
  ] as const)("%s: %s", (unmentioned, expected) => {
    expect(mayCite(settingsOf({ unmentioned }))).toBe(expected);
  });
});

describe("isWanted", () => {
  it.each([
    ["report", false],
    ["cite", true],
  ] as const)("%s: %s for every file", (unmentioned, expected) => {
    expect(isWanted(PLAN, settingsOf({ unmentioned }))).toBe(expected);
  });

  it("returns what the function returns for a file", () => {
    const settings = settingsOf({ unmentioned: ({ path }) => !path.includes("draft") });
    expect([PLAN, DRAFT].filter((it) => isWanted(it, settings))).toEqual([PLAN]);
  });

  it("passes a copy of the file, so that the function cannot change the file", () => {
    const given = { ...PLAN };
    const unmentioned = (it: { path: string }): boolean => {
      it.path = "/etc/passwd";
      return true;
    };
    expect(isWanted(given, settingsOf({ unmentioned }))).toBe(true);
    expect(given).toEqual(PLAN);
  });

  it("throws what the function throws", () => {
    const unmentioned = (): boolean => {
      throw new Error("no such column");
    };
    expect(() => isWanted(PLAN, settingsOf({ unmentioned }))).toThrow("no such column");
  });

  it.each([
    [undefined, "undefined"],
    [1, "1"],
    ["yes", '"yes"'],
    [["draft"], "an array of 1"],
  ])("throws if the function returns %j", (result, shown) => {
    const settings = settingsOf({ unmentioned: () => result as never });
    expect(() => isWanted(PLAN, settings)).toThrow(
      new TypeError(`the result of options.unmentioned must be true or false, got ${shown}`),
    );
  });

  it("throws if the function is async, and ignores a rejection of its promise", async () => {
    const settings = settingsOf({ unmentioned: (async () => Promise.reject(new Error("late"))) as never });
    expect(() => isWanted(PLAN, settings)).toThrow(
      "the result of options.unmentioned must be true or false, got ",
    );
    await new Promise((resolve) => setImmediate(resolve)); // an unhandled rejection would fail the test run
  });
});
