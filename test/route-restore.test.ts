/** Tests that a route turns its links back into the model's own text, in a text and in the input of later requests. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createFileRoute } from "../src/files/route.js";
import { createFileCitationsFetch } from "../src/index.js";
import { type Given, itemsOf, OPTIONS, plain, streamed } from "./linking.js";
import { BASE, file, json, response, upstream } from "./upstream.js";

const SECRET = "0123456789abcdef0123456789abcdef";
const CLIENT = { containers: { files: { content: { retrieve: async () => new Response("1") } } } };
const FILES = ["a.csv", "b c.csv", "out/plot.png"].map((name) =>
  file(`/mnt/data/${name}`, { created_at: 1_760_000_001 }),
);
const routeWith = (options: object = {}) => createFileRoute(CLIENT, { secret: SECRET, ...options });
const textsOf = (text: string): Given => ({ text, files: FILES });

const TEXTS = [
  "See [the file](sandbox:/mnt/data/a.csv).",
  "A path: /mnt/data/a.csv, and `/mnt/data/out/plot.png`.",
  "Run `cat /mnt/data/a.csv` now",
  "![x](<sandbox:/mnt/data/b c.csv>)",
  '{"file": "/mnt/data/a.csv", "text": "in /mnt/data/a.csv"}',
  'An <a href="sandbox:/mnt/data/a.csv">attribute</a>',
  "<div>\n/mnt/data/a.csv\n</div>",
  "Wow!/mnt/data/a.csv and [a.csv](a.csv)",
  "🎉 **/mnt/data/a.csv** and nothing else",
];

describe.each(["/files", "/", "https://files.example.com/down (1)/"])("a route at %s", (basePath) => {
  it.each(TEXTS)("restores the model's own text: %s", async (text) => {
    const route = routeWith({ basePath });
    for (const read of [
      plain,
      (one: Given, options: typeof OPTIONS) => streamed(one, [5, 12, 19, 30], options),
    ]) {
      const { text: linked } = await read(textsOf(text), { ...OPTIONS, links: route });
      expect(linked).not.toContain("/mnt/data/a.csv)");
      expect(linked).not.toBe(text);
      expect(await route.restore(linked)).toBe(text);
      expect(await route.restore(text)).toBe(text);
    }
  });
});

describe("restore", () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ["Date"] }));
  afterEach(() => void vi.useRealTimers());
  const TEXT = TEXTS[0]!;

  it("restores links that have expired, and links of an older secret", async () => {
    const old = routeWith();
    const { text: linked } = await plain(textsOf(TEXT), { ...OPTIONS, links: old });
    vi.setSystemTime(Date.now() + 365 * 86_400_000);
    expect(await old.restore(linked)).toBe(TEXT);
    expect(await routeWith({ secret: ["fedcba9876543210fedcba9876543210", SECRET] }).restore(linked)).toBe(
      TEXT,
    );
  });

  it("leaves links that the route did not sign, and links that replaced no text", async () => {
    const route = routeWith();
    const other = routeWith({ secret: "fedcba9876543210fedcba9876543210" });
    const { text: linked } = await plain(textsOf(TEXT), { ...OPTIONS, links: other });
    const plainLink = `[x](${await route.urlFor(FILES[0]!)})`;
    const texts = [
      linked,
      plainLink,
      "/files/",
      "/files/a.b.c",
      `/files/${"a".repeat(50_000)}`,
      "/files/x/files/y",
    ];
    for (const text of texts) expect(await route.restore(text)).toBe(text);
  });

  it("restores only the destination if the text around the link was changed", async () => {
    const route = routeWith();
    const { text: linked } = await plain(textsOf("It is `/mnt/data/a.csv`."), { ...OPTIONS, links: route });
    const changed = linked.replace("[a.csv]", "[my file]");
    expect(await route.restore(changed)).toBe("It is [my file](/mnt/data/a.csv).");
  });

  it("finds thousands of real and forged links in linear time", async () => {
    const route = routeWith();
    const { text: linked } = await plain(textsOf(TEXT), { ...OPTIONS, links: route });
    const many = `${linked} /files/ /files/x.y.z `.repeat(300);
    expect(await route.restore(many)).toBe(`${TEXT} /files/ /files/x.y.z `.repeat(300));
  });

  it("throws a TypeError if the text is not a string", async () => {
    await expect(routeWith().restore(1 as never)).rejects.toThrow("text must be a string, got 1");
  });
});

