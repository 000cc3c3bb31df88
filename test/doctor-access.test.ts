/** Tests the checks of `doctor` that need no Python: versions, base URL, key, Responses endpoint, webhook secret. */
import { describe, expect, it } from "vitest";
import { isInRange } from "../src/cli/doctor/environment.js";
import { AZURE, answering, apiError, examined, FOUNDRY, GATEWAY, KEY, OPENAI } from "./examining.js";

const marksOf = (checks: Record<string, { mark: string }>): Record<string, string> =>
  Object.fromEntries(Object.entries(checks).map(([name, { mark }]) => [name, mark]));

const failure = (code: string): Error =>
  new TypeError("fetch failed", { cause: Object.assign(new Error(`no ${KEY}`), { code }) });

describe("all is well", () => {
  it("makes all checks, in order, and sends three requests that cost money", async () => {
    const { checks, paths } = await examined();
    expect(marksOf(checks)).toEqual({
      ...{ environment: "ok", "base URL": "ok", key: "ok", "Responses API": "ok", "Code Interpreter": "ok" },
      ...{ "file list": "ok", citation: "ok", "index unit": "ok", download: "ok", streaming: "ok" },
      "webhook secret": "skipped",
    });
    expect(Object.keys(checks)[0]).toBe("environment");
    expect(paths.filter((path) => path.startsWith("POST"))).toEqual(Array(3).fill("POST /v1/responses"));
    expect(checks["Responses API"]!.seen).toBe("gpt-5 answers");
  });

  it("sends nothing that costs money if the user does not agree", async () => {
    const { checks, paths } = await examined({}, { agree: async () => false });
    expect(paths).toEqual(["GET /v1/models/gpt-5"]);
    expect(checks["Responses API"]).toMatchObject({
      mark: "skipped",
      seen: expect.stringContaining("did not agree to the costs"),
    });
    expect(checks.streaming!.mark).toBe("skipped");
  });
});

describe("versions", () => {
  it.each([
    [{ openai: undefined }, "ok", "openai is not installed here", undefined],
    [{ openai: "4.104.0" }, "failed", "openai 4.104.0", 'npm install "openai@>=5 <8"'],
    [{ openai: "8.0.0" }, "failed", "openai 8.0.0", 'npm install "openai@>=5 <8"'],
    [{ openai: "7.59.0" }, "ok", "openai 7.59.0", undefined],
    [{ node: "20.18.3" }, "failed", "Node.js 20.18.3", "Install Node.js >=20.19"],
    [{ node: "18.20.0" }, "failed", "Node.js 18.20.0", "Install Node.js >=20.19"],
  ])("%j", async (given, mark, seen, advice) => {
    const versions = { node: "22.1.0", package: "0.1.0", openai: "6.0.0", ...given };
    const { checks } = await examined({}, { versions });
    expect(checks.environment).toMatchObject({ mark, seen: expect.stringContaining(seen) });
    if (advice === undefined) expect(checks.environment!.advice).toBeUndefined();
    else expect(checks.environment!.advice).toContain(advice);
    expect(checks["base URL"]!.mark).toBe("ok"); // the checks continue
  });

  it.each([
    ["20.19.0", ">=20.19", true],
    ["20.9.0", ">=20.19", false],
    ["24.0.0-nightly", ">=20.19", true],
    ["7.99.0", ">=5 <8", true],
    ["4.9.9", ">=5 <8", false],
    ["10.0.0", ">=5 <8", false],
  ])("%s is in %s: %s", (version, range, expected) => {
    expect(isInRange(version, range)).toBe(expected);
  });
});

