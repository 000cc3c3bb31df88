/**
 * Tests that replacing links takes linear time, also in markup that is never closed. Compares the CPU time for n characters and
 * for 8 n characters within one run: linear time gives a ratio of 8, quadratic time a ratio of 64.
 */
import { expect, it } from "vitest";
import { repairResponseStream, replaceFileLinks, resolveFileCitations } from "../src/index.js";
import { citation } from "./marked-text.js";
import { call, file, message, streamOf } from "./upstream.js";

const LIMIT = 32;
/**
 * The minimum time for the small text, in microseconds. A shorter measured time is too inaccurate, so the test uses the
 * minimum instead. Quadratic code still fails the test, because the large text then takes seconds.
 */
const LEAST_MICROS = 1000;

/** Returns the CPU time of `replace` in microseconds: the least of five measurements, each the average of `runs` calls. */
function leastTime(replace: () => unknown, runs: number): number {
  const times = Array.from({ length: 5 }, () => {
    const before = process.cpuUsage();
    for (let run = 0; run < runs; run++) replace();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / runs;
  });
  return Math.min(...times);
}

/** Checks that `replacing(160_000)` takes at most `LIMIT` times as long as `replacing(20_000)`. */
function expectLinear(replacing: (n: number) => () => unknown): void {
  const [small, large] = [replacing(20_000), replacing(160_000)];
  leastTime(small, 8); // compiles the code
  expect(leastTime(large, 1) / Math.max(LEAST_MICROS, leastTime(small, 8))).toBeLessThan(LIMIT);
}

it.each<[string, (n: number) => string]>([
  ["an open tag and spaces", (n) => `<a b${" ".repeat(n)}`],
  ["open tags", (n) => "<a b".repeat(n / 4)],
  ["an open attribute", (n) => `<a b="${"x".repeat(n)}`],
  ["spaces around an equals sign", (n) => `<a b${" ".repeat(n / 2)}=${" ".repeat(n / 2)}`],
  ["open comments", (n) => "<!-- ".repeat(n / 5)],
  ["open brackets", (n) => "[".repeat(n)],
  ["open code spans", (n) => "` `` ".repeat(n / 5)],
])("%s", (_, make) => {
  const link = "[x](sandbox:/mnt/data/a.csv)";
  const annotations = [citation(4, link.length - 1)];
  expectLinear((n) => {
    const text = `${link}\n\n${make(n)}`;
    return () => replaceFileLinks(text, annotations, () => "u:1");
  });
});

const PATH = "/mnt/data/a.csv";

it.each<[string, (n: number) => string]>([
  ["a code span that starts with spaces", (n) => `\`${" ".repeat(n / 2)}${`${PATH} `.repeat(n / 32)}\``],
  ["a code span that ends with spaces", (n) => `\`${`${PATH} `.repeat(n / 32)}${" ".repeat(n / 2)}\``],
  ["paths with question marks and without spaces", (n) => `${PATH}?`.repeat(n / 16)],
])("many citations in %s", (_, make) => {
  expectLinear((n) => {
    const text = make(n);
    const { annotations } = resolveFileCitations(text, [file(PATH)]);
    expect(annotations.length).toBeGreaterThan(n / 40);
    return () => replaceFileLinks(text, annotations, () => "u:1");
  });
});

it("many citations of backslashes", () => {
  expectLinear((n) => {
    const text = "\\".repeat(n);
    const annotations = Array.from({ length: n / 50 }, (_, at) => citation(at * 50, at * 50 + 15));
    return () => replaceFileLinks(text, annotations, () => "u:1");
  });
});

it("a stream with many messages", async () => {
  const timeOf = async (count: number): Promise<number> => {
    const messages = Array.from({ length: count }, (_, at) => ({ ...message("Done."), id: `msg_${at}` }));
    const events = streamOf([call(), ...messages]);
    const before = process.cpuUsage();
    const list = async () => [file("/mnt/data/a.csv")];
    for await (const _ of repairResponseStream(events, list, { links: () => "u:1" }));
    const { user, system } = process.cpuUsage(before);
    return user + system;
  };
  await timeOf(500); // compiles the code
  const small = Math.min(await timeOf(500), await timeOf(500));
  expect((await timeOf(8000)) / small).toBeLessThan(60); // linear time gives 16, quadratic time 256
}, 120_000);
