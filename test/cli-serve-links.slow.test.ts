/** Runs `serve --links` as a user does. Tests its output, restarts and signals, and its errors for wrong use. */
import { describe, expect, it } from "vitest";
import { run, type Serving, serve } from "./command.js";
import { answerOf, containerOf, ENV, linkIn, newFolder, OWN_KEY, post, SECRET } from "./linked-proxy.js";
import { BYTES, gate, KEY, listenEmulator } from "./serving.js";

const ANOTHER = { authorization: `Bearer ${KEY}` };

async function setUp(args: readonly string[] = [], env: NodeJS.ProcessEnv = ENV) {
  const { emulator, upstream } = await listenEmulator();
  const start = (): Promise<Serving> => serve(["--upstream", upstream, "--links", ...args], env);
  return { emulator, upstream, start };
}

/** Stops a process and returns its exit code. */
async function stop({ child, ended }: Serving): Promise<number | null> {
  child.kill();
  return ended;
}

describe("serve --links", () => {
  it("writes working links, and says for which key and how long", async () => {
    const { start, upstream } = await setUp();
    const serving = await start();
    await serving.said(/OPENAI_API_KEY/);
    expect(serving.stderr()).toBe(
      `listening on ${serving.url}, upstream ${upstream}\n` +
        `links: ${serving.url}/files/…, open for 20 minutes, until the container expires\n` +
        "links: only for requests with the key in OPENAI_API_KEY, because the files of another key cannot be opened\n",
    );
    const link = linkIn(await answerOf(serving));
    expect(link.startsWith(`${serving.url}/files/`)).toBe(true);
    expect(await serving.line()).toMatch(/POST \/v1\/responses 200 \d+ ms, 1 citation recovered$/);
    expect(await (await fetch(link)).text()).toBe(BYTES);
    expect(await serving.line()).toMatch(/GET \/files\/… 200 \d+ ms$/);
    expect(await answerOf(serving, {}, ANOTHER)).toBe("Download: /mnt/data/totals.csv");
    expect(await serving.line()).toMatch(/200 \d+ ms, 1 citation recovered, other key: no links$/);
  });

  it("marks requests with another key in the log with --json", async () => {
    const { start } = await setUp(["--json"]);
    const serving = await start();
    await answerOf(serving, {}, ANOTHER);
    expect(JSON.parse(await serving.line())).toMatchObject({ path: "/v1/responses", otherKey: true });
  });

  it.each([
    [[], "open for 7 days"],
    [["--expires", "12h"], "open for 12 hours"],
    [["--expires", "90s"], "open for 90 seconds"],
    [["--expires", "never"], "which never expire"],
  ])("says how long links to kept files work: %j", async (args, says) => {
    const keep = await newFolder();
    const { start } = await setUp(["https://files.example.com/", "--keep", keep, ...args]);
    const serving = await start();
    await serving.said(/OPENAI_API_KEY/);
    expect(serving.stderr()).toContain(
      `links: https://files.example.com/files/…, ${says}, files kept in ${keep}\n`,
    );
  });

  it("writes links to localhost if it listens on all addresses", async () => {
    const { upstream } = await listenEmulator();
    const serving = await serve(["--upstream", upstream, "--host", "0.0.0.0", "--links"], ENV);
    await serving.said(/links: http:\/\/localhost:\d+\/files\/…,/);
    expect(await (await fetch(linkIn(await answerOf(serving)))).text()).toBe(BYTES);
  });

  it("opens a kept file after a restart, when the container has expired", async () => {
    const keep = await newFolder();
    const { start, emulator } = await setUp(["https://files.example.com", "--keep", keep]);
    const first = await start();
    const text = await answerOf(first);
    expect(await stop(first)).toBe(0); // the process waits until the file is copied
    emulator.expireContainer(containerOf(emulator));
    const second = await start();
    const opened = await fetch(second.url + new URL(linkIn(text)).pathname);
    expect([opened.status, await opened.text()]).toEqual([200, BYTES]);
    await post(second, { input: [{ role: "assistant", content: text }] });
    const sent = emulator.requests.findLast(({ method }) => method === "POST")!;
    const { input } = sent.body as { input: object[] };
    expect(input[0]).toEqual({ role: "assistant", content: "Download: /mnt/data/totals.csv" });
  });

  it("without FILE_LINKS_SECRET, says that links end with the process", async () => {
    const { start } = await setUp([], { OPENAI_API_KEY: OWN_KEY, FILE_LINKS_SECRET: "" });
    const first = await start();
    await first.said(/links: end with this process, because FILE_LINKS_SECRET is not set\n/);
    const { pathname } = new URL(linkIn(await answerOf(first)));
    await stop(first);
    const second = await start();
    expect((await fetch(second.url + pathname)).status).toBe(403);
  });

  it("prints no key and no secret, also if a file cannot be downloaded", async () => {
    const { upstream } = await listenEmulator({
      intercept: ({ path }) =>
        path.endsWith("/content") ? new Response(`${OWN_KEY} ${SECRET}`, { status: 403 }) : undefined,
    });
    const serving = await serve(["--upstream", upstream, "--links", "--keep", await newFolder()], ENV);
    const link = linkIn(await answerOf(serving));
    await serving.said(/a file: the API answered 403\n/);
    expect((await fetch(link)).status).toBe(502);
    const output = [await serving.line(), await serving.line(), serving.stderr()].join("\n");
    for (const secret of [OWN_KEY, SECRET, link.split(".").at(-1)!]) expect(output).not.toContain(secret);
  });
});

