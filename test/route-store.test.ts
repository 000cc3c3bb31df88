/**
 * Tests a file route with a store. Links open after the container has expired. A forged link opens nothing, and a stored file is
 * never shown as a page.
 */
import { SignJWT } from "jose";
import OpenAI from "openai";
import { describe, expect, it, vi } from "vitest";
import { createFileRoute, type FileStore } from "../src/files/route.js";
import { BYTES, citation, SECRET, setUp } from "./file-route.js";
import { EMPTY, memoryStore, routeWith } from "./memory-store.js";
import { gate } from "./serving.js";

describe("a link", () => {
  it("opens after the container has expired", async () => {
    const { store, copies, calls } = memoryStore();
    const { route, url, emulator, container, file, errors, asked } = await setUp({ store });
    const link = await url();
    await route.keep();
    emulator.expireContainer(container.id);
    const answer = await fetch(link);
    expect(answer.status).toBe(200);
    expect(Buffer.from(await answer.arrayBuffer()).equals(BYTES)).toBe(true);
    expect(answer.headers.get("content-disposition")).toBe("attachment; filename=plan.docx");
    expect([...copies]).toMatchObject([[`${container.id}/${file.id}`, { file: { filename: "plan.docx" } }]]);
    expect(calls.put).toHaveLength(1);
    expect(asked()).toHaveLength(1); // the copy
    expect(errors).toEqual([]);
  });

  it("does not wait for the copy", async () => {
    const held = gate();
    const { store, real, overrides, copies } = memoryStore();
    overrides.put = async (...args) => {
      await held.promise;
      return real.put(...args);
    };
    const { route, url } = await setUp({ store });
    expect((await fetch(await url())).status).toBe(200);
    expect(copies.size).toBe(0);
    held.open();
    await route.keep();
    expect(copies.size).toBe(1);
  });

  it("that another process made is copied when it is first opened", async () => {
    const { store, calls, copies } = memoryStore();
    const { client, route, get, emulator, container, file } = await setUp({ store });
    const link = await createFileRoute(client, { secret: SECRET }).urlFor(file);
    const open = async () => (await route.handler(new Request(`https://example.com${link}`))).arrayBuffer();
    await open();
    await route.keep();
    expect(copies.size).toBe(1);
    await open();
    await get();
    await route.keep();
    expect(calls.put).toHaveLength(1);
    emulator.expireContainer(container.id);
    expect(Buffer.from(await open()).equals(BYTES)).toBe(true);
  });

  it("opens in another process that has the same store", async () => {
    const { store } = memoryStore();
    const { route, url, client, emulator, container } = await setUp({ store });
    const link = await url();
    await route.keep();
    emulator.expireContainer(container.id);
    const other = createFileRoute(client, { secret: SECRET, store });
    expect((await other.handler(new Request(link))).status).toBe(200);
  });

  it("whose copy was deleted from the store opens from the container, and the file is copied again", async () => {
    const { store, copies } = memoryStore();
    const { route, url } = await setUp({ store });
    const link = await url();
    await route.keep();
    copies.clear();
    expect((await fetch(link)).status).toBe(200);
    await route.keep();
    expect(copies.size).toBe(1);
  });

  it("is answered 410 if neither the store nor the container has the file", async () => {
    const { store, calls } = memoryStore();
    const { get, emulator, container, route, errors } = await setUp({ store });
    emulator.expireContainer(container.id);
    const answer = await get();
    expect(await answer.text()).toBe("This file is gone: its container has expired.");
    expect(answer.status).toBe(410);
    await route.keep();
    expect(calls.put).toEqual([]);
    expect(errors).toMatchObject([{ message: "the container has expired, or the file in it is gone" }]);
  });
});

