/**
 * A chat that uses only the official client, without this library. docs/front-ends.md shows how its answers get links.
 *
 *     OPENAI_BASE_URL=http://127.0.0.1:8787/v1 node examples/plain-chat/server.mjs
 */
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { json } from "node:stream/consumers";
import OpenAI from "openai";

const client = new OpenAI(); // reads OPENAI_API_KEY and OPENAI_BASE_URL
const page = readFileSync(new URL("page.html", import.meta.url));
const markdownIt = readFileSync(createRequire(import.meta.url).resolve("markdown-it/browser"));

const server = createServer(async (request, response) => {
  if (request.method === "GET") return response.end(request.url === "/markdown-it.js" ? markdownIt : page);
  try {
    const stream = await client.responses.create({
      model: process.env.OPENAI_MODEL ?? "gpt-5",
      input: await json(request), // the whole conversation
      tools: [{ type: "code_interpreter", container: { type: "auto" } }],
      store: false,
      stream: true,
    });
    for await (const { type, delta } of stream)
      if (type === "response.output_text.delta") response.write(delta);
    response.end();
  } catch (error) {
    response.end(`\n\n${error.message}`);
  }
});
server.listen(process.env.PORT ?? 3000, () => console.log(`http://localhost:${server.address().port}`));