describe("serve --links, when stopped", () => {
  async function begin(args: readonly string[] = []) {
    const goOn = gate();
    const { upstream, emulator } = await listenEmulator({
      async intercept({ path }) {
        if (path.endsWith("/content")) await goOn.promise;
        return undefined;
      },
    });
    const keep = await newFolder();
    const all = ["--upstream", upstream, "--links", "https://files.example.com", "--keep", keep];
    const serving = await serve([...all, ...args], ENV);
    const text = await answerOf(serving);
    await serving.line();
    serving.child.kill();
    await serving.said(/SIGTERM: waiting up to/);
    const reopen = async (): Promise<Response> =>
      fetch((await serve(all, ENV)).url + new URL(linkIn(text)).pathname);
    return { serving, goOn, reopen, emulator };
  }

  it("waits for files that are being copied", async () => {
    const { serving, goOn, reopen, emulator } = await begin();
    goOn.open();
    expect(await serving.ended).toBe(0);
    emulator.expireContainer(containerOf(emulator));
    expect(await (await reopen()).text()).toBe(BYTES);
  });

  it("gives up the copies after the grace period, exits with 1, and never serves a part of a file", async () => {
    const { serving, goOn, reopen } = await begin(["--grace", "0"]);
    expect(await serving.ended).toBe(1);
    expect(serving.stderr()).toContain(
      "error: some files were not kept, because they were still being copied after 0 s\n",
    );
    goOn.open();
    expect(await (await reopen()).text()).toBe(BYTES);
  });
});

describe("serve --links, when used wrongly", () => {
  it.each<[readonly string[], RegExp, NodeJS.ProcessEnv?]>([
    [["--links"], /--links needs a key.*OPENAI_API_KEY/, { FILE_LINKS_SECRET: SECRET }],
    [["--links"], /FILE_LINKS_SECRET must be 32 bytes/, { ...ENV, FILE_LINKS_SECRET: "sk-secret" }],
    [["--links", "https://u:sk-secret@files.example.com"], /--links must be an http or https URL/],
    [["--links", "--upstream", "https://api.example"], /upstream must be a URL with the API's path/],
    [["--links", "--expires", "7"], /--expires.*such as 7d/],
    [["--links", "--expires", "0d"], /--expires.*such as 7d/],
    [["--links", "--expires", "never"], /--expires never needs --keep/],
    [["--links", "--keep", "package.json"], /--keep package\.json is not a folder/],
    [["--keep", "files"], /--keep has no effect without --links/],
    [["--expires", "7d"], /--expires has no effect without --links/],
    [["--missing", "x"], /--missing has no effect without --links/],
  ])("exits with 2 for %j", async (args, says, env = ENV) => {
    const { code, stdout, stderr } = await run(["serve", ...args], { env });
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(says);
    for (const secret of ["sk-secret", OWN_KEY, SECRET]) expect(stderr).not.toContain(secret);
  });
});
