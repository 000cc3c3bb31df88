/**
 * What a response, a list or a webhook says is data: no id leads a request elsewhere, no name out of the place where it
 * is put, no key of an object into its prototype.
 */
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import MarkdownIt from "markdown-it";
import OpenAI from "openai";
import OpenAI5 from "openai-5";
import OpenAI7 from "openai-7";
import { afterEach, describe, expect, it, onTestFinished } from "vitest";
import { shown } from "../src/cli/terminal.js";
import { createFileRoute } from "../src/files/route.js";
import { createProxy } from "../src/http/proxy.js";
import {
  addLinkInstruction,
  collectFiles,
  createFileCitationsFetch,
  repairResponse,
  replaceFileLinks,
  resolveFileCitations,
  saveFiles,
  withFileCitations,
} from "../src/index.js";
import { directory } from "../src/node.js";
import { createWebhookHandler } from "../src/webhook.js";
import { run, runOnTerminal } from "./command.js";
import { sendRaw, serveApi, serveProxy } from "./serving.js";
import { BASE, call, file, frames, json, listPage, message, response, sse, streamOf } from "./upstream.js";
import { deliveryOf, WEBHOOK_SECRET } from "./webhook-delivery.js";

const KEY = "sk-hostile-test";
const IDS: [name: string, id: string][] = [
  ["a way up", "../../files"],
  ["two dots", ".."],
  ["one dot", "."],
  ["encoded dots", "%2e%2e"],
  ["a way up behind an id", "cntr_x/../../models?"],
  ["another call", "cntr_x/files/cfile_x/content"],
  ["a query", "cntr_x?limit=1"],
  ["a fragment", "cntr_x#"],
  ["backslashes", "..\\..\\files"],
  ["another origin", "//elsewhere.invalid/x"],
  ["a URL", "https://elsewhere.invalid/x"],
  ["CR LF", "cntr_x\r\nx-injected: 1"],
  ["a last line feed", "cntr_x\n"],
  ["NUL", "cntr_x\0"],
  ["a lone surrogate", "cntr_\ud800"],
  ["1 MB", "c".repeat(2 ** 20)],
  ["nothing", ""],
  ["__proto__", "__proto__"],
  ["constructor", "constructor"],
];

/** A response, or what its request or its list say, with an id in one place. */
interface Case {
  output: Record<string, unknown>[];
  more?: Record<string, unknown>;
  request?: Record<string, unknown>;
  fileId?: string;
  entry?: Record<string, unknown>;
}
const TEXT = "See /mnt/data/a.csv and [b](sandbox:/mnt/data/b.csv).";
const citation = (container_id: string, file_id: string) => {
  const filename = "a.csv";
  return {
    ...{ type: "container_file_citation", container_id, file_id, filename },
    ...{ start_index: 4, end_index: 19 },
  };
};
const shell = (container_id: string) => ({
  type: "shell_call",
  id: "sh_1",
  environment: { type: "container_reference", container_id },
});
const PLACES: Record<string, (id: string) => Case> = {
  "code_interpreter_call.container_id": (id) => ({ output: [call("", id), message(TEXT)] }),
  "shell_call.environment.container_id": (id) => ({ output: [shell(id), message(TEXT)] }),
  "an annotation's container_id": (id) => ({
    output: [message({ text: TEXT, annotations: [citation(id, "cfile_1")] })],
  }),
  "an annotation's file_id": (id) => ({
    output: [call(), message({ text: TEXT, annotations: [citation("cntr_1", id)] })],
  }),
  "the response's tools": (id) => ({
    output: [message(TEXT)],
    more: { tools: [{ type: "code_interpreter", container: id }] },
  }),
  "the request's tools": (id) => ({
    output: [message(TEXT)],
    request: {
      tools: [
        { type: "code_interpreter", container: id },
        { type: "shell", environment: { type: "container_reference", container_id: id } },
      ],
    },
  }),
  "the request's input": (id) => ({
    output: [message(TEXT)],
    request: { input: [call("", id), shell(id), { type: "item_reference", id }] },
  }),
  previous_response_id: (id) => ({ output: [message(TEXT)], more: { previous_response_id: id } }),
  "the request's previous_response_id": (id) => ({
    output: [message(TEXT)],
    request: { previous_response_id: id },
  }),
  conversation: (id) => ({ output: [message(TEXT)], more: { conversation: { id } } }),
  "the response's and its items' own ids": (id) => ({
    output: [
      { ...call(), id },
      { ...message(TEXT), id },
    ],
    more: { id },
  }),
  "a list entry's id": (id) => ({ output: [call(), message(TEXT)], fileId: id }),
  "a list entry's container_id": (id) => ({
    output: [call(), message(TEXT)],
    entry: { container_id: id },
  }),
};

