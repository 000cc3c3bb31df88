import OpenAI from "openai";
import { withFileCitations } from "openai-file-citations";

/** Streams the events of an answer as lines, each with one JSON object. */
export async function POST(request: Request) {
  const client = withFileCitations(new OpenAI());
  const events = await client.responses.create({
    model: "gpt-5",
    input: await request.text(),
    tools: [{ type: "code_interpreter", container: { type: "auto" } }],
    stream: true,
  });
  return new Response(events.toReadableStream());
}
