/** Tests the report's `model` and `durationMs`: the model of the response, and how long the response took. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createFileCitationsFetch, type Report, repairResponse, repairResponseStream } from "../src/index.js";
import { broken, PLAN, POST, repair } from "./repairing.js";
import {
  BASE,
  call,
  frames,
  json,
  listPage,
  message,
  response,
  type StreamEvent,
  streamed,
  streamOf,
  upstream,
} from "./upstream.js";

const OUTPUT = [call(), message("Here: /mnt/data/plan.docx")];

/** Returns the events of a response with `OUTPUT`. The response object in the events also has the fields of `more`. */
const eventsOf = (more: Record<string, unknown>): StreamEvent[] =>
  streamOf(OUTPUT).map((event) =>
    event.response === undefined ? event : { ...event, response: { ...event.response, ...more } },
  );

async function reportsOf(
  read: (options: { onReport: (report: Report) => void }) => unknown,
): Promise<Report[]> {
  const reports: Report[] = [];
  await read({ onReport: (report) => reports.push(report) });
  return reports;
}

describe("model", () => {
  it("is the model that the response names", async () => {
    const { report } = await repair(OUTPUT, [PLAN], {}, { model: "gpt-5-2025-08-07" });
    expect(report.model).toBe("gpt-5-2025-08-07");
  });

  it.each([undefined, null, 5, ["gpt-5"]])("is undefined if the response's model is %j", async (model) => {
    const { report } = await repair(OUTPUT, [PLAN], {}, { model });
    expect(report).toHaveProperty("model", undefined);
  });

  it("is in the report even if the stream breaks off", async () => {
    const [created] = eventsOf({ model: "gpt-5-mini" });
    const [report] = await reportsOf(async (options) => {
      const events = repairResponseStream(broken([created!]), [PLAN], options)[Symbol.asyncIterator]();
      await expect(events.next()).resolves.toMatchObject({ value: created });
      await expect(events.next()).rejects.toThrow("reset");
    });
    expect(report).toMatchObject({ model: "gpt-5-mini", error: { message: "reset" } });
  });
});

describe("durationMs", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  const later = <Value>(ms: number, value: () => Value): Promise<Value> =>
    new Promise((resolve) => setTimeout(() => resolve(value()), ms));

  it.each([
    ["plain", () => json(response(OUTPUT))],
    ["streamed", () => streamed(frames(streamOf(OUTPUT)))],
  ])("counts from the request and includes heldMs: %s", async (_, answer) => {
    const reading = reportsOf(async (options) => {
      const { fetch } = upstream({
        answer: () => later(2000, answer),
        list: () => later(300, () => listPage([PLAN])),
      });
      await (await createFileCitationsFetch({ fetch, ...options })(`${BASE}/responses`, POST)).text();
    });
    await vi.advanceTimersByTimeAsync(2300);
    expect(await reading).toMatchObject([{ outcome: "recovered", durationMs: 2300, heldMs: 300 }]);
  });

  it("counts from the call of repairResponse", async () => {
    const repairing = repairResponse(response(OUTPUT), () => later(300, () => [PLAN]));
    await vi.advanceTimersByTimeAsync(300);
    expect((await repairing).report).toMatchObject({ outcome: "recovered", durationMs: 300, heldMs: 300 });
  });

  it("counts for the second response of a stream from that response's first event", async () => {
    async function* events() {
      yield* eventsOf({ id: "resp_1" });
      await later(1000, () => {});
      const [created, ...others] = eventsOf({ id: "resp_2" });
      yield created!;
      await later(500, () => {});
      yield* others;
    }
    const reading = reportsOf(async (options) => {
      for await (const _ of repairResponseStream(events(), [PLAN], options));
    });
    await vi.advanceTimersByTimeAsync(1500);
    expect(await reading).toMatchObject([
      { responseId: "resp_1", durationMs: 0 },
      { responseId: "resp_2", durationMs: 500 },
    ]);
  });
});