const responseOf = ({ output, more }: Case) => response(output, more);
const requestOf = ({ request }: Case) => ({
  model: "gpt-5",
  input: "x",
  tools: [{ type: "code_interpreter", container: { type: "auto" } }],
  ...request,
});

const SEGMENT = "[A-Za-z0-9][A-Za-z0-9_-]{0,255}";
const ALLOWED = new RegExp(
  `^(?:/v1/responses(?:/${SEGMENT})?|/v1/containers/${SEGMENT}/files(?:/${SEGMENT}/content)?)$`,
);

/** Where a request really goes, if it is none of the few that may be. */
function strayOf(url: string): string | undefined {
  const { origin, pathname, search, hash } = new URL(url);
  const query = [...new URLSearchParams(search).keys()].filter(
    (name) => !/^(?:limit|after|include)/.test(name),
  );
  const isAllowed = origin === new URL(BASE).origin && ALLOWED.test(pathname) && hash === "";
  // As it was written, too: nothing that a URL's parser would take out.
  return isAllowed && query.length === 0 && url.split("?")[0] === origin + pathname ? undefined : url;
}

/** The API of a case, below everything; it notes what went astray. */
function apiOf(given: Case, asStream = false) {
  const stray: string[] = [];
  const lists: string[] = [];
  const answer = ({ pathname, searchParams }: URL): Response => {
    if (pathname.endsWith("/content")) return new Response("bytes");
    if (pathname.includes("/containers/")) {
      lists.push(pathname);
      // The second page ends the list: an entry's id has come back as `after` by then.
      return searchParams.has("after") ? listPage([]) : listPage(entriesOf(given), true);
    }
    if (!asStream) return json(responseOf(given));
    const events = streamOf(given.output).map((event) =>
      "response" in event ? { ...event, response: { ...(event.response as object), ...given.more } } : event,
    );
    return sse(frames(events), 1000);
  };
  const recording: typeof fetch = async (input, init) => {
    const url = input instanceof Request ? input.url : String(input);
    const wrong = strayOf(url);
    if (wrong !== undefined) stray.push(wrong);
    new Headers(init?.headers); // throws for a header that holds what none may
    return answer(new URL(url));
  };
  const client = new OpenAI({
    ...{ apiKey: KEY, baseURL: BASE, maxRetries: 0, webhookSecret: WEBHOOK_SECRET },
    fetch: recording,
  });
  return { fetch: recording, client, stray, lists };
}

function entriesOf({ fileId, entry }: Case): object[] {
  return ["/mnt/data/a.csv", "/mnt/data/b.csv"].map((path, at) => ({
    ...file(path, { id: fileId ?? `cfile_${at}` }),
    ...(fileId === undefined && { container_id: undefined }),
    ...entry,
  }));
}

const QUIET = { retries: 0 } as const;
const post = (given: Case) => ({
  method: "POST",
  headers: { authorization: `Bearer ${KEY}`, "content-type": "application/json" },
  body: JSON.stringify(requestOf(given)),
});

