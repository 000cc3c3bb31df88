/** Tests `download` when something fails, and with an API behind a gateway. */
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { GatewayOptions } from "../src/testing/index.js";
import { folder, serve, useFolder } from "./asking.js";
import { run } from "./command.js";

useFolder();

describe("a failure", () => {
  it("explains an expired container and says what to do", async () => {
    const { emulator, env } = await serve();
    const { id } = emulator.createContainer({ files: { "a.csv": "1" } });
    emulator.expireContainer(id);
    for (const args of [[], ["--out", "new"], ["--json"]]) {
      const { code, stdout, stderr } = await run(["download", id, ...args], { env, cwd: folder });
      expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
      expect(stderr).toMatch(/^error: the API answered 404: .*\n.* has expired .* 20 minutes/);
      expect(stderr).toContain("OPENAI_BASE_URL");
    }
    expect(await readdir(folder)).toEqual([]);
  });

  it("does not print a key that the API refuses", async () => {
    const { emulator, env } = await serve();
    const { id } = emulator.createContainer({ files: { "a.csv": "1" } });
    const { code, stderr } = await run(["download", id], { env: { ...env, OPENAI_API_KEY: "sk-other" } });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error: the API answered 401: /);
    expect(stderr).not.toContain("sk-other");
  });

  it("saves what it read of an endless list, and exits with 1", async () => {
    const { env } = await serve({
      intercept: ({ path }) =>
        path.endsWith("/files")
          ? Response.json({
              data: [{ id: "cfile_1", path: "/mnt/data/a.csv", source: "assistant", created_at: 1 }],
              has_more: true,
            })
          : new Response("1"),
    });
    const { code, stdout, stderr } = await run(["download", "cntr_1", "--out", "."], { env, cwd: folder });
    expect({ code, stdout }).toEqual({ code: 1, stdout: `${folder}/a.csv (1 byte)\n` });
    expect(stderr).toBe("the container's file list repeats itself\n");
  });

  it.each([
    ["no container", [], /missing required argument 'container'/],
    ["an id that is a path segment", [".."], /"\.\." is not a container id/],
    ["an empty id", [""], /"" is not a container id/],
    ["an empty pattern", ["cntr_1", ""], /"" is not a file pattern/],
    ["an empty --out", ["cntr_1", "--out", ""], /--out/],
    ["an unknown option", ["cntr_1", "--all"], /unknown option/],
  ])("exits with 2 and sends no request for %s", async (_, args, message) => {
    const { emulator, env } = await serve({});
    const { code, stdout, stderr } = await run(["download", ...args], { env, cwd: folder });
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(message);
    expect(emulator.requests).toEqual([]);
  });

  it("exits with 2 and sends no request if --out is a file", async () => {
    await writeFile(join(folder, "file"), "");
    const { emulator, env } = await serve({});
    const { code, stderr } = await run(["download", "cntr_1", "--out", "file"], { env, cwd: folder });
    expect(code).toBe(2);
    expect(stderr).toContain("error: --out file is not a folder");
    expect(emulator.requests).toEqual([]);
  });

  it("exits with 2 without a key", async () => {
    const { code, stderr } = await run(["download", "cntr_1"]);
    expect(code).toBe(2);
    expect(stderr).toBe("error: no key: set OPENAI_API_KEY to the key that created the container\n");
  });
});

describe("through a gateway", () => {
  /** Runs `download` twice for a container with two files: with --json, then with --out. */
  async function download(gateway: GatewayOptions, ...patterns: string[]) {
    const { emulator, env } = await serve({ gateway });
    const { id } = emulator.createContainer({ files: { "out/a.csv": "1,2\n", "b.txt": "2" } });
    const listed = await run(["download", id, ...patterns, "--json"], { env, cwd: folder });
    const saved = await run(["download", id, ...patterns, "--out", "."], { env, cwd: folder });
    const paths = emulator.requests.map(({ path }) => path.split("/").slice(2).map(decodeURIComponent));
    return { id, listed, saved, paths };
  }

  it.each<[string, GatewayOptions, string | RegExp]>([
    ["LiteLLM", { ids: "litellm", nativeIdsInLists: true }, /^cntr_.{236}$/],
    [
      "one whose ids have a slash",
      { ids: idsOf("cntr_bGl0ZWxsbTpjdXN0b20/+fA=="), nativeIdsInLists: true },
      /==$/,
    ],
    ["one whose ids have a space", { ids: idsOf("sbx/pod 1"), nativeIdsInLists: true }, /pod 1/],
    ["one whose ids contain .., ? and #", { ids: idsOf("a/../../b?c#d"), nativeIdsInLists: true }, /#d$/],
  ])(
    "%s: lists and saves by the gateway's container id, even if the list has another id",
    async (_, gateway, form) => {
      const { id, listed, saved, paths } = await download(gateway, "*.csv");
      expect(id).toMatch(form);
      const files = JSON.parse(listed.stdout);
      expect(files).toMatchObject([{ path: "/mnt/data/out/a.csv", container_id: id }]);
      expect(saved).toMatchObject({ code: 0, stdout: `${folder}/a.csv (4 bytes)\n` });
      const list = ["containers", id, "files"];
      expect(paths).toEqual([list, list, [...list, files[0].id, "content"]]);
    },
  );

  it("OpenRouter: reads past empty pages and matches relative paths", async () => {
    const gateway: GatewayOptions = { ids: "openrouter", emptyPages: 1, relativePaths: true };
    const { id, listed, saved, paths } = await download(gateway, "out/*");
    expect(id).toMatch(/^sess_/);
    const fileId = `cfile_${Buffer.from("out/a.csv").toString("base64url")}`;
    expect(JSON.parse(listed.stdout)).toMatchObject([{ path: "out/a.csv", id: fileId, container_id: id }]);
    expect(saved).toMatchObject({ code: 0, stdout: `${folder}/a.csv (4 bytes)\n` });
    expect(paths).toHaveLength(5);
    expect(paths.at(-1)).toEqual(["containers", id, "files", fileId, "content"]);
  });

  it.each<[string, GatewayOptions, RegExp]>([
    [
      "has no container routes",
      { containerRoutes: "missing" },
      /^error: the API answered 404: .*\n.* has no containers/s,
    ],
    [
      "supports no containers",
      { containerRoutes: "unsupported" },
      /^error: the API answered 400: .* get-container not supported/,
    ],
    [
      "requires a query parameter, which the command cannot send",
      { requiredQuery: { provider: "openai" } },
      /^error: the API answered 400: Missing required query parameter: 'provider'/,
    ],
  ])("reports a gateway that %s", async (_, gateway, message) => {
    const { listed, saved } = await download(gateway);
    for (const { code, stdout, stderr } of [listed, saved]) {
      expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
      expect(stderr).toMatch(message);
    }
  });
});

/** Returns a value for the gateway's option `ids`: the container gets the id `id`, and each file gets its path as its id. */
function idsOf(id: string) {
  return (nativeId: string, path?: string) => path ?? (nativeId.startsWith("cntr_") ? id : nativeId);
}
