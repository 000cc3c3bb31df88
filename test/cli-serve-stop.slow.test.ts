/** Tests the messages and exit codes of `serve` when it is stopped during a response, and when it is used wrongly. */
import OpenAI from "openai";
import { describe, expect, it } from "vitest";
import { run, serve } from "./command.js";
import { FOUND, gate, KEY, listenEmulator, REQUEST } from "./serving.js";
import { cited } from "./upstream.js";

describe("serve, when stopped", () => {
  /** Starts a stream that pauses in the middle until the test calls `goOn.open`. */
  async function begin(args: readonly string[] = []) {
    const goOn = gate();
    const { upstream } = await listenEmulator({
      beforeEvent: ({ sequence_number }) => (sequence_number === 5 ? goOn.promise : undefined),
    });
    const serving = await serve(["--upstream", upstream, ...args]);
    const client = new OpenAI({ apiKey: KEY, baseURL: serving.baseURL, maxRetries: 0 });
    const stream = await client.responses.create({ ...REQUEST, stream: true });
    const read = (async () => {
      let last: OpenAI.Responses.ResponseStreamEvent | undefined;
      for await (const event of stream) last = event;
      return last;
    })();
    read.catch(() => {});
    return { serving, read, goOn };
  }

  it.each(["SIGTERM", "SIGINT"] as const)(
    "by %s, completes running responses and exits with 0",
    async (signal) => {
      const { serving, read, goOn } = await begin();
      serving.child.kill(signal);
      await serving.said(new RegExp(`${signal}: waiting up to 30 s for running requests`));
      await expect(fetch(`${serving.url}/healthz`)).rejects.toThrow();
      goOn.open();
      const last = (await read) as OpenAI.Responses.ResponseCompletedEvent;
      expect(cited(last.response)).toEqual(FOUND);
      expect(await serving.ended).toBe(0);
      expect(await serving.line()).toContain("1 citation recovered");
    },
  );

  it("aborts running responses after the grace period and exits with 1", async () => {
    const { serving, read } = await begin(["--grace", "0"]);
    serving.child.kill();
    await expect(read).rejects.toThrow();
    expect(await serving.ended).toBe(1);
    expect(serving.stderr()).toContain(
      "error: some requests were aborted, because they were still running after 0 s",
    );
    expect(await serving.line()).toMatch(/200 \d+ ms, broken off$/);
  });

  it("by a second signal, exits at once", async () => {
    const { serving, read } = await begin();
    serving.child.kill();
    await serving.said(/waiting/);
    // Sends signals until `serve` accepts one as the second signal. `serve` ignores a signal that comes too soon after the first,
    // because npx forwards signals and `serve` may get one signal twice.
    const again = setInterval(() => serving.child.kill(), 20);
    expect(await serving.ended).toBe(1);
    clearInterval(again);
    expect(serving.stderr()).toContain("SIGTERM again: exiting now");
    await expect(read).rejects.toThrow();
  });
});

describe("serve, when used wrongly", () => {
  it.each([
    [["--port", "70000"], /--port.*whole number, 0 to 65535/],
    [["--port", "x"], /--port/],
    [["--max-body", "0"], /--max-body.*whole number, 1 or more/],
    [["--max-held", "0"], /--max-held.*whole number, 1 or more/],
    [["--allow-host", "https://proxy.example"], /--allow-host.*host name or an address/],
    [["--allow-host", "proxy.example:80"], /--allow-host.*without scheme, port/],
    [["--allow-host", "*.example"], /--allow-host.*without scheme, port/],
    [["--allow-host", "a b"], /--allow-host/],
    [["--allow-host", ""], /--allow-host/],
    [["--upstream", "ftp://x"], /upstream must be an http or https URL/],
    [["--upstream", "https://user:sk-secret@x/v1"], /upstream must be/],
    [["--upstream", "https://x/v1?key=sk-secret"], /upstream must be/],
    [["--host", "nosuch.invalid"], /--host nosuch\.invalid: .*(?:ENOTFOUND|EAI_AGAIN)/],
    [["--host", "192.0.2.1"], /--host 192\.0\.2\.1: .*EADDRNOTAVAIL/],
    [["more"], /too many arguments/],
  ])("exits with 2 for %j, and its message contains no secret", async (args, says) => {
    const { code, stdout, stderr } = await run(["serve", ...args]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(says);
    expect(stderr).not.toContain("sk-secret");
  });

  it("exits with 1 if the port is in use", async () => {
    const { upstream } = await listenEmulator();
    const { code, stderr } = await run(["serve", "--port", new URL(upstream).port]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/error: .*EADDRINUSE/);
  });
});
