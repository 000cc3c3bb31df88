/**
 * Tests what the proxy with links must never do: open other files, reach the API through `/files`, show a file as a page, or show
 * a secret. This file is long because every attack is written out.
 */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { SignJWT } from "jose";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type ServeLinkOptions, servedLinks } from "../src/cli/serve-links.js";
import { createProxy } from "../src/http/proxy.js";
import {
  answerOf,
  containerOf,
  ENV,
  linkIn,
  newFolder,
  OWN_KEY,
  post,
  SECRET,
  serveLinks,
  setUpLinks,
} from "./linked-proxy.js";
import { ask, BYTES, KEY, listenEmulator, sendRaw, serveProxy } from "./serving.js";

const OTHER_SECRET = "the secret of another deployment, long";

let printed = "";
beforeEach(() => {
  printed = "";
  for (const name of ["error", "log", "warn"] as const)
    vi.spyOn(console, name).mockImplementation((...args) => {
      printed += `${args.join(" ")}\n`;
    });
});
afterEach(() => void vi.restoreAllMocks());

/** Returns a token for a file, in the form of the route's tokens and signed with `secret`. */
function tokenFor(claims: object, secret: string, alg = "HS256"): Promise<string> {
  return new SignJWT({ n: "a.csv", ...claims })
    .setProtectedHeader({ alg })
    .setAudience("openai-file-citations")
    .setExpirationTime("1h")
    .sign(new TextEncoder().encode(secret));
}

describe("a link to another file", () => {
  it("cannot be made without the secret, and makes the proxy download nothing", async () => {
    const { proxy, emulator } = await setUpLinks();
    const link = linkIn(await answerOf(proxy));
    const other = emulator.createContainer({ files: { "other.csv": "other" } });
    const [head, payload, signature] = link.split("/").at(-1)!.split(".") as [string, string, string];
    const claims = JSON.parse(Buffer.from(payload, "base64url").toString());
    const encoded = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
    const changed = encoded({ ...claims, c: other.id });
    const tokens = [
      `${head}.${changed}.${signature}`,
      `${head}.${encoded({ ...claims, f: "cfile_2" })}.${signature}`,
      `${encoded({ alg: "none" })}.${changed}.`,
      await tokenFor({ c: claims.c, f: claims.f }, OTHER_SECRET),
      await tokenFor({ c: claims.c, f: claims.f }, OWN_KEY.padEnd(32, "x")),
      await tokenFor({ c: claims.c, f: claims.f }, SECRET, "HS512"),
      "x",
      "",
      `${head}.${payload}`,
    ];
    const before = emulator.requests.length;
    for (const token of tokens) expect((await fetch(`${proxy.url}/files/${token}`)).status).toBe(403);
    expect(emulator.requests).toHaveLength(before);
  });

  it("with the secret of another deployment does not open, even if the file is kept", async () => {
    const { upstream, emulator } = await listenEmulator();
    const keep = await newFolder();
    const ours = await serveLinks(upstream, { keep });
    const theirs = await serveLinks(upstream, { keep }, { ...ENV, FILE_LINKS_SECRET: OTHER_SECRET });
    const { pathname } = new URL(linkIn(await answerOf(theirs)));
    await theirs.links.kept(5000);
    const before = emulator.requests.length;
    expect((await fetch(ours.url + pathname)).status).toBe(403);
    expect((await fetch(theirs.url + pathname)).status).toBe(200);
    expect(emulator.requests).toHaveLength(before);
  });

  it("from a process without FILE_LINKS_SECRET opens only at that process", async () => {
    const { upstream } = await listenEmulator();
    const env = { OPENAI_API_KEY: OWN_KEY };
    const first = await serveLinks(upstream, {}, env);
    const { pathname } = new URL(linkIn(await answerOf(first)));
    const second = await serveLinks(upstream, {}, env);
    expect((await fetch(first.url + pathname)).status).toBe(200);
    expect((await fetch(second.url + pathname)).status).toBe(403);
    expect(first.notices.at(-1)).toContain("end with this process");
  });
});

