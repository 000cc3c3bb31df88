/**
 * Tests that the recording of `doctor --record` shows what happened but contains no secret: no key, no cookie, no organization,
 * and no value of the user's or the server's headers. The runs are plain, streamed or failing.
 */
import { describe, expect, it } from "vitest";
import { recordingOf } from "../src/cli/doctor/recording.js";
import { PATH } from "../src/cli/doctor/task.js";
import type { EmulatorOptions } from "../src/testing/index.js";
import { answering, BARE, doctorModel, examined, FOUNDRY, GATEWAY, KEY, LINK, OPENAI } from "./examining.js";

type Fetch = typeof globalThis.fetch;

/** Headers that the user sets. The value of `x-seat` is short, because short values must be removed too. */
const OWN_HEADERS = {
  cookie: "session=c00kie-0f-alice; theme=darkmode",
  "x-acme-team": "volcano-research",
  "x-seat": "k9x",
  "openai-organization": "org-AcmeResearch01",
  "openai-project": "proj_volcano",
};
/** Headers that the server adds to each answer. */
const SERVER_HEADERS = {
  "set-cookie": "__cf_bm=cl0udcookie-77; Path=/; HttpOnly",
  "openai-organization": "acme-research",
  "x-request-id": "req-4f5a6b7c8d9e",
  "cf-ray": "8b1e2d3c4f5a-FRA",
  "x-internal-user": "alice.liddell",
};
const SECRETS = [
  KEY,
  "c00kie-0f-alice",
  "volcano-research",
  "k9x",
  "org-AcmeResearch01",
  "proj_volcano",
  "x-acme-team",
  "cl0udcookie-77",
  "acme-research",
  "req-4f5a6b7c8d9e",
  "8b1e2d3c4f5a-FRA",
  "alice.liddell",
  "alice@acme.example",
];
const ALL = SECRETS.join(" ");

/**
 * Returns a wrapper of `fetch` that adds headers with secrets to each answer, and repeats all secrets in fields of JSON bodies
 * and of events. If `statusOf` returns a status for a route, the answer is an error with that status and the secrets.
 */
const leaking =
  (statusOf: (route: string) => number | undefined): ((fetch: Fetch) => Fetch) =>
  (fetch) =>
  async (input, init) => {
    const answer = await fetch(input, init);
    const route = `${init?.method ?? "GET"} ${new URL(String(input)).pathname}`;
    const type = answer.headers.get("content-type") ?? "";
    const headers = { ...Object.fromEntries(answer.headers), ...SERVER_HEADERS };
    const status = statusOf(route);
    if (status !== undefined) {
      const error = {
        message: `Denied: ${ALL}`,
        type: "x",
        param: KEY,
        code: "denied",
        user: "alice.liddell",
      };
      return Response.json({ error, headers: SERVER_HEADERS }, { status, headers: SERVER_HEADERS });
    }
    if (type.startsWith("application/octet-stream"))
      return new Response(answer.body, { status: answer.status, headers });
    const leaky = (body: object) => ({
      ...body,
      user: ALL,
      metadata: { text: ALL },
      seat: "k9x",
      debug: { url: ALL },
    });
    if (!type.startsWith("text/event-stream")) {
      return Response.json(leaky((await answer.json()) as object), { status: answer.status, headers });
    }
    const frames = (await answer.text()).replaceAll(/^data: (\{.*\})$/gm, (_, json) => {
      return `: ${KEY}\nid: ${KEY}\ndata: ${JSON.stringify(leaky(JSON.parse(json)))}`;
    });
    return new Response(`${frames}event: x ${KEY}\ndata: not JSON ${KEY}\n\n`, {
      status: answer.status,
      headers,
    });
  };

const RUNS: [string, EmulatorOptions, string, (fetch: Fetch) => Fetch][] = [
  ["all is well", {}, OPENAI, leaking(() => undefined)],
  ["a gateway", { gateway: { ids: "litellm" } }, GATEWAY, leaking(() => undefined)],
  [
    "Foundry without containers",
    { gateway: { containerRoutes: "missing" } },
    FOUNDRY,
    leaking(() => undefined),
  ],
  [
    "a text with secrets",
    { script: doctorModel({ text: `${LINK} ${ALL}`, streamed: `${BARE} ${ALL}` }) },
    OPENAI,
    leaking(() => undefined),
  ],
  [
    "secrets in the pieces of a stream",
    { script: doctorModel({ streamed: `${BARE} ${ALL}`, chunks: 3 }) },
    OPENAI,
    leaking(() => undefined),
  ],
  ["a wrong key", { apiKey: "sk-other" }, OPENAI, leaking(() => undefined)],
  ["no Responses API", {}, GATEWAY, leaking((route) => (route.startsWith("POST") ? 404 : undefined))],
  [
    "no list",
    { script: doctorModel({ text: BARE }) },
    OPENAI,
    leaking((route) => (route.includes("/files") ? 403 : undefined)),
  ],
  [
    "a broken stream",
    { breakIn: ({ type }) => (type === "response.output_text.done" ? 40 : undefined) },
    OPENAI,
    (fetch) => fetch,
  ],
  [
    "HTML",
    {},
    GATEWAY,
    answering(
      () => new Response(`<html>${ALL}</html>`, { status: 502, headers: { "content-type": "text/html" } }),
    ),
  ],
  [
    "no network",
    {},
    GATEWAY,
    answering(
      () =>
        new TypeError(`fetch failed ${KEY}`, {
          cause: Object.assign(new Error(KEY), { code: "ECONNREFUSED" }),
        }),
    ),
  ],
];

