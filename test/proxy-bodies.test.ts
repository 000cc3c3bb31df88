/** Tests the proxy's limits for request bodies: how long a body may take to arrive, and how many bytes are held at once. */
import { once } from "node:events";
import { type ClientRequest, type IncomingMessage, request } from "node:http";
import { describe, expect, it, vi } from "vitest";
import { createProxy } from "../src/http/proxy.js";
import { ask, bodyOf, gate, KEY, type Served, serveApi, serveProxy, setUpApi } from "./serving.js";

const WITH_KEY = { authorization: `Bearer ${KEY}` };
const LIMITS = { maxBody: 10_000, maxJson: 1000, maxHeld: 1000 };

async function setUpLimits(limits = {}) {
  const { api, seen } = await setUpApi();
  const proxy = await serveProxy(`${api}/v1`, { ...LIMITS, ...limits });
  return { proxy, bodies: () => seen.map(({ body }) => body) };
}

/**
 * Returns a proxy with the default idle limit and memory limit. Its upstream answers `{}` and appends the length of each request
 * body to the returned array `lengths`.
 */
function proxyWithDefaults() {
  const lengths: number[] = [];
  const proxy = createProxy({
    upstream: "https://api.example/v1",
    maxBody: 2 ** 40,
    maxJson: 2 ** 40,
    async fetch(_, init) {
      lengths.push((await new Response(init!.body).arrayBuffer()).byteLength);
      return new Response("{}");
    },
  });
  return { proxy, lengths };
}

/** Sends the head of a request and the first `bytes` of its body. */
function begin(url: string, bytes: number, headers: Record<string, string> = WITH_KEY): ClientRequest {
  const asking = request(url, { method: "POST", headers: { ...headers, "transfer-encoding": "chunked" } });
  asking.on("error", () => {});
  asking.write("x".repeat(bytes));
  return asking;
}

async function answerTo(asking: ClientRequest): Promise<{ answer: IncomingMessage; code: string }> {
  const [answer] = (await once(asking, "response")) as [IncomingMessage];
  return { answer, code: JSON.parse(await bodyOf(answer)).error?.code };
}

function post(proxy: Served, bytes: number): ReturnType<typeof ask> {
  return ask(`${proxy.baseURL}/responses`, { method: "POST", headers: WITH_KEY, body: "x".repeat(bytes) });
}

