/** Runs `serve` as a user does. Tests several clients, the request log, TLS and limits. */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer } from "node:tls";
import { promisify } from "node:util";
import OpenAI from "openai";
import { describe, expect, it, onTestFinished } from "vitest";
import { stubbornModel } from "../src/testing/index.js";
import { type Serving, serve } from "./command.js";
import { FOUND, gate, listenEmulator, sendRaw } from "./serving.js";
import { cited, eventsIn } from "./upstream.js";

const REQUEST = {
  model: "gpt-5",
  input: "Write the totals to a CSV, my secret",
  tools: [{ type: "code_interpreter" as const, container: { type: "auto" as const } }],
};

const KEY = "sk-caller-secret";

function clientOf({ baseURL }: Serving): OpenAI {
  return new OpenAI({ apiKey: KEY, baseURL, maxRetries: 0 });
}

describe("serve", () => {
  it("serves the official client, plain and streamed, and logs no secrets", async () => {
    const { upstream } = await listenEmulator();
    const serving = await serve(["--upstream", upstream]);
    const client = clientOf(serving);
    expect(cited(await client.responses.create(REQUEST))).toEqual(FOUND);
    expect(await serving.line()).toMatch(
      /^\d{4}-\d\d-\d\dT[\d:.]+Z POST \/v1\/responses 200 \d+ ms, 1 citation recovered$/,
    );
    expect(cited(await client.responses.stream(REQUEST).finalResponse())).toEqual(FOUND);
    await serving.line();
    await fetch(`${serving.baseURL}/models?api_key=${KEY}`);
    const line = await serving.line();
    expect(line).toMatch(/Z GET \/v1\/models 401 \d+ ms$/);
    expect(serving.stderr()).toBe(`listening on ${serving.url}, upstream ${upstream}\n`);
  });

  it("logs JSON with --json, and does not log health checks", async () => {
    const { upstream } = await listenEmulator();
    const serving = await serve(["--upstream", upstream, "--json"]);
    expect(await (await fetch(`${serving.url}/healthz`)).json()).toEqual({ status: "ok" });
    await clientOf(serving).responses.create(REQUEST);
    expect(JSON.parse(await serving.line())).toEqual({
      time: expect.any(String),
      method: "POST",
      path: "/v1/responses",
      status: 200,
      ms: expect.any(Number),
      recovered: 1,
    });
  });

  it("serves `curl -N` and inserts the annotation before the text is done", async () => {
    const { upstream } = await listenEmulator();
    const { baseURL } = await serve(["--upstream", upstream]);
    const { stdout } = await promisify(execFile)("curl", [
      "-sSN",
      `${baseURL}/responses`,
      "-H",
      `Authorization: Bearer ${KEY}`,
      "-H",
      "Content-Type: application/json",
      "-d",
      JSON.stringify({ ...REQUEST, stream: true }),
    ]);
    const types = eventsIn(stdout).map(({ type }) => type);
    expect(types.slice(-6)).toEqual([
      "response.output_text.delta",
      "response.output_text.annotation.added",
      "response.output_text.done",
      "response.content_part.done",
      "response.output_item.done",
      "response.completed",
    ]);
    expect(stdout).toContain("event: response.output_text.annotation.added\n");
  });

  it("serves a client in Python, plain and streamed, and does not delay events", async () => {
    const goOn = gate();
    const { upstream } = await listenEmulator({
      beforeEvent: ({ sequence_number }) => (sequence_number === 3 ? goOn.promise : undefined),
    });
    const { baseURL } = await serve(["--upstream", upstream]);
    const python = spawn("python3", ["-c", PYTHON, baseURL, KEY, JSON.stringify(REQUEST)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let printed = "";
    python.stdout.on("data", (chunk) => {
      printed += chunk;
      if (printed.includes("response.in_progress")) goOn.open();
    });
    const [code] = await once(python, "close");
    expect(code).toBe(0);
    const lines = printed.trim().split("\n");
    expect(lines[0]).toBe("totals.csv 10 30");
    expect(lines.slice(-5, -3)).toEqual([
      "response.output_text.annotation.added",
      "response.output_text.done",
    ]);
    expect(lines.at(-1)).toBe("response.completed");
  });

  it("uses OPENAI_BASE_URL, and does not change requests with --no-instruction", async () => {
    const { emulator, upstream } = await listenEmulator();
    const serving = await serve(["--no-instruction"], {
      OPENAI_BASE_URL: upstream,
      OPENAI_API_KEY: "sk-not-the-callers",
    });
    await clientOf(serving).responses.create(REQUEST);
    const [asked] = emulator.requests;
    expect(asked!.headers.authorization).toBe(`Bearer ${KEY}`);
    expect(JSON.stringify(asked!.body)).not.toContain("sandbox:");
    expect(new Set(emulator.requests.map(({ headers }) => headers.authorization))).toEqual(
      new Set([`Bearer ${KEY}`]),
    );
  });

  it("uses OpenAI if OPENAI_BASE_URL is blank", async () => {
    const serving = await serve([], { OPENAI_BASE_URL: " " });
    expect(serving.stderr()).toContain(", upstream https://api.openai.com/v1\n");
  });

  it("logs recovered citations, failed recoveries and invalid requests", async () => {
    let isDown = false;
    const { upstream } = await listenEmulator({
      script: stubbornModel({ files: { "a.csv": "1", "b.csv": "2" } }),
      intercept: ({ path }) =>
        isDown && path.endsWith("/files") ? new Response("", { status: 404 }) : undefined,
    });
    const serving = await serve(["--upstream", upstream]);
    await clientOf(serving).responses.create(REQUEST);
    expect(await serving.line()).toMatch(/200 \d+ ms, 2 citations recovered$/);
    isDown = true;
    await clientOf(serving).responses.create(REQUEST);
    expect(await serving.line()).toMatch(/200 \d+ ms, recovery failed$/);
    expect(await sendRaw(serving.url, "nonsense\r\n\r\n")).toMatch(/^HTTP\/1\.1 400 /);
    expect(await serving.line()).toMatch(/Z - - 400 0 ms$/);
  });

  it("connects to an upstream over TLS", async () => {
    const { emulator, upstream: plain } = await listenEmulator();
    const secure = createServer({ key: TLS_KEY, cert: TLS_CERTIFICATE }, (socket) => {
      const inside = connect(Number(new URL(plain).port), "127.0.0.1");
      for (const end of [socket, inside]) end.on("error", () => {});
      socket.pipe(inside).pipe(socket);
    });
    secure.listen(0, "127.0.0.1");
    await once(secure, "listening");
    onTestFinished(() => void secure.close());
    const folder = await mkdtemp(join(tmpdir(), "serve-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    await writeFile(join(folder, "ca.pem"), TLS_CERTIFICATE);
    const upstream = `https://localhost:${(secure.address() as AddressInfo).port}/v1`;
    const trusting = await serve(["--upstream", upstream], { NODE_EXTRA_CA_CERTS: join(folder, "ca.pem") });
    expect(cited(await clientOf(trusting).responses.create(REQUEST))).toEqual(FOUND);
    // A server with an untrusted certificate does not get the key.
    const before = emulator.requests.length;
    const wary = await serve(["--upstream", upstream]);
    await expect(clientOf(wary).responses.create(REQUEST)).rejects.toThrow("SELF_SIGNED_CERT");
    expect(emulator.requests).toHaveLength(before);
  });

  it("applies its limits in megabytes and kilobytes", async () => {
    const { upstream } = await listenEmulator();
    const { baseURL } = await serve([
      "--upstream",
      upstream,
      "--max-json",
      "1",
      "--max-body",
      "2",
      "--max-headers",
      "1",
      "--max-held",
      "3",
    ]);
    const statusOf = async (path: string, megabytes: number, headers = {}): Promise<number> => {
      const body = "x".repeat(megabytes * 2 ** 20 + 1);
      return (await fetch(baseURL + path, { method: "POST", body, headers })).status;
    };
    expect(await statusOf("/responses", 1)).toBe(413);
    expect(await statusOf("/files", 1)).toBe(401);
    expect(await statusOf("/files", 2)).toBe(413);
    expect(await statusOf("/files", 0, { "x-long": "x".repeat(1024) })).toBe(431);
  });

  it("holds at most --max-held megabytes", async () => {
    const { upstream } = await listenEmulator();
    const { baseURL } = await serve(["--upstream", upstream, "--max-held", "1"]);
    const headers = { authorization: `Bearer ${KEY}` };
    const body = "x".repeat(2 ** 20 + 1);
    expect((await fetch(`${baseURL}/responses`, { method: "POST", headers, body })).status).toBe(413);
    expect((await fetch(`${baseURL}/files`, { method: "POST", headers, body })).status).not.toBe(413);
  });

  it("answers each host of a repeated --allow-host", async () => {
    const { upstream } = await listenEmulator();
    const hosts = ["Proxy.Example", "fd00::7", "[fd00::8]"];
    const { url } = await serve(["--upstream", upstream, ...hosts.flatMap((name) => ["--allow-host", name])]);
    const statusOf = async (host: string): Promise<string> => {
      const text = `GET /v1/models HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
      return (await sendRaw(url, text)).slice(9, 12);
    };
    // 401 is the emulator's response to a request without a key.
    expect(await statusOf("proxy.example:1")).toBe("401");
    expect(await statusOf("[fd00::7]")).toBe("401");
    expect(await statusOf("[fd00::8]:1")).toBe("401");
    expect(await statusOf("other.example")).toBe("403");
  });

  it("keeps serving when its log cannot be written", async () => {
    const { upstream } = await listenEmulator();
    const serving = await serve(["--upstream", upstream]);
    serving.child.stdout!.destroy();
    const client = clientOf(serving);
    await client.responses.create(REQUEST);
    await serving.said(/logging stopped: .*EPIPE/);
    expect(cited(await client.responses.create(REQUEST))).toEqual(FOUND);
  });
});

/** A client without an SDK. Prints the citations of a response, and the type of each stream event when the event arrives. */
const PYTHON = `
import json, sys, urllib.request

base_url, key, request = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])

def ask(more):
    body = json.dumps({**request, **more}).encode()
    headers = {"Authorization": "Bearer " + key, "Content-Type": "application/json"}
    return urllib.request.urlopen(urllib.request.Request(base_url + "/responses", body, headers))

for item in json.load(ask({}))["output"]:
    for part in item.get("content") or []:
        for annotation in part["annotations"]:
            print(annotation["filename"], annotation["start_index"], annotation["end_index"])
for line in ask({"stream": True}):
    if line.startswith(b"data: "):
        print(json.loads(line[6:])["type"], flush=True)
`;

/** Key and self-signed certificate of localhost, valid for a hundred years. The key was made for this test and is no secret. */
const TLS_KEY = `
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg6FxVwjQtoeLpVJtK
IiGk+YKN3CjVpO9GQDzr1EhWF0KhRANCAASCaZPMwCrqi07yhEfgUlOQJk0QSPit
6JPs837i07djbJF7E83BLTRAklLkXRFWo8ras8vTWbzF5GvB5J9dVrDG
-----END PRIVATE KEY-----
`;

const TLS_CERTIFICATE = `
-----BEGIN CERTIFICATE-----
MIIBmzCCAUGgAwIBAgIUO2BO0bfVCAKvqpR2dijgyzCND34wCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMTA3MjIxNloYDzIxMjYxMDI4
MDcyMjE2WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAASCaZPMwCrqi07yhEfgUlOQJk0QSPit6JPs837i07djbJF7E83BLTRA
klLkXRFWo8ras8vTWbzF5GvB5J9dVrDGo28wbTAdBgNVHQ4EFgQUWCXdxjtr8Z6k
0QP0uiW4al20Pf0wHwYDVR0jBBgwFoAUWCXdxjtr8Z6k0QP0uiW4al20Pf0wDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
zj0EAwIDSAAwRQIgSzJNFAeun8JG4X5qng3P027h885Ke/mpYzMqu0LZGmACIQCW
Kcmc9/bFJpdkgFt/+N4awxnPHjXpR6VDysvnP7T22g==
-----END CERTIFICATE-----
`;