describe("a path below /files", () => {
  it.each([
    "/files/../v1/models",
    "/files/%2e%2e/v1/models",
    "/files/.%2E/v1/models",
    "/files\\..\\v1\\models",
    "/files/x/../../v1/models",
    "/files%2f../v1/models",
    "/files/..%2fv1/models",
    "/files/..%5cv1/models",
    "/%66iles/../v1/models",
    "//files/../v1/models",
    "http://elsewhere.example/files/../v1/models",
    "/files/../healthz",
    "/files",
    "/files/",
    "/files/?x=/../v1/models",
  ])("never reaches the upstream, and is answered like a wrong link: %s", async (target) => {
    const { proxy, emulator } = await setUpLinks();
    const head = `GET ${target} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${OWN_KEY}\r\n`;
    const answer = await sendRaw(proxy.url, `${head}Connection: close\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 403 /);
    expect(answer).toContain("This link is not valid.");
    expect(answer).toMatch(/content-type: text\/plain/i);
    expect(answer).toMatch(/x-content-type-options: nosniff/i);
    expect(answer).toMatch(/content-security-policy: sandbox/i);
    expect(emulator.requests).toEqual([]);
  });

  it.each(["/./files/../v1/models", "/x/%2e%2e/v1/models", "/v1/files/../models", "/files;x/../v1/models"])(
    "cannot be written with other dot segments: %s is answered 400",
    async (target) => {
      const { proxy, emulator } = await setUpLinks();
      const head = `GET ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`;
      expect(await sendRaw(proxy.url, head)).toMatch(/^HTTP\/1\.1 400 .*"code":"bad_request"/s);
      expect(emulator.requests).toEqual([]);
    },
  );

  it("never reaches the upstream, for any path", async () => {
    const asked: string[] = [];
    const proxy = createProxy({
      upstream: "https://api.example/v1",
      fetch: async (url) => {
        asked.push(String(url));
        return new Response("{}");
      },
      maxBody: 1,
      maxJson: 1,
      files: { links: () => "/", hasOwnKey: () => true, handler: async () => new Response("a file") },
    });
    const piece = fc.constantFrom(
      ...["/", "..", ".", "%2e", "%2E%2e", "%2f", "%5c", "\\", "v1", "models", "%252e", "%66", "?", "#", "x"],
    );
    const start = fc.constantFrom("/files/", "/files\\", "/files%2f", "/%66iles/", "/f%69les%2F", "//files/");
    await fc.assert(
      fc.asyncProperty(start, fc.array(piece, { maxLength: 12 }), async (first, pieces) => {
        const target = first + pieces.join("");
        const answer = await proxy(new Request(new URL(`http://127.0.0.1${target}`)), { target });
        expect(await answer.text()).toBe("a file");
        expect(asked).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  it.each(["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])("answers %s with 405", async (method) => {
    const { proxy, emulator } = await setUpLinks();
    const { answer } = await ask(`${proxy.url}/files/x`, { method });
    expect([answer.statusCode, answer.headers.allow]).toEqual([405, "GET, HEAD"]);
    expect(emulator.requests).toEqual([]);
  });
});

describe("a file that could be a page", () => {
  const FILES = {
    "page.html": "<script>alert(1)</script>",
    "image.svg": '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
    "fake.png": "<html><script>alert(1)</script></html>",
    "page.xhtml": '<html xmlns="http://www.w3.org/1999/xhtml"/>',
  };

  it.each(Object.entries(FILES))("is sent as a download, kept or not: %s", async (name, content) => {
    const script = () => [
      { type: "python" as const, code: "1", files: { [name]: content } },
      { type: "message" as const, text: `[it](sandbox:/mnt/data/${name})` },
    ];
    const { proxy, emulator } = await setUpLinks({ keep: await newFolder() }, { script });
    const link = linkIn(await answerOf(proxy));
    const expectSafe = async (): Promise<void> => {
      const { status, headers } = await fetch(link);
      expect(status).toBe(200);
      expect(headers.get("content-disposition")).toMatch(/^attachment/);
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("content-security-policy")).toBe("sandbox");
    };
    await expectSafe();
    await proxy.links.kept(5000);
    emulator.expireContainer(containerOf(emulator));
    await expectSafe();
  });
});

describe("a request without the proxy's key", () => {
  it.each<Record<string, string>>([{}, { authorization: `Bearer ${KEY}` }])(
    "never makes the proxy use its own key: %j",
    async (headers) => {
      const keep = await newFolder();
      const { proxy, emulator } = await setUpLinks({ keep });
      const container = emulator.createContainer({ files: { "a.csv": "1" } });
      await post(proxy, { stream: true }, headers).then((answer) => answer.text());
      await post(proxy, {}, headers).then((answer) => answer.text());
      await fetch(`${proxy.baseURL}/containers/${container.id}/files`, { headers });
      await fetch(`${proxy.url}/files/${container.id}`, { headers });
      await proxy.links.kept(5000);
      expect(emulator.requests.length).toBeGreaterThan(0);
      const used = emulator.requests.filter((sent) => JSON.stringify(sent.headers).includes(OWN_KEY));
      expect(used).toEqual([]);
      expect(await readdir(keep)).toEqual([]);
    },
  );
});

describe("keys and secrets", () => {
  /** Returns the names and contents of all files in a folder. */
  async function contentOf(folder: string): Promise<string> {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile());
    expect(files.length).toBeGreaterThan(0);
    const texts = files.map(async ({ parentPath, name }) => name + (await readFile(join(parentPath, name))));
    return (await Promise.all(texts)).join("\n");
  }

  it("are in no log, error, link or stored file, whatever the upstream sends back", async () => {
    const keep = await newFolder();
    let status = 200;
    const intercept = ({ path }: { path: string }): Response | undefined =>
      status === 200 || !path.endsWith("/content")
        ? undefined
        : new Response(JSON.stringify({ error: { message: `${OWN_KEY} ${SECRET}` } }), {
            status,
            headers: { "x-you-sent": OWN_KEY, "retry-after": "0", location: `http://127.0.0.1:9/${OWN_KEY}` },
          });
    const { proxy } = await setUpLinks({ keep }, { intercept });
    const text = await answerOf(proxy);
    const { pathname } = new URL(linkIn(text));
    await proxy.links.kept(5000);
    const seen = [text, await contentOf(keep), proxy.notices.join("\n")];

    const failing = await setUpLinks({}, { intercept });
    const broken = new URL(linkIn(await answerOf(failing.proxy)));
    for (status of [401, 403, 302, 404]) {
      const answer = await fetch(broken);
      expect(answer.ok).toBe(false);
      seen.push(await answer.text(), JSON.stringify([...answer.headers]));
    }
    await fetch(`${proxy.url}${pathname}x`);
    await fetch(`${proxy.url}/elsewhere${pathname}?secret=${SECRET}`);
    const log = [...(await proxy.logged(3)), ...(await failing.proxy.logged(5))];
    expect(JSON.stringify(log)).not.toContain(pathname.split(".").at(-1));
    const all = [...seen, JSON.stringify(log), printed].join("\n");
    expect(printed).toContain("a file: the API answered 401");
    for (const secret of [OWN_KEY, SECRET, Buffer.from(SECRET).toString("base64")])
      expect(all).not.toContain(secret);
    // The token's parts are encoded, so the test decodes them and looks for the secrets again.
    const decoded = pathname.split(".").map((part) => Buffer.from(part, "base64url").toString());
    expect(decoded.join("\n")).not.toContain(OWN_KEY);
    expect(decoded.join("\n")).not.toContain(SECRET);
  });

  const WRONG: [string, ServeLinkOptions, NodeJS.ProcessEnv, RegExp][] = [
    ["no key", {}, { FILE_LINKS_SECRET: SECRET }, /--links needs a key.*OPENAI_API_KEY/],
    ["a blank key", {}, { ...ENV, OPENAI_API_KEY: " " }, /--links needs a key/],
    ["a key with spaces", {}, { ...ENV, OPENAI_API_KEY: "sk-a b" }, /OPENAI_API_KEY contains spaces/],
    [
      "a short secret",
      {},
      { ...ENV, FILE_LINKS_SECRET: "short-secret" },
      /FILE_LINKS_SECRET must be 32 bytes/,
    ],
    [
      "credentials",
      { links: "https://u:short-secret@x.example" },
      ENV,
      /--links must be an http or https URL/,
    ],
    ["a query", { links: "https://x.example/?k=short-secret" }, ENV, /--links must be/],
    ["another scheme", { links: "ftp://x.example" }, ENV, /--links must be/],
    ["no URL", { links: "files.example.com" }, ENV, /--links must be/],
    ["an empty note", { missing: " " }, ENV, /--missing must be a text that is not empty/],
    ["never, without a folder", { expires: Number.POSITIVE_INFINITY }, ENV, /--expires never needs --keep/],
    ["an empty folder", { keep: "" }, ENV, /--keep must be the path of a folder/],
    ["a file as the folder", { keep: "package.json" }, ENV, /--keep package\.json is not a folder/],
  ];
  it.each(WRONG)("are in no message about wrong use: %s", async (_, options, env, message) => {
    const wrong = await servedLinks({ links: true, ...options }, "https://api.example/v1", env).catch(
      (error: Error) => error,
    );
    expect(wrong).toMatchObject({ name: "WrongUse", message: expect.stringMatching(message) });
    expect(String((wrong as Error).stack)).not.toMatch(/short-secret|sk-a b/);
    for (const secret of [OWN_KEY, SECRET]) expect(String((wrong as Error).stack)).not.toContain(secret);
  });
});

describe("a proxy without links", () => {
  it("has no files, and forwards nothing below /files", async () => {
    const { upstream, emulator } = await listenEmulator();
    const linked = await serveLinks(upstream);
    const { pathname } = new URL(linkIn(await answerOf(linked)));
    expect(await (await fetch(linked.url + pathname)).text()).toBe(BYTES);
    const bare = await serveProxy(upstream);
    const before = emulator.requests.length;
    expect((await fetch(bare.url + pathname)).status).toBe(404);
    expect(emulator.requests).toHaveLength(before);
    expect(await bare.logged(1)).toMatchObject([{ path: "/files/…", status: 404 }]);
  });
});
