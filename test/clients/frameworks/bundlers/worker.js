import OpenAI from "openai";
import { withFileCitations } from "openai-file-citations";
import { createFileRoute } from "openai-file-citations/route";

export default {
  async fetch(request, env) {
    const client = withFileCitations(
      new OpenAI({ apiKey: env.OPENAI_API_KEY, baseURL: env.OPENAI_BASE_URL }),
    );
    const files = createFileRoute(client, { secret: env.FILES_SECRET, basePath: "/files" });
    if (new URL(request.url).pathname.startsWith("/files/")) return files.handler(request);
    const events = await client.responses.create({
      model: "gpt-5",
      input: await request.text(),
      tools: [{ type: "code_interpreter", container: { type: "auto" } }],
      stream: true,
    });
    return new Response(events.toReadableStream());
  },
};
