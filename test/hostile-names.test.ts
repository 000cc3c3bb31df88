/** Tests that file names from a response or list cannot break out of a link, a folder, a header, a terminal or a log. */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import MarkdownIt from "markdown-it";
import { describe, expect, it, onTestFinished } from "vitest";
import { shown } from "../src/cli/terminal.js";
import { createFileRoute } from "../src/files/route.js";
import { replaceFileLinks, saveFiles } from "../src/index.js";
import { directory } from "../src/node.js";
import { runOnTerminal } from "./command.js";
import { apiOf, citation, KEY, QUIET, TEXT } from "./hostile-cases.js";
import { sendRaw, serveApi, serveProxy } from "./serving.js";
import { call, frames, message, response, streamOf } from "./upstream.js";

/** Names that have an effect if they are not escaped. */
const NAMES = [
  "](javascript:alert(1)) [x.csv",
  "**a**_b_`c`.csv",
  "<script>alert(1)</script>.csv",
  '"><img src=x onerror=alert(1)>.csv',
  "a\u001b]0;owned\u0007\u001b[2J.csv",
  "a\u009b2J.csv",
  "a\u202efdp.csv",
  "a\u061c\u2066b.csv",
  "a\r\nset-cookie: x=1\r\n\r\n.csv",
  '"; filename="evil.exe',
  "..",
  "../../evil.csv",
  "..\\..\\evil.csv",
  "/etc/passwd",
  "a\0.csv",
  "\ud800.csv",
  "CON",
  `${"n".repeat(300)}.csv`,
  "__proto__",
  "constructor",
];

/** Characters that control a terminal or change the direction of text. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the pattern searches for control characters
const COMMANDS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/;

describe("no name breaks out of", () => {
  const cited = (filename: string) => ({ ...citation("cntr_1", "cfile_1"), filename });

  it.each(NAMES)("a link: %j", (name) => {
    const text = replaceFileLinks(TEXT, [cited(name)], ({ file_id }) => `https://app.example/${file_id}`);
    const tokens = new MarkdownIt({ html: true }).parse(text, {});
    const children = tokens.flatMap((token) => token.children ?? []);
    expect(tokens.map(({ type }) => type)).toEqual(["paragraph_open", "inline", "paragraph_close"]);
    // The first link is the inserted one. The second is the `sandbox:` link that the text already had.
    expect(
      children.map(({ type }) => type).filter((type) => type !== "text" && type !== "text_special"),
    ).toEqual(["link_open", "link_close", "link_open", "link_close"]);
    expect(children.flatMap((token) => (token.attrs ?? []).map(([, value]) => value))).toEqual([
      "https://app.example/cfile_1",
      "sandbox:/mnt/data/b.csv",
    ]);
    expect(text).not.toMatch(COMMANDS);
  });

  it.each(NAMES)("a folder and the route's headers: %j", async (name) => {
    const folder = await mkdtemp(join(tmpdir(), "hostile-test-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    const { client } = apiOf({ output: [] });
    const given = response([message({ text: TEXT, annotations: [cited(name)] })]);
    const { saved, failed } = await saveFiles(client, given, directory(join(folder, "in")), QUIET);
    expect(failed).toEqual([]);
    expect(await readdir(folder)).toEqual(["in"]);
    const [entry, ...others] = await readdir(join(folder, "in"));
    expect(others).toEqual([]);
    expect(entry).not.toMatch(COMMANDS);
    expect(relative(join(folder, "in"), saved[0]!.location)).toBe(entry);

    const route = createFileRoute(client, { secret: "x".repeat(32) });
    const url = await route.urlFor(cited(name) as never);
    expect(url).toMatch(/^\/files\/[\w.-]+$/);
    const { status, headers } = await route.handler(new Request(`https://app.example${url}`));
    expect(status).toBe(200);
    expect(headers.get("set-cookie")).toBeNull();
    // The header has the name as a quoted string and in the encoding of RFC 8187. The name must not end the quoted string.
    expect(headers.get("content-disposition")).toMatch(
      /^(?:attachment|inline); filename=(?:"(?:[^"\\]|\\.)*"|[\w.!#$%&'*+^`|~-]+)(?:; filename\*=UTF-8''[\w.%!~'()*-]+)?$/,
    );
    expect(headers.get("content-disposition")).not.toMatch(COMMANDS);
    expect(headers.get("content-security-policy")).toBe("sandbox");
  });

  it("a terminal: ask", async () => {
    const folder = await mkdtemp(join(tmpdir(), "hostile-test-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    const hostile = NAMES.join(" ");
    const gone = { ...cited("gone\u001b[2J\u202e.csv"), file_id: "cfile_gone" };
    const annotations = [...NAMES.map((name, at) => ({ ...cited(name), file_id: `cfile_${at}` })), gone];
    const events = streamOf([
      call(),
      message({ text: `${hostile} /mnt/data/\u001b[2Jmissing\u202e.csv`, annotations }),
    ]);
    const failure = { type: "error", sequence_number: 99, message: "down\u001b[2J\u202e" };
    const url = await serveApi(({ url }, answer) => {
      if (url!.endsWith("/responses")) {
        answer.setHeader("content-type", "text/event-stream");
        answer.end(frames([...events.slice(0, -1), failure, events.at(-1)!]));
        return;
      }
      answer.setHeader("content-type", "application/json");
      if (!url!.endsWith("/content")) {
        answer.end(JSON.stringify({ object: "list", data: [] }));
        return;
      }
      answer.statusCode = url!.includes("cfile_gone") ? 400 : 200;
      answer.end(JSON.stringify({ error: { message: "no\u001b[2J\u202e" } }));
    });
    const { shown: screen } = await runOnTerminal(["ask", "x", "--out", folder], {
      env: { OPENAI_API_KEY: KEY, OPENAI_BASE_URL: `${url}/v1` },
    });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the pattern searches for control characters
    const own = /\r\u001b\[K|\r\n|\u001b\[\d+m|\u001b\]8;;(?:file:\/\/[\x21-\x7e]*)?\u001b\\/g;
    expect(screen).toContain("missing");
    expect(screen).toContain("could not be saved");
    expect(screen).toContain("the API reports");
    expect(screen.replace(own, "")).not.toMatch(COMMANDS);
  });

  it("a terminal: every control character is escaped", () => {
    for (let code = 0; code < 0x3000; code++) {
      const character = String.fromCharCode(code);
      const out = shown(character);
      if (!COMMANDS.test(character)) expect(out).toBe(character);
      expect([code.toString(16), COMMANDS.test(out)]).toEqual([code.toString(16), false]);
    }
  });

  it("the proxy's log, which has one line for each request", async () => {
    const url = await serveApi((_, answer) => answer.end("{}"));
    const { url: proxy, logged } = await serveProxy(`${url}/v1`);
    const paths = [
      "/v1/\u001b[2J",
      "/v1/%1b[2J%0d%0ax",
      "/v1/\u202e",
      "//elsewhere.invalid/v1/x",
      "/v1/../../x",
      "http://elsewhere.invalid/v1/x",
    ];
    for (const path of paths) {
      await sendRaw(proxy, `GET ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n`);
    }
    for (const { path, method } of await logged(paths.length)) {
      expect(`${method} ${path}`).toMatch(/^[\x21-\x7e]+ [\x21-\x7e]+$/);
    }
  });
});