/** Every way in. Each leads the case through and gives what went astray. */
const DOORS: Record<string, (given: Case, id: string) => Promise<string[]>> = {
  async "createFileCitationsFetch, plain"(given) {
    const api = apiOf(given);
    await (
      await createFileCitationsFetch({ ...QUIET, fetch: api.fetch })(`${BASE}/responses`, post(given))
    ).text();
    return api.stray;
  },
  async "createFileCitationsFetch, streamed"(given) {
    const api = apiOf(given, true);
    await (
      await createFileCitationsFetch({ ...QUIET, fetch: api.fetch })(`${BASE}/responses`, post(given))
    ).text();
    return api.stray;
  },
  async withFileCitations(given) {
    const api = apiOf(given);
    const client = withFileCitations(api.client, QUIET);
    await client.responses.create(requestOf(given) as never);
    await client.responses.create(requestOf(given) as never); // the memory has the ids now
    return api.stray;
  },
  async "repairResponse, saveFiles and createFileRoute"(given) {
    const api = apiOf(given);
    const repaired = await repairResponse(responseOf(given), api.client, {
      ...QUIET,
      request: requestOf(given),
    });
    const { failed, saved } = await saveFiles(
      api.client,
      repaired.response,
      async (_, stream) => new Response(stream).text(),
      QUIET,
    );
    expect(saved.length + failed.length).toBe(collectFiles(repaired.response).length);
    const route = createFileRoute(api.client, { secret: "x".repeat(32), onError: () => {} });
    for (const found of collectFiles(repaired.response)) {
      if (found.kind !== "container-file") continue;
      const url = await route.urlFor(found).catch((error) => error);
      if (typeof url === "string") await route.handler(new Request(`https://app.example${url}`));
      else expect(url).toBeInstanceOf(TypeError);
    }
    return api.stray;
  },
  async createWebhookHandler(given, id) {
    const api = apiOf(given);
    const handler = createWebhookHandler(api.client, { ...QUIET, onResponse: () => {}, onError: () => {} });
    for (const responseId of ["resp_1", id]) {
      const delivery = deliveryOf({ type: "response.completed", data: { id: responseId } });
      await handler(new Request("https://app.example/webhook", delivery));
    }
    return api.stray;
  },
  async "the proxy"(given) {
    const api = apiOf(given);
    const proxy = createProxy({
      ...{ upstream: BASE, fetch: api.fetch, maxBody: 2 ** 26, maxJson: 2 ** 26 },
      ...QUIET,
    });
    await (await proxy(new Request("http://127.0.0.1/v1/responses", post(given)))).text();
    return api.stray;
  },
};

