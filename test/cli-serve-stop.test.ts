/** `serve`, stopped while it answers, and used wrongly: what it says, and its exit code. */
import OpenAI from "openai";
import { describe, expect, it } from "vitest";
import { run, serve } from "./command.js";
import { FOUND, gate, KEY, listenEmulator, REQUEST } from "./serving.js";
import { cited } from "./upstream.js";

describe("serve, stopped", () => {
  /** A stream that has begun, and whose end waits. */
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
    "by %s: what runs is answered, then it ends with 0",
    async (signal) => {
      const { serving, read, goOn } = await begin();
      serving.child.kill(signal);
      await serving.said(new RegExp(`${signal}: waiting for the requests that run, 30 s at most`));
      await expect(fetch(`${serving.url}/healthz`)).rejects.toThrow();
      goOn.open();
      const last = (await read) as OpenAI.Responses.ResponseCompletedEvent;
      expect(cited(last.response)).toEqual(FOUND);
      expect(await serving.ended).toBe(0);
      expect(await serving.line()).toContain("1 citation recovered");
    },
  );

  it("after its time: what runs is cut off, and it ends with 1", async () => {
    const { serving, read } = await begin(["--grace", "0"]);
    serving.child.kill();
    await expect(read).rejects.toThrow();
    expect(await serving.ended).toBe(1);
    expect(serving.stderr()).toContain("error: requests ran longer than 0 s, and were cut off");
    expect(await serving.line()).toMatch(/200 \d+ ms, broken off$/);
  });

  it("twice: it ends at once", async () => {
    const { serving, read } = await begin();
    serving.child.kill();
    await serving.said(/waiting/);
    // One that comes right behind the first is the same one, as npx hands it on: again, until it is another.
    const again = setInterval(() => serving.child.kill(), 20);
    expect(await serving.ended).toBe(1);
    clearInterval(again);
    expect(serving.stderr()).toContain("SIGTERM: ended at once");
    await expect(read).rejects.toThrow();
  });
});

describe("serve, used wrongly", () => {
  it.each([
    [["--port", "70000"], /--port.*whole number, 0 to 65535/],
    [["--port", "x"], /--port/],
    [["--max-body", "0"], /--max-body.*whole number, 1 or more/],
    [["--upstream", "ftp://x"], /upstream must be an http or https URL/],
    [["--upstream", "https://user:sk-secret@x/v1"], /upstream must be/],
    [["--upstream", "https://x/v1?key=sk-secret"], /upstream must be/],
    [["--host", "nosuch.invalid"], /--host nosuch\.invalid: .*(?:ENOTFOUND|EAI_AGAIN)/],
    [["--host", "192.0.2.1"], /--host 192\.0\.2\.1: .*EADDRNOTAVAIL/],
    [["more"], /too many arguments/],
  ])("%j: 2, and a word on stderr that shows no secret", async (args, says) => {
    const { code, stdout, stderr } = await run(["serve", ...args]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(says);
    expect(stderr).not.toContain("sk-secret");
  });

  it("where the port is taken: 1", async () => {
    const { upstream } = await listenEmulator();
    const { code, stderr } = await run(["serve", "--port", new URL(upstream).port]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/error: .*EADDRINUSE/);
  });
});
