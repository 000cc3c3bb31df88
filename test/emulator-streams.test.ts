/** Tests the emulator's streams: when events are created, how streams break, deltas, and resuming. */
import { describe, expect, it } from "vitest";
import { createResponsesEmulator, type EmulatorOptions, type Script } from "../src/testing/index.js";
import { AUTH, BASE, call, type Json, TOOLS } from "./emulator-calls.js";

describe("streams", () => {
  async function open(options: EmulatorOptions, { signal, ...extra }: Json & { signal?: AbortSignal } = {}) {
    const emulator = createResponsesEmulator(options);
    const body = JSON.stringify({ model: "gpt-5", input: "Go.", tools: TOOLS, stream: true, ...extra });
    const init = { method: "POST", headers: AUTH, body, ...(signal && { signal }) };
    const response = await emulator.fetch(`${BASE}/responses`, init);
    expect(response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    return { emulator, response };
  }

  it("create each event only when it is read", async () => {
    const made: number[] = [];
    const { emulator, response } = await open({
      beforeEvent: (event) => void made.push(event.sequence_number),
    });
    expect(made).toEqual([]);
    const reader = response.body?.getReader();
    await reader?.read();
    await reader?.read();
    expect(made).toEqual([0, 1]);
    expect(emulator.containers.size).toBe(0);
    await reader?.cancel();
    // The stream was cancelled, but a later request gets the complete response.
    const again = await call(emulator, "GET", `responses/resp_${"1".padStart(48, "0")}`);
    expect(again.body.status).toBe("completed");
  });

  it("write files when the code runs, not before", async () => {
    const sizes = new Map<string, number>();
    const { emulator, response } = await open({
      beforeEvent({ type }) {
        sizes.set(type, [...emulator.containers.values()].flatMap(({ files }) => files).length);
      },
    });
    await response.text();
    expect(sizes.get("response.code_interpreter_call.interpreting")).toBe(0);
    expect(sizes.get("response.code_interpreter_call.completed")).toBe(1);
  });

  it("fail with the reason of an abort, before and after the response headers", async () => {
    const controller = new AbortController();
    const { response } = await open({}, { signal: controller.signal });
    controller.abort(new Error("enough"));
    await expect(response.text()).rejects.toThrow("enough");
    await expect(open({}, { signal: AbortSignal.abort(new Error("never")) })).rejects.toThrow("never");
    const late = new AbortController();
    const pending = open({ intercept: () => new Promise(() => {}) }, { signal: late.signal });
    late.abort(new Error("later"));
    await expect(pending).rejects.toThrow("later");
  });

  it("break at the event for which beforeEvent throws", async () => {
    const { response } = await open({
      beforeEvent({ sequence_number }) {
        if (sequence_number === 2) throw new Error("connection lost");
      },
    });
    await expect(response.text()).rejects.toThrow("connection lost");
  });

  it("split a text into the deltas that the script chooses", async () => {
    const parts = [
      { text: "a🎉bc", chunks: 2 },
      { text: "xyz", chunks: ["x", "", "yz"] },
    ];
    const script: Script = () => [{ type: "message", text: parts }];
    const { response } = await open({ script }, { stream_options: { include_obfuscation: false } });
    const text = await response.text();
    const deltas = [...text.matchAll(/"delta":"(.*?)"/g)].map(([, delta]) => delta);
    expect(deltas).toEqual(["a🎉", "bc", "x", "", "yz"]);
    expect(text).not.toContain("obfuscation");
  });

  it("start after starting_after when they are resumed", async () => {
    const { emulator, response } = await open({ script: () => [{ type: "message", text: "a b" }] });
    const frames = (await response.text()).split(/(?<=\n\n)/);
    const url = `${BASE}/responses/resp_${"1".padStart(48, "0")}?stream=true`;
    const replay = async (query: string) => (await emulator.fetch(url + query, { headers: AUTH })).text();
    expect(await replay("")).toBe(frames.join(""));
    expect(await replay("&starting_after=4")).toBe(frames.slice(5).join(""));
    expect(await replay("&starting_after=999")).toBe("");
    expect(await replay("&starting_after=x")).toContain("Invalid 'starting_after'");
  });
});
