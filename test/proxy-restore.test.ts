/** Tests later requests whose input contains links of the proxy: the proxy replaces its links with the model's own text. */
import type OpenAI from "openai";
import { afterEach, describe, expect, it, vi } from "vitest";
import { answerOf, ENV, newFolder, OWN_KEY, post, serveLinks, setUpLinks, textOf } from "./linked-proxy.js";
import { BYTES, listenEmulator } from "./serving.js";

afterEach(() => void vi.useRealTimers());

const DAY_MS = 86_400_000;

describe("a later request with the whole conversation", () => {
  it("has the model's own text when the proxy forwards it", async () => {
    const { proxy, emulator } = await setUpLinks({ keep: await newFolder(), expires: 60 });
    const first = (await (await post(proxy)).json()) as OpenAI.Responses.Response;
    expect(textOf(first as never)).toContain("/files/");
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + DAY_MS }); // an expired link is replaced, too
    const input = [
      { role: "user", content: "Write the totals to a CSV" },
      ...first.output,
      { role: "user", content: "And now?" },
    ];
    expect((await post(proxy, { input })).status).toBe(200);
    const sent = JSON.stringify(
      (emulator.requests.findLast(({ method }) => method === "POST")!.body as { input: object }).input,
    );
    expect(sent).toContain("Download: /mnt/data/totals.csv");
    expect(sent).not.toContain("/files/");
  });

  it("has the sandbox: link that the model wrote", async () => {
    const text = "See [the totals](sandbox:/mnt/data/totals.csv).";
    const script = () => [
      { type: "python" as const, code: "1", files: { "totals.csv": BYTES } },
      { type: "message" as const, text },
    ];
    const { proxy, emulator } = await setUpLinks({}, { script });
    const linked = await answerOf(proxy);
    expect(linked).toMatch(/^See \[the totals\]\(http\S+\/files\/\S+\)\.$/);
    await post(proxy, { input: [{ role: "assistant", content: linked }] });
    const { input } = emulator.requests.findLast(({ method }) => method === "POST")!.body as {
      input: { content: string }[];
    };
    expect(input[0]!.content).toBe(text);
  });

  it.each(["responses/compact", "responses/input_tokens", "conversations", "conversations/conv_1/items"])(
    "has the model's own text in POST /%s too",
    async (path) => {
      const { proxy, emulator } = await setUpLinks();
      const content = await answerOf(proxy);
      const key = path.startsWith("responses") ? "input" : "items";
      await fetch(`${proxy.baseURL}/${path}`, {
        method: "POST",
        headers: { authorization: `Bearer ${OWN_KEY}`, "content-type": "application/json" },
        body: JSON.stringify({ [key]: [{ role: "assistant", content }] }),
      });
      const { body } = emulator.requests.findLast(({ method }) => method === "POST")!;
      expect(body).toEqual({ [key]: [{ role: "assistant", content: "Download: /mnt/data/totals.csv" }] });
    },
  );

  it("is refused if it is too long to hold", async () => {
    const { emulator, upstream } = await listenEmulator();
    const proxy = await serveLinks(upstream, {}, ENV, { maxJson: 100 });
    const answer = await fetch(`${proxy.baseURL}/responses/compact`, {
      method: "POST",
      headers: { authorization: `Bearer ${OWN_KEY}`, "content-type": "application/json" },
      body: JSON.stringify({ input: "x".repeat(100) }),
    });
    expect(answer.status).toBe(413);
    expect(emulator.requests).toEqual([]);
  });
});
