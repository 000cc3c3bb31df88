/**
 * A chat whose files open: the answer as it comes, then with links that download and charts in their place.
 *
 *     npm run example                          # against the emulator: no key, no network
 *     OPENAI_API_KEY=sk-… npm run example      # against OpenAI
 *
 * In a project of yours: npm install openai-file-citations openai hono @hono/node-server markdown-it
 */
import { readFileSync } from "node:fs";
import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { stream } from "hono/streaming";
import MarkdownIt from "markdown-it";
import OpenAI from "openai";
import { collectFiles, replaceFileLinks, withFileCitations } from "openai-file-citations";
import { createFileRoute } from "openai-file-citations/route";
import { emulatedFetch } from "./emulated.mjs";

const hasKey = Boolean(process.env.OPENAI_API_KEY);
const client = withFileCitations(new OpenAI(hasKey ? {} : { apiKey: "none", fetch: emulatedFetch }));
// In earnest: one secret for all machines and starts, from the environment.
const files = createFileRoute(client, { secret: crypto.getRandomValues(new Uint8Array(32)) });
const markdown = new MarkdownIt(); // without HTML of the model's

/** An answer as HTML: its text with links that open; above it the charts that stand for no place in the text. */
async function toHtml(response) {
  const parts = response.output.flatMap((item) => (item.type === "message" ? item.content : []));
  const texts = await Promise.all(
    parts.map((part) =>
      part.type === "output_text"
        ? replaceFileLinks(part.text, part.annotations, files.urlFor)
        : part.refusal,
    ),
  );
  const text = texts.join("\n\n");
  const charts = [];
  for (const file of collectFiles(response)) {
    if (file.kind !== "container-file" || !/\.(?:png|jpe?g|webp|gif)$/i.test(file.filename)) continue;
    if (
      !parts.some(({ annotations }) => annotations?.some((at) => at.file_id === file.fileId && at.end_index))
    )
      charts.push(`![${file.filename}](${await files.urlFor(file)})`);
  }
  return markdown.render([...charts, text].join("\n\n"));
}

const app = new Hono();
const page = readFileSync(new URL("page.html", import.meta.url), "utf8");
app.get("/", (context) => context.html(page));
app.get("/files/:token", (context) => files.handler(context.req.raw));

/** The answer as lines of JSON: `{ delta }` for each piece of text, `{ html, id }` in the end, or `{ error }`. */
app.post("/ask", async (context) => {
  const { question, previous } = await context.req.json();
  return stream(context, async (lines) => {
    const write = (value) => lines.writeln(JSON.stringify(value));
    try {
      const events = await client.responses.create({
        model: process.env.OPENAI_MODEL ?? "gpt-5",
        input: String(question),
        previous_response_id: previous,
        tools: [{ type: "code_interpreter", container: { type: "auto" } }],
        stream: true,
      });
      lines.onAbort(() => events.controller.abort()); // nobody reads on
      for await (const event of events) {
        if (event.type === "response.output_text.delta") await write({ delta: event.delta });
        if (event.type === "response.completed" || event.type === "response.incomplete")
          await write({ html: await toHtml(event.response), id: event.response.id });
        if (event.type === "response.failed") await write({ error: event.response.error?.message });
      }
    } catch (error) {
      await write({ error: error.message });
    }
  });
});

serve({ fetch: app.fetch, port: Number(process.env.PORT ?? 3000) }, ({ port }) => {
  console.log(`${hasKey ? "OpenAI" : "The emulator"} answers at http://localhost:${port}`);
});