describe("a link that never expires", () => {
  const forever = { expiresIn: Number.POSITIVE_INFINITY };
  const payloadOf = (link: string) =>
    JSON.parse(Buffer.from(link.split(".").at(-2)!, "base64url").toString());

  it("has no exp and opens a hundred years later", async () => {
    const { store } = memoryStore();
    const { route, url, file, emulator, container } = await setUp({ store, ...forever });
    vi.useFakeTimers({ now: 1_800_000_000_000, toFake: ["Date"] });
    const link = await url();
    expect(payloadOf(link)).toEqual({
      c: container.id,
      f: file.id,
      n: "plan.docx",
      aud: "openai-file-citations",
    });
    await route.keep();
    emulator.expireContainer(container.id);
    vi.setSystemTime(1_800_000_000_000 + 100 * 365 * 24 * 60 * 60 * 1000);
    expect((await fetch(link)).status).toBe(200);
  });

  it("is accepted by a route with a store whose own links expire, and not by a route without a store", async () => {
    const { store } = memoryStore();
    const { route, url, client } = await setUp({ store, ...forever });
    const link = await url();
    await route.keep();
    const statusAt = async (options: { store?: FileStore }) =>
      (await createFileRoute(client, { secret: SECRET, ...options }).handler(new Request(link))).status;
    expect(await statusAt({ store })).toBe(200);
    expect(await statusAt({})).toBe(403);
  });

  it("needs a store", () => {
    const client = new OpenAI({ apiKey: "k" });
    expect(() => createFileRoute(client, { secret: SECRET, ...forever })).toThrow(
      new TypeError(
        "options.expiresIn must be a finite number of seconds if there is no options.store, got Infinity",
      ),
    );
  });

  it("is not the default: even with a store, a link expires after 20 minutes unless expiresIn is set", async () => {
    const { store } = memoryStore();
    vi.useFakeTimers({ now: 0, toFake: ["Date"] });
    const client = new OpenAI({ apiKey: "k" });
    const never = { ...EMPTY, put: () => Promise.reject(new Error("full")) };
    const onError = () => {};
    expect(
      payloadOf(
        await createFileRoute(client, { secret: SECRET, store: never, onError }).urlFor(citation("a")),
      ).exp,
    ).toBe(1200);
    const week = createFileRoute(client, { secret: SECRET, store, onError, expiresIn: 7 * 86_400 });
    expect(payloadOf(await week.urlFor(citation("a"))).exp).toBe(7 * 86_400);
  });
});

describe("a link that was not signed with the secret", () => {
  it("is answered 403, without a request to the store or the API", async () => {
    const { store, calls } = memoryStore();
    const { route, url, getPath, asked, container } = await setUp({ store });
    const link = new URL(await url()).pathname.replace("/files/", "");
    await route.keep();
    calls.get.length = 0;
    const [header, payload, signature] = link.split(".") as [string, string, string];
    const claims = JSON.parse(Buffer.from(payload, "base64url").toString());
    const base64url = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const sign = (secret: string, more: Record<string, unknown>, audience = "openai-file-citations") =>
      new SignJWT({ c: claims.c, f: claims.f, n: claims.n, ...more })
        .setProtectedHeader({ alg: "HS256" })
        .setAudience(audience)
        .sign(new TextEncoder().encode(secret));
    const { exp, ...endless } = claims;
    const before = asked().length;
    for (const [what, token] of Object.entries({
      "another container": [header, base64url({ ...claims, c: "cntr_2" }), signature].join("."),
      "another file": [header, base64url({ ...claims, f: "cfile_2" }), signature].join("."),
      "no expiry": [header, base64url(endless), signature].join("."),
      "another secret": await sign("another secret that is long enough as well", {}),
      "another audience": await sign(SECRET, {}, "somebody-else"),
      "an id that leads elsewhere": await sign(SECRET, { f: ".." }),
      "alg none": [base64url({ alg: "none" }), base64url(endless), ""].join("."),
      "the key of the file": `${container.id}%2F${claims.f}`,
    })) {
      expect((await getPath(`/files/${token}`)).status, what).toBe(403);
    }
    expect(calls.get).toEqual([]);
    expect(asked()).toHaveLength(before);
  });
});