describe("the base URL", () => {
  it.each([
    ["ENOTFOUND", "cannot be found", "spelling of OPENAI_BASE_URL"],
    ["EAI_AGAIN", "cannot be found", "NODE_USE_ENV_PROXY"],
    ["ECONNREFUSED", "nothing listens at api.openai.com", "Start the server"],
    ["UND_ERR_CONNECT_TIMEOUT", "did not answer in time", "firewall"],
    ["SELF_SIGNED_CERT_IN_CHAIN", "certificate of api.openai.com is not trusted", "NODE_EXTRA_CA_CERTS"],
    ["ECONNRESET", "the connection to api.openai.com failed (ECONNRESET)", "Check your network"],
  ])("cannot be reached: %s", async (code, seen, advice) => {
    const { checks } = await examined({}, { wrap: answering(() => failure(code)) });
    expect(checks["base URL"]).toMatchObject({ mark: "failed", seen: expect.stringContaining(seen) });
    expect(checks["base URL"]!.advice).toContain(advice);
    for (const name of ["key", "Responses API", "streaming"]) {
      expect(checks[name]).toMatchObject({ mark: "skipped", seen: "not checked: the API was not reached" });
    }
    expect(checks["webhook secret"]).toBeDefined();
    expect(JSON.stringify(checks)).not.toContain(KEY);
  });

  it("times out", async () => {
    const timeout = new DOMException("The operation was aborted due to timeout", "TimeoutError");
    const { checks } = await examined({}, { wrap: () => () => Promise.reject(timeout) });
    expect(checks["base URL"]!.seen).toContain("did not answer in time");
  });

  it.each([
    [
      "a redirect",
      new Response(null, { status: 301, headers: { location: "https://x.invalid" } }),
      "redirect (301)",
    ],
    [
      "a web page",
      new Response("<html>", { headers: { "content-type": "text/html; charset=utf-8" } }),
      "web page",
    ],
  ])("answers with %s", async (_, answer, seen) => {
    const { checks } = await examined({}, { wrap: answering(() => answer) });
    expect(checks["base URL"]).toMatchObject({ mark: "failed", seen: expect.stringContaining(seen) });
    expect(checks["base URL"]!.advice).toContain("OPENAI_BASE_URL");
  });

  it.each([
    [`https://me:${KEY}@api.example/v1`, "has a user or a password", "OPENAI_CUSTOM_HEADERS"],
    [`https://api.example/v1?key=${KEY}`, "has a query", "/openai/v1"],
    ["ftp://api.example/v1", "not an http: or https: URL", "base URL"],
  ])("is refused before a request: %s", async (baseURL, seen, advice) => {
    const { checks, paths } = await examined({}, { baseURL });
    expect(checks["base URL"]).toMatchObject({ mark: "failed", seen: expect.stringContaining(seen) });
    expect(checks["base URL"]!.advice).toContain(advice);
    expect(paths).toEqual([]);
    expect(JSON.stringify(checks)).not.toContain(KEY);
  });

  it("may fail once: a failing service is a warning, and the checks continue", async () => {
    const wrap = answering((route) => (route.includes("/models/") ? apiError(503, "down") : undefined));
    const { checks } = await examined({}, { wrap });
    expect(checks["base URL"]).toMatchObject({ mark: "warning", seen: `${OPENAI} answers with 503` });
    expect(checks.streaming!.mark).toBe("ok");
  });
});

