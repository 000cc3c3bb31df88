/** Tests examples/chat through its HTTP interface. `chat-page.slow.test.ts` tests the page in the browser. */
import { expect, it } from "vitest";
import { chartModel } from "../src/testing/index.js";
import { startChat, startWith } from "./chat.js";

interface Line {
  delta?: string;
  text?: string;
  id?: string;
  error?: string;
}

async function ask(url: string, previous?: string): Promise<Line[]> {
  const body = JSON.stringify({ question: "Plot the sales", previous });
  const answer = await fetch(`${url}/ask`, { method: "POST", body });
  const lines = (await answer.text()).trim().split("\n");
  return lines.map((line) => JSON.parse(line));
}

it("starts with one command and without an API key", async () => {
  const { line, url } = await startChat();
  expect(line).toMatch(/^The emulator answers at http:/);
  expect(await (await fetch(url)).text()).toContain("<h1>A chat whose file links open</h1>");
  const lines = await ask(url);
  const { text } = lines.pop()!;
  expect(lines.map(({ delta }) => delta).join("")).toBe(`\n\n${text}`);
  const [, link] = /\[sales\.csv\]\((\/files\/[^)]+)\)/.exec(text!)!;
  expect(await (await fetch(url + link)).text()).toMatch(/^month,sales\nJanuary,1200\n/);
});

it("shows a chart above the text if the text does not mention it", async () => {
  const { url } = await startWith({ script: chartModel() });
  const { text } = (await ask(url)).at(-1)!;
  const [, link] = /^!\[Chart\]\(([^)]+)\)\n\n/.exec(text!)!;
  const shown = await fetch(url + link);
  expect(shown.headers.get("content-type")).toBe("image/png");
  expect(shown.headers.get("content-disposition")).toMatch(/^inline/);
});

it("reports errors", async () => {
  const { url } = await startWith({ script: () => [{ type: "fail", message: "No more today." }] });
  expect((await ask(url)).at(-1)).toEqual({ error: "No more today." });
  expect((await ask(url, "resp_unknown")).at(-1)!.error).toMatch(/resp_unknown/);
});
