/** Tests what `doctor` finds in a streamed response: when the citation arrives, and when the list is requested. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { BYTES, PATH } from "../src/cli/doctor/task.js";
import type { EmulatorOptions, Script } from "../src/testing/index.js";
import { apiError, BARE, doctorModel, examined, LINK } from "./examining.js";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
});
afterEach(() => {
  vi.useRealTimers();
});

const containing = (text: string): unknown => expect.stringContaining(text);

describe("streaming", () => {
  it("requests the list early if the text has a bare path", async () => {
    const { checks } = await examined({ script: doctorModel({ streamed: BARE }) });
    expect(checks.streaming).toMatchObject({
      mark: "ok",
      seen: "the recovered citation came before the text was done; the list was requested early",
    });
  });

  it("needs no list if the API cites the file", async () => {
    const { checks } = await examined();
    expect(checks.streaming!.seen).toBe(
      "the API's citation came before the text was done, so no list was needed",
    );
  });

  it("requests the list after a link that the API did not cite", async () => {
    const streamed = LINK.replace("doctor 1.txt)", "doctor%201.txt)");
    const { checks } = await examined({ script: doctorModel({ streamed }) });
    expect(checks.streaming).toMatchObject({ mark: "ok", seen: containing("requested after the text") });
  });

  const isStream = (init: RequestInit | undefined): boolean => String(init?.body).includes('"stream":true');
  const changingStream =
    (change: (answer: Response) => Response | Promise<Response>) =>
    (fetch: typeof globalThis.fetch): typeof globalThis.fetch =>
    async (input, init) => {
      const answer = await fetch(input, init);
      return isStream(init) ? change(answer) : answer;
    };

  it("is held back and arrives in one piece", async () => {
    const wrap = changingStream(
      async (answer) =>
        new Response(await answer.text(), { headers: { "content-type": "text/event-stream" } }),
    );
    const { checks } = await examined({ script: doctorModel({ streamed: BARE }) }, { wrap });
    expect(checks.streaming).toMatchObject({ mark: "warning", seen: containing("in one piece") });
    expect(checks.streaming!.advice).toContain("buffering");
  });

  it("breaks off", async () => {
    const breakIn: EmulatorOptions["breakIn"] = ({ type }) =>
      type === "response.output_text.done" ? 5 : undefined;
    const { checks } = await examined({ breakIn });
    expect(checks.streaming).toMatchObject({
      mark: "failed",
      seen: expect.stringMatching(/broke off after \d+ events/),
    });
  });

  it("ends without its last event", async () => {
    const wrap = changingStream(async (answer) => {
      const text = await answer.text();
      const cut = text.slice(0, text.indexOf("event: response.completed"));
      return new Response(cut, { headers: { "content-type": "text/event-stream" } });
    });
    const { checks } = await examined({}, { wrap });
    expect(checks.streaming).toMatchObject({ mark: "failed", seen: containing("without its last one") });
  });

  it("is refused", async () => {
    const { checks } = await examined(
      {},
      { wrap: changingStream(() => apiError(400, "stream is not supported")) },
    );
    expect(checks.streaming).toMatchObject({
      mark: "failed",
      seen: "the API answered 400: stream is not supported",
    });
  });

  it("runs no Python the second time", async () => {
    const script: Script = (request) => doctorModel({ runs: !request.body.stream })(request);
    const { checks } = await examined({ script });
    expect(checks.streaming).toMatchObject({ mark: "warning", seen: containing("without running Python") });
  });

  it("gets its citation after the text if the text comes before the file", async () => {
    const script: Script = (request) => {
      if (!request.body.stream) return doctorModel()(request);
      const message = { type: "message", text: BARE } as const;
      return [
        { type: "python", code: "1" },
        message,
        { type: "python", code: "2", files: { [PATH]: BYTES } },
      ];
    };
    const { checks } = await examined({ script });
    expect(checks.streaming).toMatchObject({ mark: "warning", seen: containing("after the text was done") });
  });
});