describe("the idle limit of a body", () => {
  it.each([
    ["POST /responses", "/responses", WITH_KEY],
    ["POST /responses without a key", "/responses", {}],
    ["an upload", "/files", WITH_KEY],
  ])("answers 408 and closes the connection: %s", async (_, path, headers) => {
    const api = await serveApi((asked) => void asked.on("error", () => {}).resume());
    const proxy = await serveProxy(`${api}/v1`, { bodyIdleMs: 5 });
    const asking = begin(proxy.baseURL + path, 10, headers);
    const { answer, code } = await answerTo(asking);
    expect([answer.statusCode, code, answer.headers.connection]).toEqual([408, "request_timeout", "close"]);
    if (!asking.closed) await once(asking, "close");
    expect(await proxy.logged(1)).toMatchObject([{ method: "POST", path: `/v1${path}`, status: 408 }]);
  });

  it.each([
    ["POST /responses", "/v1/responses", WITH_KEY],
    ["an upload", "/v1/files", {}],
  ])("is 60 seconds for each chunk by default: %s", async (_, path, headers) => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      const { proxy } = proxyWithDefaults();
      let send!: () => void;
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          send = () => controller.enqueue(new Uint8Array(1));
        },
      });
      const request = new Request(`http://localhost${path}`, {
        method: "POST",
        ...{ headers, body, duplex: "half" },
      } as RequestInit);
      let answer: Response | undefined;
      const answered = proxy(request).then((given) => {
        answer = given;
      });
      for (let chunk = 0; chunk < 3; chunk++) {
        await vi.advanceTimersByTimeAsync(59_999);
        expect(answer).toBeUndefined();
        send();
      }
      await vi.advanceTimersByTimeAsync(60_000);
      await answered;
      expect([answer?.status, vi.getTimerCount()]).toEqual([408, 0]);
    } finally {
      vi.useRealTimers();
    }
  });

  it("does not count time during which the upstream accepts no data", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      const goOn = gate();
      const proxy = createProxy({
        ...LIMITS,
        upstream: "https://api.example/v1",
        bodyIdleMs: 1000,
        async fetch(_, init) {
          await goOn.promise;
          return new Response(await new Response(init!.body).text());
        },
      });
      const sent = proxy(new Request("http://localhost/v1/files", { method: "POST", body: "late" }));
      await vi.advanceTimersByTimeAsync(100_000);
      goOn.open();
      const answer = await sent;
      expect([answer.status, await answer.text()]).toEqual([200, "late"]);
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe("the memory limit of all bodies", () => {
  const overloaded = expect.objectContaining({ code: "overloaded", type: "server_error" });

  it("answers 503 with Retry-After to a body that does not fit, until another request was answered", async () => {
    const { proxy } = await setUpLimits();
    const first = begin(`${proxy.baseURL}/responses`, 800);
    const refused = await vi.waitFor(async () => {
      const { answer, text } = await post(proxy, 300);
      expect(answer.statusCode).toBe(503);
      return { answer, text };
    });
    expect(refused.answer.headers["retry-after"]).toBe("1");
    expect(JSON.parse(refused.text).error).toEqual(overloaded);
    expect((await post(proxy, 200)).answer.statusCode).toBe(200); // 800 + 200 bytes are within the limit
    first.end();
    expect((await answerTo(first)).answer.statusCode).toBe(200);
    await vi.waitFor(async () => expect((await post(proxy, 1000)).answer.statusCode).toBe(200));
  });

  it.each<[string, (asking: ClientRequest) => unknown]>([
    ["whose caller has disconnected", (asking) => asking.destroy()],
    ["that became too long", (asking) => asking.write("x".repeat(300))],
  ])("frees the memory of a body %s", async (_, end) => {
    const { proxy } = await setUpLimits();
    const first = begin(`${proxy.baseURL}/responses`, 800);
    await vi.waitFor(async () => expect((await post(proxy, 300)).answer.statusCode).toBe(503));
    end(first);
    await vi.waitFor(async () => expect((await post(proxy, 1000)).answer.statusCode).toBe(200));
    first.destroy();
  });

  it("frees the memory of a body that did not arrive in time", async () => {
    const { proxy } = await setUpLimits({ bodyIdleMs: 5 });
    const first = begin(`${proxy.baseURL}/responses`, 800);
    expect((await answerTo(first)).answer.statusCode).toBe(408);
    expect((await post(proxy, 1000)).answer.statusCode).toBe(200);
  });

  it("frees the memory of a body if the upstream cannot be reached", async () => {
    const proxy = await serveProxy("http://127.0.0.1:1/v1", LIMITS);
    for (const _ of "123") expect((await post(proxy, 1000)).answer.statusCode).toBe(502);
  });

  it("counts a body until the upstream's answer has ended, as the repair needs the request", async () => {
    const answering = gate();
    const goOn = gate();
    const api = await serveApi(async (asked, answer) => {
      await bodyOf(asked);
      answer.writeHead(200, { "content-type": "text/event-stream" }).write("data: {}\n\n");
      answering.open();
      await goOn.promise;
      answer.end();
    });
    const proxy = await serveProxy(`${api}/v1`, LIMITS);
    const first = post(proxy, 800);
    await answering.promise;
    expect((await post(proxy, 300)).answer.statusCode).toBe(503);
    goOn.open();
    expect((await first).answer.statusCode).toBe(200);
    await vi.waitFor(async () => expect((await post(proxy, 1000)).answer.statusCode).toBe(200));
  });

  it("is 512 MB by default", async () => {
    const { proxy, lengths } = proxyWithDefaults();
    const ofLength = (length: number): Promise<Response> => {
      const headers = { ...WITH_KEY, "content-length": String(length) };
      return proxy(new Request("http://localhost/v1/responses", { method: "POST", headers, body: "x" }));
    };
    expect((await ofLength(512 * 2 ** 20 + 1)).status).toBe(413);
    expect(lengths).toEqual([]);
    expect((await ofLength(512 * 2 ** 20)).status).toBe(200);
    expect(lengths).toEqual([1]);
  });

  it("answers 413 to a body longer than the whole limit, with or without content-length", async () => {
    const { proxy, bodies } = await setUpLimits({ maxHeld: 500 });
    const { answer, text } = await post(proxy, 501);
    expect([answer.statusCode, JSON.parse(text).error.code]).toEqual([413, "request_too_large"]);
    const chunked = begin(`${proxy.baseURL}/responses`, 501);
    expect((await answerTo(chunked)).answer.statusCode).toBe(413);
    expect(bodies()).toEqual([]);
  });

  it("forwards a body whole, in any number of chunks", async () => {
    const { proxy, bodies } = await setUpLimits({ maxJson: 10_000, maxHeld: 10_000 });
    const body = Array.from({ length: 3500 }, (_, n) => String(n % 10)).join("");
    const chunks = [...body].map((char) => `1\r\n${char}\r\n`).join("");
    const asking = request(`${proxy.baseURL}/responses`, { method: "POST", headers: WITH_KEY });
    asking.setHeader("transfer-encoding", "chunked");
    asking.flushHeaders();
    const [socket] = await once(asking, "socket");
    socket.write(`${chunks}0\r\n\r\n`); // one write to the socket sends all chunks at once
    expect((await answerTo(asking)).answer.statusCode).toBe(200);
    expect(bodies()).toEqual([body]);
  });
});

describe("the body of a request", () => {
  it("without a key is streamed to the upstream and not held in memory", async () => {
    const begun = gate<string>();
    const api = await serveApi(async (asked, answer) => {
      asked.once("data", (chunk) => begun.open(String(chunk)));
      await once(asked, "end");
      answer.writeHead(401, { "content-type": "application/json" }).end("{}");
    });
    const { baseURL } = await serveProxy(`${api}/v1`, { ...LIMITS, maxHeld: 1 });
    const asking = begin(`${baseURL}/responses`, 10, {});
    expect(await begun.promise).toBe("x".repeat(10));
    asking.end();
    expect((await answerTo(asking)).answer.statusCode).toBe(401);
  });

  it.each(["authorization", "api-key"])("with a key in the header %s is held in memory", async (name) => {
    const { proxy } = await setUpLimits({ maxHeld: 1 });
    const asked = ask(`${proxy.baseURL}/responses`, { method: "POST", headers: { [name]: KEY }, body: "{}" });
    expect((await asked).answer.statusCode).toBe(413);
  });
});
