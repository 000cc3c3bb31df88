/** Tests the ids that gateways make: almost any text can be an id, and no id leads a request to another path or origin. */
import OpenAI from "openai";
import { describe, expect, it } from "vitest";
import { isId } from "../src/containers/ids.js";
import { createFileRoute } from "../src/files/route.js";
import { createFileCitationsFetch, repairResponse, saveFiles, withFileCitations } from "../src/index.js";
import { createResponsesEmulator, type EmulatorOptions, type Script } from "../src/testing/index.js";
import { reporting } from "./doors.js";
import { AUTH } from "./emulator-calls.js";
import { SECRET } from "./file-route.js";
import { memory } from "./saving.js";
import { SDKS } from "./sdks.js";
import { BASE, call, cited, eventsIn, file, json, message, response } from "./upstream.js";

/** Each id has a form that some gateway uses, or would lead to another path or origin if it were not encoded. */
const IDS = [
  "cntr_bGl0ZWxsbTpjdXN0b20/b==",
  `cntr_${"bGl0ZWxs+/".repeat(24)}=`,
  "sbx/pod 1",
  "sess_01J:main@eu",
  "/workspace/out/report 2.csv",
  "../x",
  "x/../../models",
  "..\\x",
  "%2e%2e",
  "a?b=c#d",
  "https://elsewhere.invalid/x",
  "//elsewhere.invalid",
  "日本 😀",
  "...",
  " ",
  "x".repeat(512),
  "😀".repeat(512),
];

const TEXT = "See /mnt/data/a.csv.";

const script: Script[] = [
  () => [
    { type: "python", code: "…", files: { "a.csv": "bytes" } },
    { type: "message", text: TEXT },
  ],
  () => [{ type: "message", text: TEXT }],
];

/**
 * Returns a gateway that replaces the provider's ids: the container, its file and the first response all get `id`. The second
 * response and the `container_id` in a file list keep the provider's ids.
 */
function gatewayOf(id: string, options: EmulatorOptions = {}) {
  const isSecond = (nativeId: string) => nativeId.startsWith("resp_") && nativeId.endsWith("2");
  const ids = (nativeId: string) => (isSecond(nativeId) ? nativeId : id);
  const emulator = createResponsesEmulator({ script, ...options, gateway: { ids, nativeIdsInLists: true } });
  /**
   * Returns the decoded ids in the paths of the requests, without the first `skip` requests. Checks that each request goes to
   * the API's origin, that its path matches `pattern`, and that each id in the path is encoded with `encodeURIComponent`. For a
   * request that creates a response, checks only the origin.
   */
  const idsIn = (pattern: RegExp, skip = 0): string[] =>
    emulator.requests.slice(skip).flatMap(({ url, path }) => {
      expect(new URL(url).origin).toBe(new URL(BASE).origin);
      if (path === "/v1/responses") return [];
      expect(path).toMatch(pattern);
      const encoded = pattern.exec(new URL(url).pathname)!.slice(1);
      const decoded = encoded.map(decodeURIComponent);
      expect(encoded).toEqual(decoded.map(encodeURIComponent));
      return decoded.join(" | ");
    });
  return { emulator, fetch: emulator.fetch, idsIn };
}

const LIST = /^\/v1\/containers\/([^/]+)\/files$/;
const CONTENT = /^\/v1\/containers\/([^/]+)\/files\/([^/]+)\/content$/;
const LIST_OR_RESPONSE = /^\/v1\/(?:responses|containers)\/([^/]+)(?:\/files)?$/;
const ASK = { model: "gpt-5", input: "x" };
const post = (more: object = {}): RequestInit => ({
  method: "POST",
  headers: AUTH,
  body: JSON.stringify({ ...ASK, ...more }),
});

describe.each(IDS)("the id %j", (id) => {
  it.each([false, true])(
    "of a container is used in requests, and its files are cited with it, stream: %s",
    async (stream) => {
      const { fetch, idsIn } = gatewayOf(id);
      const answer = await createFileCitationsFetch({ fetch })(`${BASE}/responses`, post({ stream }));
      const { output } = stream
        ? (eventsIn(await answer.text()).at(-1)!.response as ReturnType<typeof response>)
        : await answer.json();
      expect(output[1]).toMatchObject({ content: [{ annotations: [{ container_id: id, file_id: id }] }] });
      expect(idsIn(LIST)).toEqual([id]);
    },
  );

  it("of a previous response is requested, unless its container is remembered", async () => {
    for (const isRemembered of [false, true]) {
      const { emulator, fetch, idsIn } = gatewayOf(id);
      const wrapped = createFileCitationsFetch({ fetch });
      await (await (isRemembered ? wrapped : fetch)(`${BASE}/responses`, post())).json();
      const before = emulator.requests.length;
      const answer = await wrapped(`${BASE}/responses`, post({ previous_response_id: id }));
      expect(cited(await answer.json())).toEqual(["a.csv@/mnt/data/a.csv"]);
      expect(idsIn(isRemembered ? LIST : LIST_OR_RESPONSE, before)).toEqual(isRemembered ? [id] : [id, id]);
    }
  });

  it("of a response that is read again is found in the memory", async () => {
    const both = [[call("", id)], [message(TEXT)]].map((output) => ({ ...response(output), id }));
    const { emulator, fetch } = gatewayOf(id, {
      intercept: ({ path }) => (path.startsWith("/v1/responses") ? json(both.shift()) : undefined),
    });
    emulator.createContainer({ files: { "a.csv": "bytes" } });
    const wrapped = createFileCitationsFetch({ fetch });
    await (await wrapped(`${BASE}/responses`, post())).json();
    const again = await wrapped(`${BASE}/responses/${encodeURIComponent(id)}`, { headers: AUTH });
    expect(cited(await again.json())).toEqual(["a.csv@/mnt/data/a.csv"]);
  });

  it.each(SDKS)("is the same in the paths that %s requests: list, download, link", async (_, Client) => {
    const { emulator, fetch, idsIn } = gatewayOf(id);
    const client = new Client({ apiKey: "k", baseURL: BASE, fetch, maxRetries: 0 });
    const created = await withFileCitations(client).responses.create(ASK);
    const { response: repaired } = await repairResponse(response([call("", id), message(TEXT)]), client);
    expect(idsIn(LIST)).toEqual([id, id]);
    const listed = emulator.requests.length;

    const { sink, kept } = memory();
    expect((await saveFiles(client, created, sink)).failed).toEqual([]);
    expect(String(kept.get("a.csv"))).toBe("bytes");
    const route = createFileRoute(client, { secret: SECRET });
    const { annotations } = (repaired.output[1] as { content: { annotations: never[] }[] }).content[0]!;
    const link = await route.urlFor(annotations[0]!);
    expect(link).toMatch(/^\/files\/[\w.-]+$/);
    const answer = await route.handler(new Request(`https://app.example${link}`));
    expect([answer.status, await answer.text()]).toEqual([200, "bytes"]);
    expect(idsIn(CONTENT, listed)).toEqual([`${id} | ${id}`, `${id} | ${id}`]);
  });
});

