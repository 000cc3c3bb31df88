/** Tests what `ask` does when something fails: its messages, partial output and exit codes. */
import { spawn } from "node:child_process";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { stubbornModel } from "../src/testing/index.js";
import { folder, saying, serve, useFolder } from "./asking.js";
import { main, run } from "./command.js";

useFolder();

describe("a failure", () => {
  it.each([
    ["no prompt", [], /no prompt was given/],
    [
      "no prompt, since --file took all arguments",
      ["--file", "package.json", "What is it?"],
      /no prompt was given/,
    ],
    ["a missing file", ["What?", "--file", "nowhere"], /nowhere/],
    ["a folder instead of a file", ["What?", "--file", "."], /is not a file/],
  ])("exits with 2 for %s", async (_, args, message) => {
    const { code, stdout, stderr } = await run(["ask", ...args], { cwd: folder });
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(message);
  });

  it.each([
    ["a file", "file"],
    ["inside a file", "file/folder"],
  ])("exits with 2 and sends no request if --out is %s", async (_, out) => {
    await writeFile(join(folder, "file"), "");
    const { env, emulator } = await serve({});
    const { code, stdout, stderr } = await run(["ask", "What?", "--out", out], { env, cwd: folder });
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(`error: --out ${out} `);
    expect(emulator.requests).toEqual([]);
  });

  it("does not print a key that the API refuses", async () => {
    const { env } = await serve({
      intercept: ({ headers }) =>
        Response.json(
          { error: { message: `wrong: ${new Headers(headers).get("authorization")}` } },
          { status: 401 },
        ),
    });
    const { code, stdout, stderr } = await run(["ask", "What?"], { env, cwd: folder });
    expect({ code, stdout, stderr }).toEqual({
      code: 1,
      stdout: "",
      stderr: "error: the API answered 401: wrong: Bearer …\n",
    });
  });

  it("reports a file that cannot be downloaded and a path that matches no file", async () => {
    const { env } = await serve({
      script: saying("/mnt/data/a.csv and /mnt/data/never.csv", { "a.csv": "1" }),
      intercept: ({ path }) => (path.endsWith("/content") ? new Response(null, { status: 404 }) : undefined),
    });
    const { code, stdout, stderr } = await run(["ask", "What?"], { env, cwd: folder });
    expect({ code, stdout }).toEqual({ code: 1, stdout: "/mnt/data/a.csv and /mnt/data/never.csv\n" });
    expect(stderr).toContain("a.csv could not be saved: the container has expired");
    expect(stderr).toContain("/mnt/data/never.csv could not be matched to a file: not-found");
    expect(await readdir(folder)).toEqual([]);
    const json = await run(["ask", "What?", "--json"], { env, cwd: folder });
    expect(json.code).toBe(1);
    expect(JSON.parse(json.stdout)).toMatchObject({
      files: [],
      failed: [{ filename: "a.csv" }],
      unresolved: [{ text: "/mnt/data/never.csv", reason: "not-found" }],
    });
  });

  it.each([
    [
      "an incomplete response",
      [{ type: "message", text: "It is" }, { type: "incomplete" }] as const,
      /the response is incomplete: max_output_tokens/,
    ],
    ["a failed response", [{ type: "fail" }] as const, /the response failed: /],
  ])("reports %s", async (_, steps, message) => {
    const { env } = await serve({ script: () => [...steps] });
    const { code, stderr } = await run(["ask", "What?"], { env, cwd: folder });
    expect(code).toBe(1);
    expect(stderr).toMatch(message);
  });

  it.each([
    [{ type: "error" }, "the API reports: an error"],
    [{ type: "error", error: { message: "overloaded" } }, "the API reports: overloaded"],
    [{ type: "response.failed", response: { status: "failed", error: null } }, "the response failed"],
    [
      { type: "response.incomplete", response: { status: "incomplete", incomplete_details: "?" } },
      "the response is incomplete",
    ],
    [{ type: "response.completed", response: null }, "the stream ended before the response was complete"],
    ["event", "the stream ended before the response was complete"],
  ])("reports a stream that ends with %j", async (last, words) => {
    const text = { type: "response.output_text.delta", delta: "It is" };
    const body = [text, last].map((event) => `data: ${JSON.stringify(event)}\n\n`).join("");
    const { env } = await serve({
      intercept: ({ path }) =>
        path.endsWith("/responses")
          ? new Response(body, { headers: { "content-type": "text/event-stream" } })
          : undefined,
    });
    const { code, stdout, stderr } = await run(["ask", "What?"], { env, cwd: folder });
    expect({ code, stdout }).toEqual({ code: 1, stdout: "It is\n" });
    expect(stderr.trimEnd().split("\n").at(-1)).toMatch(new RegExp(`${words}$`));
  });

  it("reports a broken connection", async () => {
    const { env } = await serve({
      beforeEvent: ({ type }) => {
        if (type === "response.output_text.done") throw new Error("broken");
      },
    });
    const { code, stderr } = await run(["ask", "What?"], { env, cwd: folder });
    expect(code).toBe(1);
    expect(stderr).toMatch(/error: /);
  });

  it("leaves no partial file after Ctrl-C", async () => {
    let isAsked: () => void = () => {};
    const asked = new Promise<void>((resolve) => {
      isAsked = resolve;
    });
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(new Uint8Array(1000)); // the file's other bytes never arrive
      },
      pull: () => isAsked(),
    });
    const { env } = await serve({
      script: stubbornModel(),
      intercept: ({ path }) => (path.endsWith("/content") ? new Response(body) : undefined),
    });
    const child = spawn(process.execPath, [main, "ask", "What?"], {
      env: { ...process.env, ...env },
      cwd: folder,
    });
    const closed = new Promise((resolve) => child.on("close", resolve));
    await asked;
    child.kill("SIGINT");
    expect(await closed).toBe(130);
    const left = await readdir(folder, { recursive: true });
    expect(left.filter((name) => name !== "downloads")).toEqual([]);
  });
});
