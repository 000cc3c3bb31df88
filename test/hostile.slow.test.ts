/** Tests that no id in a response, list or webhook leads a request to another URL, and that no object key changes a prototype. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it, onTestFinished } from "vitest";
import { createFileRoute } from "../src/files/route.js";
import { createProxy } from "../src/http/proxy.js";
import {
  addLinkInstruction,
  collectFiles,
  createFileCitationsFetch,
  repairResponse,
  resolveFileCitations,
  saveFiles,
  withFileCitations,
} from "../src/index.js";
import { createWebhookHandler } from "../src/webhook.js";
import { run } from "./command.js";
import {
  apiOf,
  type Case,
  entriesOf,
  KEY,
  PLACES,
  post,
  QUIET,
  requestOf,
  responseOf,
  strayOf,
  TEXT,
} from "./hostile-cases.js";
import { serveApi } from "./serving.js";
import { BASE, call, file, message } from "./upstream.js";
import { deliveryOf } from "./webhook-delivery.js";

const IDS: [name: string, id: string][] = [
  ["a way up", "../../files"],
  ["two dots", ".."],
  ["one dot", "."],
  ["encoded dots", "%2e%2e"],
  ["a parent folder after an id", "cntr_x/../../models?"],
  ["another call", "cntr_x/files/cfile_x/content"],
  ["a query", "cntr_x?limit=1"],
  ["a fragment", "cntr_x#"],
  ["base64 of a gateway", "cntr_a/b=="],
  ["encoded twice", "%252e%252e%252fmodels"],
  ["a way up, encoded", "..%2f..%2fmodels"],
  ["white space around dots", " .. "],
  ["full-width dots", "\uff0e\uff0e/x"],
  ["user and password", "@elsewhere.invalid/x"],
  ["a scheme", "javascript:alert(1)"],
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

/**
 * The ways to use the library. Each function runs a case in one way and returns the URLs of stray requests. The library must
 * never send such a request.
 */
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
    await client.responses.create(requestOf(given) as never); // now the client remembers the ids
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

describe("no id leads a request to another URL", () => {
  for (const [door, lead] of Object.entries(DOORS)) {
    it.each(Object.keys(PLACES))(`${door}: %s`, async (place) => {
      for (const [name, id] of IDS) {
        expect([name, ...(await lead(PLACES[place]!(id), id)).map((url) => url.slice(0, 200))]).toEqual([
          name,
        ]);
      }
    });
  }

  it.each([
    ["cntr_1", "cntr_1"],
    ["../../files", "..%2F..%2Ffiles"],
    ["cntr_x?limit=1", "cntr_x%3Flimit%3D1"],
    ["//elsewhere.invalid/x", "%2F%2Felsewhere.invalid%2Fx"],
    ["%2e%2e", "%252e%252e"],
  ])(
    "and the list of the container %j is requested, with the id in one segment of the path",
    async (id, segment) => {
      const given = PLACES["code_interpreter_call.container_id"]!(id);
      const api = apiOf(given);
      const { report } = await repairResponse(responseOf(given), api.client, QUIET);
      expect(api.lists[0]).toBe(`/v1/containers/${segment}/files`);
      expect(api.stray).toEqual([]);
      expect(report.outcome).toBe("recovered");
    },
  );

  it("through the command's repair", async () => {
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

describe("__proto__ and constructor are ordinary names", () => {
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
      // `own()` was added to the call, the message, the metadata and the response itself. All four must still be there.
      expect(whole.split(inner).length - 1).toBe(4);
    }
  });

  it("in a request to which the link sentence is added", () => {
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
