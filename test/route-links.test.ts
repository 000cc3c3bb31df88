/** Tests that a link opens exactly its own file until the link expires, and that forged links open nothing. */
import fc from "fast-check";
import { SignJWT } from "jose";
import OpenAI from "openai";
import { describe, expect, it, vi } from "vitest";
import { createFileRoute, type FileRouteOptions } from "../src/files/route.js";
import { citation, routeOf, SECRET, setUp } from "./file-route.js";

const OTHER_SECRET = "another secret that is long enough as well";

it("creates the same link from a citation, a collected file and an entry of a container's list", async () => {
  const { route } = await setUp({ basePath: "https://example.com/files" });
  vi.useFakeTimers({ now: 0, toFake: ["Date"] });
  const urls = await Promise.all([
    route.urlFor(citation("plan.docx")),
    route.urlFor({ kind: "container-file", containerId: "cntr_1", fileId: "cfile_1", filename: "plan.docx" }),
    route.urlFor({
      id: "cfile_1",
      container_id: "cntr_1",
      path: "/mnt/data/out/plan.docx",
      source: "assistant",
      created_at: 1,
    }),
  ]);
  expect(new Set(urls).size).toBe(1);
  expect(urls[0]).toMatch(/^https:\/\/example\.com\/files\/[\w.-]+$/);
  const payload = JSON.parse(atob(urls[0]!.split(".").at(-2)!.replaceAll("-", "+").replaceAll("_", "/")));
  expect(payload).toEqual({
    c: "cntr_1",
    f: "cfile_1",
    n: "plan.docx",
    aud: "openai-file-citations",
    exp: 1200,
  });
});

it.each([
  ["cntr_1", ".."],
  [".", "cfile_1"],
  ["cntr_1\n", "cfile_1"],
  ["cntr_1", "c".repeat(513)],
])("creates no link with the ids %j and %j", async (container_id, file_id) => {
  const { route } = await setUp();
  await expect(route.urlFor({ ...citation("a"), container_id, file_id })).rejects.toThrow(TypeError);
});

it.each([
  ["/", "/"],
  ["/a/b//", "/a/b/"],
  ["http://localhost:3000", "http://localhost:3000/"],
])("starts links with basePath %j", async (basePath, expected) => {
  const { route } = await setUp({ basePath });
  expect((await route.urlFor(citation("a"))).replace(/[^/]*$/, "")).toBe(expected);
});

describe("a forged link is answered 403 without a request to the API", () => {
  const key = new TextEncoder().encode(SECRET);
  const claims = { c: "cntr_1", f: "cfile_1", n: "a.txt" };
  const forged = (
    payload: Record<string, unknown> = claims,
    { alg = "HS256", secret = key, audience = "openai-file-citations", expires = "1h" } = {},
  ) => {
    const token = new SignJWT(payload).setProtectedHeader({ alg }).setExpirationTime(expires);
    return (audience === "" ? token : token.setAudience(audience)).sign(secret);
  };
  const base64url = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");

  it("if its token is changed, incomplete or invented", async () => {
    const { getPath, route, file, asked, emulator } = await setUp();
    const token = (await route.urlFor(file)).replace("/files/", "");
    const [header, payload, signature] = token.split(".") as [string, string, string];
    const read = JSON.parse(Buffer.from(payload, "base64url").toString());
    const long = new TextEncoder().encode(SECRET.repeat(4));
    const tokens = {
      nothing: "",
      garbage: "a.b.c",
      "another file": [header, base64url({ ...read, f: "cfile_2" }), signature].join("."),
      "another container": [header, base64url({ ...read, c: "cntr_2" }), signature].join("."),
      "a later expiry": [header, base64url({ ...read, exp: read.exp + 1 }), signature].join("."),
      "another name": [header, base64url({ ...read, n: "evil.html" }), signature].join("."),
      "no signature": `${header}.${payload}.`,
      "no signature part": `${header}.${payload}`,
      "a shorter signature": token.slice(0, -1),
      "half of the token": token.slice(0, token.length / 2),
      twice: token + token,
      "alg none": [base64url({ alg: "none" }), payload, ""].join("."),
      "alg none, signed": [base64url({ alg: "none" }), payload, signature].join("."),
      "alg nOnE": [base64url({ alg: "nOnE" }), payload, ""].join("."),
      "alg HS512": await forged(claims, { alg: "HS512", secret: long }),
      "another secret": await forged(claims, { secret: new TextEncoder().encode(OTHER_SECRET) }),
      "another audience": await forged(claims, { audience: "somebody-else" }),
      "no audience": await forged(claims, { audience: "" }),
      "no expiry": await new SignJWT(claims)
        .setProtectedHeader({ alg: "HS256" })
        .setAudience("openai-file-citations")
        .sign(key),
      "no file": await forged({ c: "cntr_1", n: "a" }),
      "no name": await forged({ c: "cntr_1", f: "cfile_1" }),
      "an id that leads elsewhere": await forged({ ...claims, f: ".." }),
      "an id with a control character": await forged({ ...claims, c: "cntr_1\r\n" }),
      "an id that is not a string": await forged({ ...claims, c: { toString: "cntr_1" } }),
      "a critical header": [base64url({ alg: "HS256", crit: ["x"], x: 1 }), payload, signature].join("."),
    };
    for (const [what, changed] of Object.entries(tokens)) {
      const answer = await getPath(`/files/${changed}`);
      expect([answer.status, await answer.text()], what).toEqual([403, "This link is not valid."]);
    }
    for (const path of [
      "/",
      `/files/${token}//`,
      `/files/${token}/x`,
      `/files/x?token=${token}`,
      `/files/x#${token}`,
    ]) {
      expect((await getPath(path)).status, path).toBe(403);
    }
    expect(asked()).toEqual([]);
    expect((await getPath(`/anywhere/else/${token}?utm_source=mail`)).status).toBe(200);
    expect(emulator.requests.at(-1)!.path).toBe(
      `/v1/containers/${file.container_id}/files/${file.id}/content`,
    );
  });

  it("if any other text replaces its token", async () => {
    const route = routeOf(() => expect.unreachable());
    const token = (await route.urlFor(citation("a"))).replace("/files/", "");
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.webPath(),
          fc.string().map((text) => `/${encodeURIComponent(text)}`),
          fc
            .tuple(fc.nat(token.length - 1), fc.constantFrom("A", "B", "_", ".", "", "="))
            .map(([at, character]) => `/${token.slice(0, at)}${character}${token.slice(at + 1)}`)
            .filter((path) => path !== `/${token}`),
        ),
        async (path) => {
          const answer = await route.handler(new Request(`https://example.com/files${path}`));
          // Some bits of the last base64url character are unused, so a token that differs only in the unused bits is valid.
          if (answer.status === 502) expect(path.slice(0, -1)).toBe(`/${token.slice(0, -1)}`);
          else expect(answer.status).toBe(403);
        },
      ),
      { numRuns: 2000 },
    );
  });
});

