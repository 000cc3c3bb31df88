/** Tests the reports of responses that the API ends with an error event, and of later responses in the same stream. */
import { expect, it } from "vitest";
import { type Report, repairResponseStream } from "../src/index.js";
import { PLAN } from "./repairing.js";
import { call, message, type StreamEvent, streamOf } from "./upstream.js";

const error = {
  type: "error",
  code: "server_error",
  message: "overloaded",
  param: null,
} as never as StreamEvent;

/** Returns the events of a response with this id. */
function eventsOf(id: string): StreamEvent[] {
  return streamOf([call(), message("Here: /mnt/data/plan.docx")]).map((event) =>
    event.response ? { ...event, response: { ...event.response, id } } : event,
  );
}

/** Repairs events and returns the reports. Stops reading after the event at index `last`. */
async function reportsOf(events: readonly StreamEvent[], last = Infinity): Promise<[unknown, unknown][]> {
  const reports: Report[] = [];
  let count = 0;
  for await (const _ of repairResponseStream(events, [PLAN], {
    onReport: (report) => reports.push(report),
  })) {
    if (count++ === last) break;
  }
  return reports.map((report) => [report.responseId, report.error?.message]);
}

const inLane = (events: readonly StreamEvent[]): StreamEvent[] =>
  events.map((event) => ({ ...event, stream_id: "lane" }));

it("a response that an error ended is reported with that error, although another response follows", async () => {
  const events = [...eventsOf("resp_1").slice(0, 3), error, ...eventsOf("resp_2")];
  for (const given of [events, inLane(events)]) {
    expect(await reportsOf(given)).toEqual([
      ["resp_1", "the stream ended with an error: overloaded"],
      ["resp_2", undefined],
    ]);
  }
});

it("a response without a final event is reported with an error, although another response of its lane follows", async () => {
  const events = inLane([...eventsOf("resp_1").slice(0, 3), ...eventsOf("resp_2")]);
  expect(await reportsOf(events)).toEqual([
    ["resp_1", "the response ended without its final event"],
    ["resp_2", undefined],
  ]);
});

it.each([
  ["ends with its final event", eventsOf("resp_1"), Infinity, [["resp_1", undefined]]],
  [
    "breaks off",
    eventsOf("resp_1").slice(0, 5),
    Infinity,
    [["resp_1", "the stream ended without its final event"]],
  ],
  ["is left by its reader", eventsOf("resp_1"), 4, []],
])(
  "an error before a response is not the error of that response: it %s",
  async (_, events, last, reports) => {
    for (const given of [[error, ...events], inLane([error, ...events])]) {
      expect(await reportsOf(given, last)).toEqual(reports);
    }
  },
);
