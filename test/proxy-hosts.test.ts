/** Tests which `Host` and `Origin` headers the proxy accepts. A web page must not reach the proxy by DNS rebinding. */
import { describe, expect, it } from "vitest";
import { ask, sendRaw, serveProxy, setUpApi } from "./serving.js";

type Options = Parameters<typeof serveProxy>[1];

async function setUpHosts(options: Options = {}) {
  const { api, seen } = await setUpApi();
  const proxy = await serveProxy(`${api}/v1`, options);
  const { port } = new URL(proxy.url);
  // If the proxy is bound to all addresses, the test uses 127.0.0.1.
  const url = `http://${options?.host === "::1" ? "[::1]" : "127.0.0.1"}:${port}`;
  const statusOf = async (headers: Record<string, string>, path = "/v1/models"): Promise<number> =>
    (await ask(url + path, { headers })).answer.statusCode!;
  return { proxy, url, statusOf, seen };
}

describe("a proxy on a loopback address", () => {
  it.each([
    "localhost",
    "localhost:8787",
    "LocalHost.",
    "app.localhost",
    "127.0.0.1:1",
    "127.9.9.9",
    "[::1]:8787",
  ])("accepts the host %s", async (host) => {
    const { statusOf } = await setUpHosts();
    expect(await statusOf({ host })).toBe(200);
  });

  it.each([
    "evil.example",
    "evil.example:8787",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "notlocalhost",
  ])("answers 403 to the host %s, says what to do and forwards nothing", async (host) => {
    const { proxy, seen } = await setUpHosts();
    const { answer, text } = await ask(`${proxy.baseURL}/models`, { headers: { host } });
    expect(answer.statusCode).toBe(403);
    const name = host.replace(/:.*/, "");
    expect(JSON.parse(text)).toMatchObject({
      error: {
        code: "host_not_allowed",
        message: expect.stringContaining(`start the proxy with --allow-host ${name}.`),
      },
    });
    expect(seen).toEqual([]);
    expect(await proxy.logged(1)).toMatchObject([{ path: "/v1/models", status: 403 }]);
  });

  it.each([
    ["http://localhost:3000", 200],
    ["https://app.localhost", 200],
    ["http://127.0.0.1", 200],
    ["http://[::1]:3000", 200],
    ["https://evil.example", 403],
    ["http://0.0.0.0:8787", 403],
    ["null", 403],
    ["https://localhost, https://evil.example", 403],
    ["nonsense", 403],
  ])("answers a request of the origin %s with %d", async (origin, status) => {
    const { proxy } = await setUpHosts();
    const { answer, text } = await ask(`${proxy.baseURL}/models`, { headers: { origin } });
    expect(answer.statusCode).toBe(status);
    if (status === 403) expect(JSON.parse(text).error.code).toBe("origin_not_allowed");
  });

  it("accepts the allowed hosts and origins, and no others", async () => {
    const { statusOf } = await setUpHosts({ allowHosts: ["proxy.example", "[fd00::7]"] });
    expect(await statusOf({ host: "Proxy.Example:80" })).toBe(200);
    expect(await statusOf({ host: "[FD00:0::7]" })).toBe(200);
    expect(await statusOf({ origin: "https://proxy.example" })).toBe(200);
    expect(await statusOf({ host: "localhost" })).toBe(200);
    expect(await statusOf({ host: "www.proxy.example" })).toBe(403);
    expect(await statusOf({ host: "proxy.example", origin: "https://evil.example" })).toBe(403);
  });

  it.each(["::1", "localhost", "127.0.0.2"])("checks the host if it is bound to %s", async (host) => {
    const { proxy } = await setUpHosts({ host });
    const statusOf = async (name: string): Promise<number> =>
      (await ask(`${proxy.baseURL}/models`, { headers: { host: name } })).answer.statusCode!;
    expect([await statusOf("localhost"), await statusOf("evil.example")]).toEqual([200, 403]);
  });

  it("answers health checks for any host, but no other method on that path", async () => {
    const { statusOf, url } = await setUpHosts();
    expect(await statusOf({ host: "10.0.0.7:8787" }, "/healthz")).toBe(200);
    const posted = await ask(`${url}/healthz`, { method: "POST", headers: { host: "evil.example" } });
    expect(posted.answer.statusCode).toBe(403);
  });

  it("accepts HTTP/1.0 without a host, which no browser sends", async () => {
    const { proxy } = await setUpHosts();
    expect(await sendRaw(proxy.url, "GET /v1/models HTTP/1.0\r\n\r\n")).toMatch(/^HTTP\/1\.1 200 /);
  });
});

describe("a proxy on other addresses", () => {
  it("accepts any host and origin by default", async () => {
    const { statusOf } = await setUpHosts({ host: "0.0.0.0" });
    expect(await statusOf({ host: "proxy.example", origin: "https://app.example" })).toBe(200);
  });

  it("accepts only allowed hosts if there are any", async () => {
    const { statusOf } = await setUpHosts({ host: "0.0.0.0", allowHosts: ["proxy.example"] });
    expect(await statusOf({ host: "proxy.example" })).toBe(200);
    expect(await statusOf({ host: "127.0.0.1" })).toBe(200);
    expect(await statusOf({ host: "evil.example" })).toBe(403);
  });
});

describe("an invalid host", () => {
  it.each(["a:99999", "a b", "[::1", "%zz", "", "a/b", "a@b", "localhost#", "local\thost"])(
    "is answered 400: %j",
    async (host) => {
      const { proxy, seen } = await setUpApi();
      for (const path of ["/v1/models", "/healthz"]) {
        const text = `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
        const answer = await sendRaw(proxy.url, text);
        expect(answer).toMatch(/^HTTP\/1\.1 400 .*"code":"bad_request"/s);
      }
      expect(seen).toEqual([]);
    },
  );

  it("is answered 400: two Host headers", async () => {
    const { proxy } = await setUpApi();
    const text = "GET /v1/models HTTP/1.1\r\nHost: localhost\r\nhost: localhost\r\nConnection: close\r\n\r\n";
    expect(await sendRaw(proxy.url, text)).toMatch(/^HTTP\/1\.1 400 .*more than one Host/s);
  });
});