describe("a stored file", () => {
  it.each([
    ["page.html", "<!doctype html><script>alert(1)</script>"],
    ["page.xhtml", '<html xmlns="http://www.w3.org/1999/xhtml"><script>alert(1)</script></html>'],
    ["drawing.svg", "<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"],
    ["chart.png", "<!doctype html><script>alert(1)</script>"],
    ["sound.mp3", "<!doctype html><script>alert(1)</script>"],
  ])("is never shown as a page: %s", async (name, content) => {
    const { store } = memoryStore();
    const { route, url, emulator, container } = await setUp({ store, files: { [name]: content } });
    const link = await url();
    await route.keep();
    emulator.expireContainer(container.id);
    for (const headers of [{}, { range: "bytes=0-" }] as Record<string, string>[]) {
      const answer = await fetch(link, { headers });
      expect(answer.ok).toBe(true);
      expect(await answer.text()).toBe(content);
      expect(answer.headers.get("content-disposition")).toMatch(/^attachment;/);
      expect(answer.headers.get("content-security-policy")).toBe("sandbox");
      expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
    }
  });

  it("gets a name without a folder, and a key that is made of ids only", async () => {
    const { store, copies } = memoryStore();
    const route = routeWith(store, () => new Response("x"));
    for (const [container_id, file_id] of [
      ["cntr_1", "cfile_1"],
      ["cntr_1", "CFILE_1"],
      ["con", "cfile_1"],
      ["a/../b_1", "cfile_1"],
      ["cntr_1", "c_".repeat(256)],
      ["sess_1", "cfile_b3V0L8OcLmNzdg=="],
      ["cntr_ü", "cfile_\u202e"],
      ["cntr_1:x", "cfile_1?y#z"],
    ] as const) {
      await route.urlFor({ ...citation("../../.ssh/id_rsa"), container_id, file_id });
    }
    await route.keep();
    const keys = [...copies.keys()];
    expect(keys).toHaveLength(8);
    expect(keys).toContain("cntr_1/cfile_1");
    for (const key of keys) {
      expect(key).toMatch(/^[a-z\d_.-]{6,105}\/[a-z\d_.-]{6,105}$/);
      expect(key).not.toMatch(/\.\.|^\.|\/\.|id_rsa|ssh/);
    }
    for (const { file } of copies.values()) expect(file).toEqual({ filename: "id_rsa" });
  });

  it("is read only as far as the browser reads, and is cancelled when the browser leaves", async () => {
    const cancel = vi.fn();
    let pulled = 0;
    const stream = () =>
      new ReadableStream<Uint8Array>(
        {
          pull(controller) {
            pulled++;
            controller.enqueue(new Uint8Array(1000));
          },
          cancel,
        },
        { highWaterMark: 0 },
      );
    const store = { ...EMPTY, get: async () => ({ file: { filename: "a" }, size: 1_000_000, stream }) };
    const route = routeWith(store, () => expect.unreachable());
    const answer = await route.handler(
      new Request(`https://example.com${await route.urlFor(citation("a"))}`),
    );
    const reader = answer.body!.getReader();
    await reader.read();
    expect(pulled).toBe(1);
    await reader.read();
    expect(pulled).toBe(2);
    await reader.cancel();
    expect(cancel).toHaveBeenCalledTimes(1);
  });
});

it.each([
  ["a string", "s3://bucket"],
  ["null", null],
  ["an object without get", { put: () => {} }],
  ["a function", () => {}],
])("throws a TypeError for a store that is %s", (_, store) => {
  const client = new OpenAI({ apiKey: "k" });
  expect(() => createFileRoute(client, { secret: SECRET, store: store as never })).toThrow(
    /^options\.store must be a store, an object with the functions put and get, got /,
  );
  expect(() => createFileRoute(client, { secret: SECRET, store: store as never })).toThrow(TypeError);
});