describe("the input of a later request", () => {
  async function sent(body: string, links: object | (() => string), path = "/responses") {
    const { fetch, asked } = upstream({ answer: () => json(response([])) });
    const repairing = createFileCitationsFetch({
      fetch,
      instruction: false,
      includeOutputs: false,
      links: links as never,
    });
    await (await repairing(`${BASE}${path}`, { method: "POST", body })).text();
    return asked[0]!.body!;
  }

  it("has the model's own text, and annotations that fit it", async () => {
    const route = routeWith();
    const text = "🎉 See [the file](sandbox:/mnt/data/a.csv), `/mnt/data/a.csv`.";
    const { text: linked, annotations } = await plain(textsOf(text), { ...OPTIONS, links: route });
    const part = { type: "output_text", text: linked, annotations: [...annotations, null] };
    const input = [
      { role: "user", content: "Make a file" },
      ...itemsOf(textsOf("x")).slice(0, 1),
      { type: "message", id: "msg_1", role: "assistant", status: "completed", content: [part] },
      { role: "assistant", content: linked },
    ];
    const body = JSON.parse(await sent(JSON.stringify({ model: "gpt-5", input }), route));
    const restored = body.input[2].content[0];
    expect(restored.text).toBe(text);
    expect(body.input[3].content).toBe(text);
    const covered = restored.annotations
      .slice(0, 2)
      .map((one: { start_index: number; end_index: number }) =>
        [...text].slice(one.start_index, one.end_index).join(""),
      );
    expect(covered).toEqual(["sandbox:/mnt/data/a.csv", "/mnt/data/a.csv"]);
    expect(restored.annotations[2]).toBeNull();
  });

  it("is restored if it is a string", async () => {
    const route = routeWith();
    const { text: linked } = await plain(textsOf(TEXTS[0]!), { ...OPTIONS, links: route });
    const body = JSON.parse(await sent(JSON.stringify({ input: `You said: ${linked}` }), route));
    expect(body.input).toBe(`You said: ${TEXTS[0]}`);
  });

  it.each([
    ["/responses/compact", "input"],
    ["/responses/input_tokens?beta=true", "input"],
    ["/conversations", "items"],
    ["/conversations/conv_1/items/?include=x", "items"],
  ])("is restored in POST %s", async (path, key) => {
    const route = routeWith();
    const { text: linked } = await plain(textsOf(TEXTS[0]!), { ...OPTIONS, links: route });
    const itemsWith = (text: string) => [{ role: "assistant", content: [{ type: "output_text", text }] }];
    const body = JSON.stringify({ [key]: itemsWith(linked), n: "1.0" });
    expect(JSON.parse(await sent(body, route, path))).toEqual({ [key]: itemsWith(TEXTS[0]!), n: "1.0" });
    expect(await sent(body, () => "/", path)).toBe(body);
  });

  it("is not changed in requests to other endpoints", async () => {
    const route = routeWith();
    const { text: linked } = await plain(textsOf(TEXTS[0]!), { ...OPTIONS, links: route });
    const body = JSON.stringify({ input: linked, items: linked });
    for (const path of ["/conversations/conv_1", "/embeddings", "/responses/resp_1/cancel"])
      expect(await sent(body, route, path)).toBe(body);
  });

  it.each([
    ["no links", '{"input": "Nothing  here", "n": 1.0}', routeWith()],
    ["links of a function", '{"input": "/files/a.b.c"}', () => "/files/a.b.c"],
    [
      "links that cannot be read",
      '{"input": "/files/a.b.c"}',
      { urlFor: () => "/", toUrl: () => "/", originals: () => Promise.reject(new Error("no")) },
    ],
  ])("is sent unchanged, byte for byte, with %s", async (_, body, links) => {
    expect(await sent(body, links)).toBe(body);
  });
});
