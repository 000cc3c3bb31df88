import OpenAI from "openai";
import { withFileCitations } from "openai-file-citations";

/** Streams the events of an answer, one JSON object a line. */
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
