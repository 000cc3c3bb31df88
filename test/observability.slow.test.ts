/** Runs the code of docs/observability.md with OpenTelemetry's SDKs, and compares what is exported with what the page shows. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as conventions from "@opentelemetry/semantic-conventions/incubating";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createResponsesEmulator, type ResponsesEmulator, stubbornModel } from "../src/testing/index.js";
import { codeOf, run } from "./run-page.js";

const PAGE = "docs/observability.md";
const root = new URL("../", import.meta.url);
const SDK = `--import ${new URL("test/telemetry.mjs", root)}`;

const page = await readFile(new URL(PAGE, root), "utf8");
const [log, attributes, span, metrics, counter] = (await codeOf(PAGE)) as [string, ...string[]];
/** The JSON blocks of docs/observability.md, in order. They show what the page's code prints or exports. */
const [shownLog, shownAttributes, shownSpan, shownMetrics] = Array.from(
  page.matchAll(/^```json\n(.*?)^```$/gms),
  ([, json]) => JSON.parse(json!),
);

let emulator: ResponsesEmulator;
let close: () => Promise<void>;
let baseURL: string;
let cwd: string;
/** If true, requests for the containers' file lists fail. */
let isFailing: boolean;
beforeEach(async () => {
  isFailing = false;
  emulator = createResponsesEmulator({
    script: stubbornModel({ files: { "plan.docx": "a plan" } }),
    intercept: ({ path }) =>
      isFailing && path.endsWith("/files") ? Response.json({ error: {} }, { status: 404 }) : undefined,
  });
  ({ baseURL, close } = await emulator.listen());
  cwd = await mkdtemp(join(tmpdir(), "observability-"));
});
afterEach(async () => {
  await close();
  await rm(cwd, { recursive: true });
});

/** Loads OpenTelemetry's SDKs and runs a code block of the page. Returns the JSON lines on stdout, parsed. */
async function exported(code: string | undefined): Promise<Record<string, unknown>[]> {
  const env = { OPENAI_API_KEY: "any", OPENAI_BASE_URL: baseURL, NODE_OPTIONS: SDK };
  const stdout = await run(code!, { cwd, env });
  return stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
}

/**
 * Copies a JSON value from docs/observability.md. In the copy, the field `name` matches any response id, because the page
 * shortens the ids.
 */
const anyId = (value: Record<string, unknown>, name: string): object => ({
  ...value,
  [name]: expect.stringMatching(/^resp_./),
});

it("the log line is the one that the page shows", async () => {
  const [line] = await exported(log);
  expect(line).toEqual({
    ...anyId(shownLog, "responseId"),
    heldMs: expect.any(Number),
    durationMs: expect.any(Number),
  });
  isFailing = true;
  expect(await exported(log)).toMatchObject([
    {
      level: "warn",
      outcome: "failed",
      unresolved: ["container-unavailable"],
      error: expect.stringContaining("404"),
    },
  ]);
});

describe("attributes of the active span", () => {
  it("are exported", async () => {
    expect(await exported(attributes)).toMatchObject([
      { name: shownAttributes.name, attributes: anyId(shownAttributes.attributes, "gen_ai.response.id") },
    ]);
    isFailing = true;
    expect(await exported(attributes)).toMatchObject([
      { attributes: { "error.type": "AnswerError", "file_citations.outcome": "failed" } },
    ]);
  });

  it("are exported if a stream is read while the span is active", async () => {
    const streamed = attributes!.replace(
      /await client\.responses\.create\((\{.*?\n {2}\})\);/s,
      (_, params) =>
        [
          `const events = await client.responses.create({ ...${params}, stream: true });`,
          "for await (const { type } of events) if (type === 'response.completed') break;",
        ].join("\n"),
    );
    expect(streamed).toContain("for await");
    expect(await exported(streamed)).toMatchObject([
      { attributes: { "file_citations.outcome": "recovered", "file_citations.recovered.count": 1 } },
    ]);
  });
});

it("a span for each response begins with the request, and is a child of the active span", async () => {
  const [own] = await exported(span);
  expect(own).toMatchObject({
    name: shownSpan.name,
    attributes: anyId(shownSpan.attributes, "gen_ai.response.id"),
    status: 0,
    hasParent: false,
  });
  expect(own!.ms).toBeGreaterThan(0);
  isFailing = true;
  const inSpan = span!.replace(
    /^await client.*/ms,
    'await tracer.startActiveSpan("chat", async () => {\n$&\n});',
  );
  expect(inSpan).not.toBe(span);
  expect(await exported(inSpan)).toMatchObject([{ status: 2, hasParent: true }]);
});

it("the metrics are those that the page shows", async () => {
  expect(await exported(metrics)).toEqual([shownMetrics]);
  isFailing = true;
  const [failed] = await exported(metrics);
  expect(failed!["file_citations.mentions {mention}"]).toMatchObject([
    [{ "file_citations.resolution": "container-unavailable" }, 1],
  ]);
  expect(failed!["file_citations.responses {response}"]).toMatchObject([
    [{ "file_citations.outcome": "failed", "error.type": "AnswerError" }, 1],
  ]);
});

it("the Prometheus counter counts a mention whose container is unavailable", async () => {
  isFailing = true;
  const stdout = await run(counter!, { cwd, env: { OPENAI_API_KEY: "any", OPENAI_BASE_URL: baseURL } });
  expect(stdout).toContain(
    '\nfile_citations_mentions_total{model="gpt-5",resolution="container-unavailable"} 1\n',
  );
});

it("names that begin with gen_ai are those of the semantic conventions", () => {
  const known = new Set<unknown>(Object.values(conventions));
  const used = new Set(page.match(/\b(?:gen_ai|error)\.[a-z_]+(?:\.[a-z_]+)*/g));
  expect(used.size).toBeGreaterThan(4);
  expect([...used].filter((name) => !known.has(name))).toEqual([]);
});