describe("no id leads a request elsewhere", () => {
  for (const [door, lead] of Object.entries(DOORS)) {
    it.each(Object.keys(PLACES))(`${door}: %s`, async (place) => {
      for (const [name, id] of IDS) {
        expect([name, ...(await lead(PLACES[place]!(id), id)).map((url) => url.slice(0, 200))]).toEqual([
          name,
        ]);
      }
    });
  }

  it("and an id as the API's own is asked about", async () => {
    const api = apiOf(PLACES["code_interpreter_call.container_id"]!("cntr_1"));
    const given = PLACES["code_interpreter_call.container_id"]!("cntr_1");
    const { report } = await repairResponse(responseOf(given), api.client, QUIET);
    expect(api.lists[0]).toBe("/v1/containers/cntr_1/files");
    expect(report.outcome).toBe("recovered");
  });

  it("the command's repair", async () => {
    const folder = await mkdtemp(join(tmpdir(), "hostile-test-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    const urls: string[] = [];
    const url = await serveApi((request, answer) => {
      urls.push(request.url!);
      answer.setHeader("content-type", "application/json");
      answer.end(JSON.stringify({ object: "list", data: entriesOf({ output: [] }), has_more: false }));
    });
    const lines = Object.values(PLACES).flatMap((place) =>
      IDS.map(([, id]) => JSON.stringify(responseOf(place(id)))),
    );
    await writeFile(join(folder, "in.jsonl"), lines.join("\n"));
    const { stderr } = await run(["repair", join(folder, "in.jsonl"), "--out", join(folder, "out.jsonl")], {
      env: { OPENAI_API_KEY: KEY, OPENAI_BASE_URL: `${url}/v1` },
    });
    expect(stderr).toContain(`${lines.length} responses`);
    expect(urls.length).toBeGreaterThan(0);
    expect(urls.map((path) => strayOf(new URL(BASE).origin + path)).filter(Boolean)).toEqual([]);
  });
});

/** Names that would do something where they are not only shown. */
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
/** What a terminal obeys, and what turns the direction of writing. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const COMMANDS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/;

describe("no name gets out of where it is put", () => {
  const cited = (filename: string) => ({ ...citation("cntr_1", "cfile_1"), filename });

  it.each(NAMES)("a link: %j", (name) => {
    const text = replaceFileLinks(TEXT, [cited(name)], ({ file_id }) => `https://app.example/${file_id}`);
    const tokens = new MarkdownIt({ html: true }).parse(text, {});
    const children = tokens.flatMap((token) => token.children ?? []);
    expect(tokens.map(({ type }) => type)).toEqual(["paragraph_open", "inline", "paragraph_close"]);
    // The link that was put there; the other one's scheme is not a browser's, but it is one of Markdown.
    expect(
      children.map(({ type }) => type).filter((type) => type !== "text" && type !== "text_special"),
    ).toEqual(["link_open", "link_close", "link_open", "link_close"]);
    expect(children.flatMap((token) => (token.attrs ?? []).map(([, value]) => value))).toEqual([
      "https://app.example/cfile_1",
      "sandbox:/mnt/data/b.csv",
    ]);
    expect(text).not.toMatch(COMMANDS);
  });

  it.each(NAMES)("disk, and the route's headers: %j", async (name) => {
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
    // One value, of one name: a quoted string that nothing in it ends, and the same in RFC 8187's encoding.
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
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    const own = /\r\u001b\[K|\r\n|\u001b\[\d+m|\u001b\]8;;(?:file:\/\/[\x21-\x7e]*)?\u001b\\/g;
    expect(screen).toContain("missing");
    expect(screen).toContain("could not be saved");
    expect(screen).toContain("the API reports");
    expect(screen.replace(own, "")).not.toMatch(COMMANDS);
  });

  it("shown: whatever a terminal obeys", () => {
    for (let code = 0; code < 0x3000; code++) {
      const character = String.fromCharCode(code);
      const out = shown(character);
      if (!COMMANDS.test(character)) expect(out).toBe(character);
      expect([code.toString(16), COMMANDS.test(out)]).toEqual([code.toString(16), false]);
    }
  });

  it("the proxy's log: one line for a request, whatever its path", async () => {
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

describe("__proto__ and constructor are names like others", () => {
  afterEach(() => {
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
    expect(Object.keys(Object.prototype)).toEqual([]);
  });
  const OWN =
    '{"__proto__":{"polluted":"yes"},"constructor":{"prototype":{"polluted":"yes"}},"toString":"x"}';
  const own = (): Record<string, unknown> => JSON.parse(OWN);

  it("in a response's metadata, items and parts, through the fetch, plain and streamed", async () => {
    const given: Case = {
      output: [
        { ...call("", "constructor"), ...own() },
        { ...message(TEXT), ...own() },
      ],
      more: { metadata: own(), ...own() },
    };
    for (const asStream of [false, true]) {
      const { fetch } = apiOf(given, asStream);
      const wrapped = createFileCitationsFetch({
        ...QUIET,
        fetch,
        onReport: (report) => reports.push(report),
      });
      const reports: { outcome: string }[] = [];
      const text = await (await wrapped(`${BASE}/responses`, post(given))).text();
      expect(reports).toMatchObject([{ outcome: "recovered" }]);
      const inner = OWN.slice(1, -1);
      const whole = asStream
        ? text.slice(text.indexOf("response.completed"))
        : JSON.stringify(JSON.parse(text));
      // In the call, the message, the metadata and the response itself.
      expect(whole.split(inner).length - 1).toBe(4);
    }
  });

  it("in a request, whose sentence is added", () => {
    const params = { ...requestOf({ output: [] }), metadata: own(), ...own() };
    const asking = addLinkInstruction(params);
    expect(asking).not.toBe(params);
    expect(JSON.stringify(asking).split(OWN.slice(1, -1)).length - 1).toBe(2);
    expect(Object.getPrototypeOf(asking)).toBe(Object.prototype);
  });

  it("as ids and names of files", () => {
    for (const name of ["__proto__", "constructor", "toString", "hasOwnProperty"]) {
      const text = `[${name}](sandbox:/mnt/data/${name}) and /mnt/data/${name}/${name}.csv`;
      const files = [`/mnt/data/${name}`, `/mnt/data/${name}/${name}.csv`].map((path, at) => ({
        ...file(path, { id: `${name}${at || ""}`, container_id: name }),
        ...own(),
      }));
      const { annotations } = resolveFileCitations(text, files);
      expect(annotations.map(({ file_id, filename }) => [file_id, filename])).toEqual([
        [name, name],
        [`${name}1`, `${name}.csv`],
      ]);
    }
  });
});

describe.each([
  ["openai 5", OpenAI5 as unknown as typeof OpenAI],
  ["openai 6", OpenAI],
  ["openai 7", OpenAI7 as unknown as typeof OpenAI],
])("a redirect of the list to another origin is not followed, over real HTTP: %s", (_, Client) => {
  it.each([301, 302, 303, 307, 308])("%i", async (status) => {
    const seen: unknown[] = [];
    const elsewhere = await serveApi(({ headers }, answer) => {
      seen.push(headers);
      answer.setHeader("content-type", "application/json");
      answer.end(JSON.stringify({ object: "list", data: entriesOf({ output: [] }) }));
    });
    const given = PLACES["code_interpreter_call.container_id"]!("cntr_1");
    const before = { output: [message(TEXT)], more: { previous_response_id: "resp_0" } };
    let answered: Case = given;
    const api = await serveApi((request, answer) => {
      if (request.url!.includes("/containers/") || request.url!.endsWith("resp_0")) {
        answer.writeHead(status, { location: `${elsewhere}${request.url}` });
        answer.end();
        return;
      }
      answer.setHeader("content-type", "application/json");
      answer.end(JSON.stringify(responseOf(answered)));
    });
    const bare = new Client({ apiKey: KEY, baseURL: `${api}/v1`, maxRetries: 0 });
    const headers = { authorization: `Bearer ${KEY}`, "api-key": KEY, "content-type": "application/json" };
    const send = { method: "POST", headers, body: JSON.stringify(requestOf(given)) };
    const errors: (string | undefined)[] = [];
    const options = {
      ...QUIET,
      onReport: ({ error }: { error?: Error }) => void errors.push(error?.message),
    };
    for (answered of [given, before]) {
      await withFileCitations(bare, options).responses.create(requestOf(given) as never);
      await (await createFileCitationsFetch(options)(`${api}/v1/responses`, send)).text();
      await repairResponse(responseOf(answered), bare, options);
      const served = await serveProxy(`${api}/v1`, QUIET);
      await (await fetch(`${served.baseURL}/responses`, send)).text();
    }
    expect(seen).toEqual([]);
    // The three doors with a list and, of those that ask for an earlier response, two.
    expect(errors.filter((message) => message?.includes(String(status))).length).toBe(5);
  });
});

it("a key of the command does not follow a redirect either", async () => {
  const folder = await mkdtemp(join(tmpdir(), "hostile-test-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const seen: unknown[] = [];
  const elsewhere = await serveApi(({ headers }, answer) => {
    seen.push(headers);
    answer.end("{}");
  });
  const api = await serveApi((request, answer) => {
    answer.writeHead(307, { location: `${elsewhere}${request.url}` });
    answer.end();
  });
  await writeFile(join(folder, "in.jsonl"), JSON.stringify(response([call(), message(TEXT)])));
  const env = { OPENAI_API_KEY: KEY, OPENAI_BASE_URL: `${api}/v1` };
  expect((await run(["repair", join(folder, "in.jsonl"), "--out", join(folder, "out")], { env })).code).toBe(
    1,
  );
  expect((await run(["ask", "x"], { env, cwd: folder })).code).toBe(1);
  expect(await readFile(join(folder, "out"), "utf8")).toBe(JSON.stringify(response([call(), message(TEXT)])));
  expect(seen).toEqual([]);
});