describe.each([
  ["a dot", "."],
  ["two dots", ".."],
])("%s, which a URL cannot hold as an id", (_, id) => {
  it("is refused as a container's id, and the report says why", async () => {
    const { reports, onReport } = reporting();
    const { emulator, fetch } = gatewayOf(id);
    await (await createFileCitationsFetch({ fetch, onReport })(`${BASE}/responses`, post())).json();
    expect(emulator.requests.map(({ path }) => path)).toEqual(["/v1/responses"]);
    const error = { message: `the container's id is ${JSON.stringify(id)}, which cannot be part of a URL` };
    expect(reports).toMatchObject([{ outcome: "failed", listRequests: 0, error }]);

    const given = response([call("", id), message(TEXT)]);
    for (const source of [() => [file("/mnt/data/a.csv")], new OpenAI({ apiKey: "k", fetch })]) {
      const { response: repaired, report } = await repairResponse(given, source);
      expect(repaired).toBe(given);
      expect(report).toMatchObject({ outcome: "failed", error });
    }
    expect(emulator.requests).toHaveLength(1);
  });
});

describe("an invalid id", () => {
  it.each([
    ["nothing", ""],
    ["a dot", "."],
    ["two dots", ".."],
    ["a control character", "cntr_\u0007"],
    ["a C1 control character", "cntr_\u0085"],
    ["a line feed at the end", "cntr_1\n"],
    ["NUL", "\0"],
    ["half of a surrogate pair", "cntr_\ud83d"],
    ["the other half of a surrogate pair", "\ude00cntr_"],
    ["513 characters", "x".repeat(513)],
    ["a number", 7],
    ["an object", { toString: () => "cntr_1" }],
    ["null", null],
  ])("%s", (_, id) => {
    expect(isId(id)).toBe(false);
  });
});

describe("a list's entries", () => {
  const given = response([call("", "gw=1"), message(TEXT)]);
  const entry = (container_id: unknown) => ({ ...file("/mnt/data/a.csv"), container_id });

  it.each([
    ["the native id", "cntr_native"],
    ["the id in the request", "gw=1"],
    ["none", undefined],
    ["null", null],
    ["a number", 7],
    ["an object", { id: "cntr_native" }],
  ])("belong to the requested container, if their container_id is %s", async (_, id) => {
    const client = { containers: { files: { list: async () => ({ data: [entry(id)] }) } } };
    for (const source of [client, async () => [entry(id)] as never]) {
      const { response: repaired } = await repairResponse(given, source);
      expect(repaired.output[1]).toMatchObject({ content: [{ annotations: [{ container_id: "gw=1" }] }] });
    }
  });

  it("of a function that returns the files of all containers are filtered by the requested container", async () => {
    const mixed = [file("/mnt/data/a.csv", { id: "other" }), { ...entry("gw=1"), id: "own" }];
    const { response: repaired } = await repairResponse(given, () => mixed as never);
    expect(repaired.output[1]).toMatchObject({ content: [{ annotations: [{ file_id: "own" }] }] });
  });

  it("in an array belong to the container that each entry names", async () => {
    const { report } = await repairResponse(given, [file("/mnt/data/a.csv", { container_id: "other" })]);
    expect(report).toMatchObject({ outcome: "unchanged", unresolved: [{ reason: "not-found" }] });
  });

  it("with an invalid id are skipped, and the report says so", async () => {
    for (const id of ["..", "a\n", "", "x".repeat(513), 7]) {
      const { report } = await repairResponse(given, async () => [{ ...entry("gw=1"), id }] as never);
      expect(report.error?.message).toMatch(/none of its entries/);
    }
  });

  it("of two containers do not mix, whatever characters the ids have", async () => {
    const lists: Record<string, object[]> = {
      a: [file("/mnt/data/x.csv", { id: "b/c" })],
      "a/b": [file("/mnt/data/y.csv", { id: "c" })],
    };
    const { report } = await repairResponse(
      response([call("", "a"), call("", "a/b"), message("See /mnt/data/x.csv and /mnt/data/none.csv")]),
      (id) => lists[id] as never,
      { retries: 0 },
    );
    expect(report.unmentioned.map(({ id }) => id)).toEqual(["c"]);
  });
});
