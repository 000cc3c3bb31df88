/** Tests how long the option `links` holds a response: the report's `heldMs`, and the time that is left for lists. */
import { afterEach, expect, it, vi } from "vitest";
import { type RepairOptions, type Report, repairResponse, repairResponseStream } from "../src/index.js";
import { call, file, message, response, type StreamEvent, streamOf } from "./upstream.js";

const FILES = ["a.csv", "b.csv"].map((name) => file(`/mnt/data/${name}`, { created_at: 1_760_000_001 }));
const toUrl = ({ filename }: { filename: string }): string => `https://f.test/${filename}`;

afterEach(() => void vi.useRealTimers());

/** Yields the events of a stream. One second passes before each delta. */
async function* slowly(events: readonly StreamEvent[]) {
  for (const event of events) {
    if (event.type === "response.output_text.delta") await vi.advanceTimersByTimeAsync(1000);
    yield event;
  }
}

/** Repairs a stream whose lists take 100 ms. Returns the texts in its final event, and its report. */
async function ask(items: Record<string, unknown>[], options: RepairOptions) {
  vi.useFakeTimers();
  const reports: Report[] = [];
  const list = async () => {
    await vi.advanceTimersByTimeAsync(100);
    return FILES;
  };
  const onReport = (report: Report) => void reports.push(report);
  let last: StreamEvent | undefined;
  const events = slowly(streamOf(items));
  for await (const event of repairResponseStream(events, list, { ...options, onReport })) last = event;
  const { output } = last!.response as { output: { content?: { text: string }[] }[] };
  return {
    texts: output.flatMap(({ content }) => content ?? []).map(({ text }) => text),
    report: reports[0]!,
  };
}

it("text that is held while the model writes it does not use up the time for lists", async () => {
  const written = "`cat /mnt/data/a.csv | head -3`";
  const { texts, report } = await ask(
    [
      call(),
      message(`${written} ${written} ${written}`),
      { ...call(), id: "ci_2" },
      message("/mnt/data/b.csv"),
    ],
    { links: toUrl, timeoutMs: 5000 },
  );
  expect(report.error).toBeUndefined();
  expect(texts.at(-1)).toBe("[b.csv](https://f.test/b.csv)");
  expect(report.heldMs).toBeGreaterThan(5000);
});

it.each([
  [
    "streamed",
    async (options: RepairOptions) => (await ask([call(), message("/mnt/data/a.csv")], options)).report,
  ],
  [
    "plain",
    async (options: RepairOptions) => {
      vi.useFakeTimers();
      const items = [call(), message("/mnt/data/a.csv")];
      return (await repairResponse(response(items), async () => FILES, options)).report;
    },
  ],
])("heldMs includes the time that toUrl takes: %s", async (_, repaired) => {
  const slow = async (citation: { filename: string }): Promise<string> => {
    await vi.advanceTimersByTimeAsync(700);
    return toUrl(citation);
  };
  const report = await repaired({ links: slow });
  const fast = await repaired({ links: toUrl });
  expect(report.heldMs - fast.heldMs).toBe(700);
});

it.each([
  [
    "throws",
    () => {
      throw new Error("no URL");
    },
    "no URL",
  ],
  [
    "rejects",
    async () => {
      throw new Error("no URL");
    },
    "no URL",
  ],
  [
    "hangs",
    () => {
      void vi.advanceTimersByTimeAsync(300);
      return new Promise<string>(() => {});
    },
    "took longer than 200 ms",
  ],
  ["returns a number", () => 5 as never, "must be a URL string"],
])("the text stays as the model wrote it if toUrl %s, and the report says why", async (_, links, reason) => {
  const text = "[a](sandbox:/mnt/data/a.csv) and `/mnt/data/b.csv`";
  const { texts, report } = await ask([call(), message(text)], { links, timeoutMs: 200 });
  expect(texts).toEqual([text]);
  expect(report.outcome).toBe("recovered");
  expect(report.error?.message).toContain(reason);
  const whole = repairResponse(response([call(), message(text)]), FILES, { links, timeoutMs: 200 });
  await vi.advanceTimersByTimeAsync(200);
  const plain = await whole;
  expect(plain.response.output[1]).toMatchObject({ content: [{ text }] });
  expect(plain.report.error?.message).toContain(reason);
});
