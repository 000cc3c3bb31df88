/** Builds the requests that `doctor` sends to the model. With `--emulate`, also builds the emulator that answers. */
import { createResponsesEmulator, type Script } from "../../testing/index.js";

/**
 * The name of the file that the model is asked to write. It has a space, to check that a path with a space is read to its end.
 */
export const FILENAME = "doctor 1.txt";
export const PATH = `/mnt/data/${FILENAME}`;
/** The file's content: each byte value once. A server that decodes it as text or converts its line ends changes these bytes. */
export const BYTES = Uint8Array.from({ length: 256 }, (_, byte) => byte);
/**
 * The emoji before the link. The emoji is one code point and two UTF-16 units. So the start of the link's range shows whether the
 * range counts code points or UTF-16 units.
 */
export const EMOJI = "📄";

const CODE = `from pathlib import Path
Path("${PATH}").write_bytes(bytes(range(256)))`;

const PROMPT = `Run exactly this code with the python tool:

${CODE}

Then answer with one line: the emoji ${EMOJI}, a space, a link with which I can download ${FILENAME}, and the word Done.`;

/** Returns a request without tools. It costs a few tokens. */
export function shortRequest(model: string): object {
  return { model, input: "Answer with the word: ok", max_output_tokens: 16 };
}

/** Returns the request that makes the model write the file. */
export function fileRequest(model: string): object {
  return { model, input: PROMPT, tools: [{ type: "code_interpreter", container: { type: "auto" } }] };
}

/** Returns the text about the costs of a run. The user reads it before the run starts. */
export function costsOf(model: string): string {
  return (
    `The next checks send 3 requests to ${model}, and 2 of them run Python. At OpenAI this costs 2 containers ` +
    "(0.03 US dollars each, by the prices of 2025) and a few thousand tokens."
  );
}

/**
 * Plays a model that does what `doctor` asks. In the plain response, the model links the file, so the API cites it. In the
 * streamed response, the model writes the path without a link, so the citation has to be recovered.
 */
const model: Script = ({ body }) => {
  if (!body.tools?.length) return [{ type: "message", text: "ok" }];
  const link = body.stream ? PATH : `[${FILENAME}](sandbox:${PATH})`;
  return [
    { type: "reasoning" },
    { type: "python", code: CODE, files: { [PATH]: BYTES } },
    { type: "message", text: `${EMOJI} ${link} Done.` },
  ];
};

/** Returns the `fetch` of an emulator that passes all checks. */
export function emulatorFetch(): typeof globalThis.fetch {
  return createResponsesEmulator({ script: model }).fetch;
}