it("opens a link until it expires, then answers 410", async () => {
  const { url, asked } = await setUp({ expiresIn: 60 });
  vi.useFakeTimers({ now: 1_800_000_000_000, toFake: ["Date"] });
  const link = await url();
  vi.setSystemTime(1_800_000_059_999);
  expect((await fetch(link)).status).toBe(200);
  vi.setSystemTime(1_800_000_060_000);
  const answer = await fetch(link);
  expect([answer.status, await answer.text()]).toEqual([410, "This link has expired."]);
  expect(asked()).toHaveLength(1);
});

it("signs links with the first secret and accepts links that any of the secrets signed", async () => {
  const client = new OpenAI({
    apiKey: "k",
    fetch: async () => new Response("x"),
  });
  const statusOf = async (by: FileRouteOptions["secret"], opened: FileRouteOptions["secret"]) => {
    const url = await createFileRoute(client, { secret: by }).urlFor(citation("a"));
    const { handler } = createFileRoute(client, { secret: opened });
    return (await handler(new Request(`https://example.com${url}`))).status;
  };
  expect(await statusOf(OTHER_SECRET, [SECRET, OTHER_SECRET])).toBe(200);
  expect(await statusOf([SECRET, OTHER_SECRET], SECRET)).toBe(200);
  expect(await statusOf([SECRET, OTHER_SECRET], OTHER_SECRET)).toBe(403);
  expect(await statusOf(OTHER_SECRET, SECRET)).toBe(403);
  expect(await statusOf(SECRET, new TextEncoder().encode(SECRET))).toBe(200);
});

it("opens a link with a slash after it, which some servers add", async () => {
  const { route, getPath, file } = await setUp();
  const link = await route.urlFor(file);
  for (const path of [`${link}/`, `${link}/?x=/`, `${link}?x#/y/`]) {
    const answer = await getPath(path);
    expect(answer.status).toBe(200);
    await answer.body?.cancel();
  }
  expect((await getPath(`${link}//`)).status).toBe(403);
});

it("answers 502 and calls onError if the API's answer has no file", async () => {
  const errors: unknown[] = [];
  const retrieve = async () => null as never; // what the SDK returns for a 204
  const client = { containers: { files: { content: { retrieve } } } };
  const route = createFileRoute(client, { secret: SECRET, onError: (error) => errors.push(error) });
  const url = `https://example.com${await route.urlFor(citation("a"))}`;
  expect((await route.handler(new Request(url))).status).toBe(502);
  expect(errors).toMatchObject([{ message: "the API answered 204 instead of sending the file" }]);
});
