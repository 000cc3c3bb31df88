/** Tests the command's API client, which reads the environment like the SDK and retries requests. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Api, apiOf, connectionOf } from "../src/cli/api.js";
import { WrongUse } from "../src/cli/wrong-use.js";
import { listFilesFrom } from "../src/containers/listing.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** Builds an API client that gets these responses or errors, one for each request. Records the requests and their times. */
function answering(...answers: (Response | Error)[]): { api: Api; requests: Request[]; times: number[] } {
  const requests: Request[] = [];
  const times: number[] = [];
  const fetch: typeof globalThis.fetch = async (input, init) => {
    requests.push(new Request(input, init));
    times.push(Date.now());
    const answer = answers.shift()!;
    if (answer instanceof Error) throw answer;
    return answer;
  };
  return { api: new Api({ key: "sk-secret", baseURL: "http://api.test/v1/", fetch }), requests, times };
}

const never = new AbortController().signal;
const found = (): Response => Response.json({ id: "resp_1" });
const refused = (status: number, headers = {}): Response =>
  Response.json({ error: { message: "not with sk-secret" } }, { status, headers });

/** Runs the fake timers until none is left. Returns the value or the error of a promise. */
async function settled<Value>(promise: Promise<Value>): Promise<Value | Error> {
  const outcome = promise.catch((error: Error) => error);
  await vi.runAllTimersAsync();
  return outcome;
}

describe("a request", () => {
  it.each([408, 409, 429, 500, 503])("is retried after %s", async (status) => {
    const { api, requests } = answering(refused(status), refused(status), found());
    expect(await settled(api.getResponse("resp_1", never))).toEqual({ id: "resp_1" });
    expect(requests.map(({ url }) => url)).toEqual(Array(3).fill("http://api.test/v1/responses/resp_1"));
    expect(requests[2]!.headers.get("authorization")).toBe("Bearer sk-secret");
  });

  it("is retried after a broken connection", async () => {
    const { api } = answering(new TypeError("fetch failed"), found());
    expect(await settled(api.getResponse("resp_1", never))).toEqual({ id: "resp_1" });
  });

  it.each([400, 401, 403, 404])(
    "is not retried after %s, and the error does not contain the key",
    async (status) => {
      const { api, requests } = answering(refused(status), found());
      const error = await settled(api.getResponse("resp_1", never));
      expect((error as Error).message).toBe(`the API answered ${status}: not with …`);
      expect(requests).toHaveLength(1);
    },
  );

  it("fails after two retries", async () => {
    const { api, requests } = answering(refused(500), refused(500), refused(500), found());
    expect(((await settled(api.getResponse("resp_1", never))) as Error).message).toMatch(/500/);
    expect(requests).toHaveLength(3);
  });

  it("waits as many seconds as Retry-After says", async () => {
    const { api, times } = answering(refused(429, { "retry-after": "20" }), found());
    await settled(api.getResponse("resp_1", never));
    expect(times[1]! - times[0]!).toBeGreaterThanOrEqual(20_000);
  });

  it("waits until the date in Retry-After", async () => {
    vi.setSystemTime("2026-01-01T00:00:00Z");
    const refusal = refused(503, { "retry-after": "Thu, 01 Jan 2026 00:00:20 GMT" });
    const { api, times } = answering(refusal, found());
    await settled(api.getResponse("resp_1", never));
    expect(times[1]! - times[0]!).toBeGreaterThanOrEqual(20_000);
  });

  it("for a list is retried after the time in Retry-After, and its error does not repeat the response", async () => {
    const page = Response.json({ object: "list", data: [], has_more: false });
    const { api, times } = answering(refused(429, { "retry-after": "20" }), page);
    const source = listFilesFrom(api, { retries: 2, timeoutMs: 60_000 });
    expect(await settled(source("cntr_1", never, () => {}))).toEqual([]);
    expect(times[1]! - times[0]!).toBeGreaterThanOrEqual(20_000);

    const forbidden = listFilesFrom(answering(refused(403)).api, { retries: 2, timeoutMs: 60_000 });
    const error = (await settled(forbidden("cntr_1", never, () => {}))) as Error;
    expect(error.message).toBe("the container's file list answered 403");
  });

  it("does not follow a redirect, which could send the key to another origin", async () => {
    const { api, requests } = answering(
      new Response(null, { status: 302, headers: { location: "http://evil.test" } }),
    );
    expect(((await settled(api.getResponse("resp_1", never))) as Error).message).toMatch(/302/);
    expect(requests[0]!.redirect).toBe("manual");
  });

  it("encodes ids in its path", async () => {
    const { api, requests } = answering(found(), found());
    await settled(api.getResponse("../files?x", never));
    await settled(
      api.containers.files.content.retrieve("../a", { container_id: "b/c" }, {}) as Promise<Response>,
    );
    expect(requests.map(({ url }) => url)).toEqual([
      "http://api.test/v1/responses/..%2Ffiles%3Fx",
      "http://api.test/v1/containers/b%2Fc/files/..%2Fa/content",
    ]);
  });
});

