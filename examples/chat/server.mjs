/**
 * A chat that streams its answers. The links and charts of an answer work as soon as they are written.
 *
 *     npm run example                          # against the emulator: no key, no network
 *     OPENAI_API_KEY=sk-… npm run example      # against OpenAI
 *
 * In your own project: npm install openai-file-citations openai hono @hono/node-server markdown-it
 */
import { readFileSync } from "node:fs";
import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { stream } from "hono/streaming";
import OpenAI from "openai";
import { withFileCitations } from "openai-file-citations";
import { createFileRoute } from "openai-file-citations/route";
import { emulatedFetch } from "./emulated.mjs";

const hasKey = Boolean(process.env.OPENAI_API_KEY);
const openai = new OpenAI(hasKey ? {} : { apiKey: "none", fetch: emulatedFetch });
// In production, set one secret for all machines in an environment variable. If the secret changes, older links stop working.
const files = createFileRoute(openai, { secret: crypto.getRandomValues(new Uint8Array(32)) });
const client = withFileCitations(openai, { links: files });

/** Returns an answer in Markdown. It begins with the charts that no text mentions: those with a citation from 0 to 0. */
async function toMarkdown({ output }, plain) {
  const parts = output.flatMap((item) => (item.type === "message" ? item.content : []));
  const cited = plain ? [] : parts.flatMap(({ annotations }) => annotations ?? []);
  const charts = cited.filter((at) => at.end_index === 0 && /\.(?:png|jpe?g|webp|gif)$/i.test(at.filename));
  const images = await Promise.all(charts.map(async (chart) => `![Chart](${await files.urlFor(chart)})`));
  return [...images, ...parts.map(({ text, refusal }) => text ?? refusal)].join("\n\n");
}

const app = new Hono();
const page = readFileSync(new URL("page.html", import.meta.url), "utf8");
const markdownIt = readFileSync(new URL(import.meta.resolve("markdown-it/browser")), "utf8");
app.get("/", (context) => context.html(page));
app.get("/markdown-it.js", (context) => context.body(markdownIt, 200, { "content-type": "text/javascript" }));
app.get("/files/:token", (context) => files.handler(context.req.raw));

/** Sends an earlier answer again, repaired unless `plain` is true. In production, check that the answer belongs to the user. */
app.get("/answers/:id", async (context) => {
  const plain = context.req.query("plain") === "true";
  const answer = await (plain ? openai : client).responses.retrieve(context.req.param("id"));
  return context.text(await toMarkdown(answer, plain));
});

/** Sends the answer as JSON Lines: `{ delta }` for each piece of text, then `{ text, id }` or `{ error }`. */
app.post("/ask", async (context) => {
  const { question, previous, plain } = await context.req.json();
  return stream(context, async (lines) => {
    const write = (value) => lines.writeln(JSON.stringify(value));
    try {
      const events = await (plain ? openai : client).responses.create({
        model: process.env.OPENAI_MODEL ?? "gpt-5",
        input: String(question),
        previous_response_id: previous,
        tools: [{ type: "code_interpreter", container: { type: "auto" } }],
        stream: true,
      });
      lines.onAbort(() => events.controller.abort()); // the browser has disconnected
      for await (const { type, delta, response } of events) {
        if (type === "response.content_part.added") await write({ delta: "\n\n" });
        if (type === "response.output_text.delta") await write({ delta });
        if (type === "response.completed" || type === "response.incomplete")
          await write({ text: await toMarkdown(response, plain), id: response.id });
        if (type === "response.failed")
          await write({ error: response.error?.message ?? "The model failed." });
      }
    } catch (error) {
      await write({ error: error.message });
    }
  });
});

serve({ fetch: app.fetch, port: Number(process.env.PORT ?? 3000) }, ({ port }) => {
  console.log(`${hasKey ? "OpenAI" : "The emulator"} answers at http://localhost:${port}`);
});
