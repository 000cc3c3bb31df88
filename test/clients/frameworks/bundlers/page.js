import OpenAI from "openai";
import { saveFiles, withFileCitations } from "openai-file-citations";

// The page and the API have the same origin.
const baseURL = new URL("/v1", location.href).href;
const client = withFileCitations(new OpenAI({ apiKey: "test", baseURL, dangerouslyAllowBrowser: true }));

async function ask() {
  const response = await client.responses
    .stream({
      model: "gpt-5",
      input: "Write a lesson plan as a Word file.",
      tools: [{ type: "code_interpreter", container: { type: "auto" } }],
    })
    .finalResponse();
  const { saved, failed } = await saveFiles(client, response, (_, body) => new Response(body).arrayBuffer());
  if (failed.length > 0) throw failed[0].error;
  return { response, contents: saved.map(({ location }) => [...new Uint8Array(location)]) };
}

globalThis.answer = ask();
