/** Tests the limits of request bodies in a proxy with links, for requests whose input contains links. */
import { describe, expect, it } from "vitest";
import { answerOf, ENV, linkIn, post, serveLinks } from "./linked-proxy.js";
import { BYTES, listenEmulator, REQUEST } from "./serving.js";

describe("the limits of request bodies", () => {
  /**
   * Returns the text of an answer with a link, the params of a request that sends the text back, and the size of this request's
   * body.
   */
  async function conversation(proxy: { baseURL: string }) {
    const text = await answerOf(proxy);
    const input = [
      { role: "assistant", content: text },
      { role: "user", content: "Go on." },
    ];
    return { text, params: { input }, size: Buffer.byteLength(JSON.stringify({ ...REQUEST, input })) };
  }

  /**
   * Starts an emulator and a proxy with links. Returns both, and the `params` of a request, which tests pass to `post`.
   * `limits` are relative to the size of this request's body: a limit of -1 is one byte less than the size.
   */
  async function limited(limits: { maxBody?: number; maxJson?: number; maxHeld?: number }) {
    const { emulator, upstream } = await listenEmulator();
    const links = "https://files.example.com";
    const open = await serveLinks(upstream, { links });
    const { params, size, text } = await conversation(open);
    const before = emulator.requests.length;
    const limitsOf = Object.fromEntries(
      Object.entries(limits).map(([name, difference]) => [name, size + difference]),
    );
    const proxy = await serveLinks(upstream, { links }, ENV, limitsOf);
    return { emulator, proxy, params, text, asked: () => emulator.requests.slice(before) };
  }

  it.each(["maxJson", "maxHeld"])("%s: restores the link in a body of exactly the limit", async (name) => {
    const { proxy, params, text, asked } = await limited({ [name]: 0 });
    expect((await post(proxy, params)).status).toBe(200);
    const { body } = asked().find(({ path }) => path.endsWith("/responses"))!;
    expect(JSON.stringify(body)).toContain("/mnt/data/totals.csv");
    expect(JSON.stringify(body)).not.toContain(linkIn(text));
  });

  it.each(["maxJson", "maxHeld", "maxBody"])(
    "%s: a body that is one byte longer than the limit gets 413, and nothing is forwarded",
    async (name) => {
      const { proxy, params, text, asked } = await limited({ [name]: -1 });
      const answer = await post(proxy, params);
      expect(answer.status).toBe(413);
      const answered = await answer.text();
      expect(JSON.parse(answered)).toMatchObject({ error: { code: "request_too_large" } });
      expect(answered).not.toContain(new URL(linkIn(text)).pathname);
      expect(asked()).toEqual([]);
      // The link that the proxy made earlier can still be opened.
      expect(await (await fetch(proxy.url + new URL(linkIn(text)).pathname)).text()).toBe(BYTES);
    },
  );
});