describe("the environment", () => {
  const headersOf = async (env: NodeJS.ProcessEnv): Promise<{ url: string; headers: Headers }> => {
    let sent: Request | undefined;
    vi.stubGlobal("fetch", async (input: string, init: RequestInit) => {
      sent = new Request(input, init);
      return found();
    });
    await settled(apiOf(env)!.getResponse("r", never));
    return { url: sent!.url, headers: sent!.headers };
  };

  it("sets the key, the server, the organization, the project and custom headers", async () => {
    const { url, headers } = await headersOf({
      OPENAI_API_KEY: " sk-1\n",
      OPENAI_BASE_URL: " http://gateway.test/openai/ ",
      OPENAI_ORG_ID: "org_1",
      OPENAI_PROJECT_ID: "proj_1",
      OPENAI_CUSTOM_HEADERS: "x-team: a:b\nno header\nx-other:2",
    });
    expect(url).toBe("http://gateway.test/openai/responses/r");
    expect(Object.fromEntries(headers)).toMatchObject({
      authorization: "Bearer sk-1",
      "openai-organization": "org_1",
      "openai-project": "proj_1",
      "x-team": "a:b",
      "x-other": "2",
    });
  });

  it.each([
    ["OPENAI_CUSTOM_HEADERS", "x-team: a\nX Gateway Key: secret-123"],
    ["OPENAI_CUSTOM_HEADERS", "X-Gateway-Key: secret-ü€-123"],
    ["OPENAI_ORG_ID", "secret-€"],
    ["OPENAI_PROJECT_ID", "secret-\n123"],
  ])("is wrong use if %s is no valid header, and the error does not contain the value", (name, value) => {
    const connect = (): unknown => connectionOf({ OPENAI_API_KEY: "sk-1", [name]: value });
    expect(connect).toThrow(WrongUse);
    expect(connect).toThrow(new RegExp(`^${name} (?!.*secret)`));
  });

  it("needs only the key", async () => {
    expect((await headersOf({ OPENAI_API_KEY: "sk-1", OPENAI_BASE_URL: " " })).url).toBe(
      "https://api.openai.com/v1/responses/r",
    );
    expect(apiOf({ OPENAI_BASE_URL: "http://gateway.test" })).toBeUndefined();
    expect(apiOf({ OPENAI_API_KEY: "  " })).toBeUndefined();
  });
});

it("removes the key from an error message before cutting the message", async () => {
  const message = `${"x".repeat(494)} sk-secret`;
  const { api } = answering(Response.json({ error: { message } }, { status: 401 }));
  const error = (await settled(api.getResponse("resp_1", never))) as Error;
  expect(error.message).toContain("xxx");
  expect(error.message).not.toContain("sk-");
});
