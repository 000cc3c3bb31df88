import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { run } from "./command.js";

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));

describe("the command", () => {
  it("says its version, and what it takes, on stdout", async () => {
    expect(await run(["--version"])).toEqual({ code: 0, stdout: `${version}\n`, stderr: "" });
    const help = await run(["--help"]);
    expect(help).toMatchObject({ code: 0, stderr: "" });
    expect(help.stdout).toContain("demo");
  });

  it.each([[], ["nothing-like-it"], ["--nothing-like-it"], ["demo", "--nothing-like-it"], ["demo", "more"]])(
    "takes %j for wrong use: 2, and a word on stderr",
    async (...args) => {
      const { code, stdout, stderr } = await run(args);
      expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
      expect(stderr).toMatch(/Usage:|error: /);
    },
  );

  it.each(["ask", "repair", "demo"])("shows an example of %s", async (command) => {
    const { code, stdout } = await run([command, "--help"]);
    expect(code).toBe(0);
    expect(stdout).toContain(`$ openai-file-citations ${command}`);
  });
});

describe("demo", () => {
  it("shows a page, or one JSON object", async () => {
    const page = await run(["demo"]);
    expect(page).toMatchObject({ code: 0, stderr: "" });
    expect(page.stdout).toMatch(/citations: 0 +citations: 1 +citations: 1/);
    const json = await run(["demo", "--json"]);
    expect(JSON.parse(json.stdout)).toMatchObject({ without: { citations: 0 }, with: { citations: 1 } });
  });
});