async function recorded(options: EmulatorOptions, baseURL: string, wrap: (fetch: Fetch) => Fetch) {
  const { checks, recorder } = await examined(options, { baseURL, wrap, headers: OWN_HEADERS });
  const json = recordingOf(recorder.exchanges, {
    ...{ baseURL, model: "gpt-5", checks: Object.values(checks), secrets: [KEY] },
    versions: { node: "22.1.0", package: "0.1.0", openai: undefined },
  });
  return { json, recording: JSON.parse(json), checks, recorder };
}

/** Returns the joined deltas of a recording's streams, because a secret can be split over several deltas. */
function deltasOf(recording: {
  exchanges: { answer?: { frames?: { data?: { delta?: string } }[] } }[];
}): string {
  return recording.exchanges
    .flatMap(({ answer }) => answer?.frames ?? [])
    .map(({ data }) => data?.delta ?? "")
    .join("");
}

it.each(RUNS)("%s: the recording has no secret in it", async (_, options, baseURL, wrap) => {
  const { json, recording, recorder } = await recorded(options, baseURL, wrap);
  expect(recording.exchanges).toHaveLength(recorder.exchanges.length);
  const { host, pathname } = new URL(baseURL);
  const names = baseURL === OPENAI ? [] : [host, ...pathname.split("/").filter((name) => name === "volcano")];
  const ids = [...new Set(json.match(/\b(?:resp|msg|rs|ci|cntr|cfile|req)_[A-Za-z\d+=]{6,}/g))];
  expect(ids).toEqual([]);
  for (const secret of [...SECRETS, ...names]) {
    for (const text of [json, deltasOf(recording)]) {
      const at = text.indexOf(secret);
      expect(at < 0 ? "no secret" : text.slice(Math.max(0, at - 200), at + 40)).toBe("no secret");
    }
  }
});

describe("the recording", () => {
  it("shows the requests, the answers and the checks", async () => {
    const { recording } = await recorded(
      { script: doctorModel({ streamed: BARE }) },
      OPENAI,
      (fetch) => fetch,
    );
    expect(recording).toMatchObject({
      ...{ server: "openai", versions: { node: "22.1.0", package: "0.1.0", platform: process.platform } },
      about: expect.stringContaining("Read it before you share it"),
    });
    expect(recording.checks).toContainEqual({ name: "Responses API", mark: "ok", seen: "gpt-5 answers" });
    type Exchange = { request: { method: string; url: string }; answer: { status: number } };
    expect(
      recording.exchanges.map(({ request, answer }: Exchange) => [
        request.method,
        request.url,
        answer.status,
      ]),
    ).toEqual(
      [
        ["GET", "/models/gpt-5"],
        ["POST", "/responses"],
        ["POST", "/responses"],
        ["GET", "/containers/cntr_1/files?limit=100"],
        ["GET", "/containers/cntr_1/files/cfile_1/content"],
        ["POST", "/responses"],
        ["GET", "/containers/cntr_2/files?limit=100"],
      ].map(([method, path]) => [method, OPENAI + path, 200]),
    );
    const [, , plain, list, content, streamed] = recording.exchanges;
    expect(plain.request.body).toMatchObject({ model: "gpt-5", input: expect.stringContaining(PATH) });
    const start = LINK.indexOf("sandbox:") - 1;
    expect(plain.answer.body.output.at(-1).content[0]).toMatchObject({
      ...{ type: "output_text", text: LINK },
      annotations: [
        { container_id: "cntr_1", file_id: "cfile_1", filename: "doctor 1.txt", start_index: start },
      ],
    });
    expect(list.answer.body.data).toEqual([
      expect.objectContaining({
        id: "cfile_1",
        path: PATH,
        source: "assistant",
        bytes: 256,
        container_id: "cntr_1",
      }),
    ]);
    expect(content.answer).toMatchObject({ bytes: 256 });
    expect(deltasOf(recording)).toContain(BARE);
    expect(streamed.answer.frames.at(-1)).toMatchObject({
      event: "response.completed",
      data: { type: "response.completed", response: { status: "completed" } },
    });
    expect(streamed.sentMs).toBeGreaterThanOrEqual(content.endedMs);
  });

  it("shows an error's message without what is personal in it", async () => {
    const { recording } = await recorded({ apiKey: "sk-other" }, OPENAI, (fetch) => fetch);
    expect(recording.exchanges[0].answer).toMatchObject({
      status: 401,
      body: { error: { message: "Incorrect API key provided.", code: "invalid_api_key" } },
    });
  });

  it("shows where a stream broke off", async () => {
    const breakIn: EmulatorOptions["breakIn"] = ({ type }) =>
      type === "response.output_text.done" ? 40 : undefined;
    const { recording } = await recorded({ breakIn }, OPENAI, (fetch) => fetch);
    const { answer, failure, endedMs } = recording.exchanges.at(-1);
    expect(answer.frames.at(-1)).toEqual({ characters: 40 });
    expect({ failure, endedMs }).toEqual({ failure: "Error", endedMs: undefined });
  });

  it("shows why there was no answer", async () => {
    const [, options, baseURL, wrap] = RUNS.find(([name]) => name === "no network")!;
    const { recording } = await recorded(options, baseURL, wrap);
    expect(recording.exchanges).toEqual([expect.objectContaining({ failure: "TypeError ECONNREFUSED" })]);
    expect(recording.exchanges[0]).not.toHaveProperty("answer");
  });
});