describe("the key", () => {
  it("is not set", async () => {
    const { checks, paths } = await examined({}, { key: null });
    expect(checks["base URL"]!.mark).toBe("ok");
    expect(checks.key).toMatchObject({ mark: "failed", seen: "OPENAI_API_KEY is not set" });
    expect(checks.key!.advice).toContain("--emulate");
    expect(paths).toHaveLength(1);
  });

  it("may be in a header of the user's own", async () => {
    const { checks } = await examined({}, { key: null, headers: { authorization: `Bearer ${KEY}` } });
    expect(checks.key!.mark).toBe("ok");
    expect(checks.download!.mark).toBe("ok");
  });

  it.each([
    [OPENAI, "platform.openai.com/api-keys"],
    [AZURE, "key of the resource"],
    [FOUNDRY, "token for https://ai.azure.com"],
    [GATEWAY, "gateway's own key"],
  ])("is wrong at %s", async (baseURL, advice) => {
    const { checks } = await examined({}, { baseURL, key: "sk-wrong" });
    expect(checks.key).toMatchObject({
      mark: "failed",
      seen: "the API answered 401: Incorrect API key provided.",
    });
    expect(checks.key!.advice).toContain(advice);
    expect(checks["Responses API"]!.seen).toBe("not checked: there is no valid key");
  });

  it.each([
    [401, "You have insufficient permissions for this operation. Missing scopes: api.model.read."],
    [403, "Not for you."],
  ])("may lack the right to read models: %d", async (status, message) => {
    const wrap = answering((route) => (route.includes("/models/") ? apiError(status, message) : undefined));
    const { checks } = await examined({}, { wrap });
    expect(checks.key).toMatchObject({ mark: "ok", seen: expect.stringContaining("may not read models") });
    expect(checks.streaming!.mark).toBe("ok");
  });

  it("is used in a country without service", async () => {
    const code = "unsupported_country_region_territory";
    const { checks } = await examined({}, { wrap: answering(() => apiError(403, "Not supported", code)) });
    expect(checks.key).toMatchObject({ mark: "failed", advice: expect.stringContaining("country") });
  });

  it("counts as accepted if the server has no models endpoint", async () => {
    const wrap = answering((route) => (route.includes("/models/") ? apiError(404, "Not Found") : undefined));
    const { checks } = await examined({}, { wrap, baseURL: GATEWAY });
    expect(checks.key).toMatchObject({ mark: "ok", seen: expect.stringContaining("answered 404") });
  });

  it("is removed from a server's error message, as are the user's own headers", async () => {
    const message = `Bad key ${KEY} of team acme-volcano-7 (Bearer ${KEY})`;
    const wrap = answering(() => apiError(401, message));
    const { checks } = await examined({}, { wrap, headers: { "x-team": "acme-volcano-7" } });
    expect(checks.key!.seen).toBe("the API answered 401: Bad key … of team … (…)");
  });
});

describe("the Responses endpoint", () => {
  it.each([
    ["no such endpoint", apiError(404, "Invalid URL (POST /responses)"), "before /responses"],
    ["no such model", apiError(404, "The model `gpt-5` does not exist", "model_not_found"), "--model"],
    ["a wrong deployment", apiError(400, "unknown model name"), "deployment"],
    ["no credit", apiError(429, "You exceeded your quota", "insufficient_quota"), "Add credit"],
    ["too many requests", apiError(429, "Rate limit", "rate_limit_exceeded"), "Run the command again later"],
    ["no right", apiError(403, "Missing scopes: model.request"), "may not create responses"],
    ["a failing service", apiError(500, "The server had an error"), "Run the command again later"],
    ["a bad request", apiError(422, "max_output_tokens is not known"), "Correct what the message says"],
    ["another API", Response.json({ choices: [] }), "Chat Completions"],
    ["HTML", new Response("<html>", { status: 502, headers: { "content-type": "text/html" } }), "later"],
  ])("%s", async (_, answer, advice) => {
    const wrap = answering((route) => (route.startsWith("POST") ? answer : undefined));
    const { checks, paths } = await examined({}, { wrap });
    expect(checks["Responses API"]!.mark).toBe("failed");
    expect(checks["Responses API"]!.advice).toContain(advice);
    expect(checks["Code Interpreter"]!.seen).toBe("not checked: the Responses API did not answer");
    expect(paths).toHaveLength(1);
  });
});

describe("the webhook secret", () => {
  const right = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;
  it.each([
    [undefined, "skipped", "not set"],
    ["  ", "skipped", "not set"],
    [right, "ok", "right form"],
    [` ${right}\n`, "ok", "right form"],
    [right.slice(6), "failed", "does not begin with whsec_"],
    [`"${right}"`, "failed", "does not begin with whsec_"],
    [`${right}"`, "failed", "not base64"],
    ["whsec_c2hvcnQ=", "failed", "too short: 5 bytes"],
  ])("%j", async (webhookSecret, mark, seen) => {
    const { checks } = await examined({}, { webhookSecret, agree: async () => false });
    expect(checks["webhook secret"]).toMatchObject({ mark, seen: expect.stringContaining(seen) });
    if (webhookSecret?.trim())
      expect(JSON.stringify(checks)).not.toContain(webhookSecret.trim().slice(7, 20));
  });
});
