/** Runs the demo against an emulator on loopback. The demo shows the bug, the repair and the download. */
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import OpenAI from "openai";
import { type ContainerFileCitation, saveFiles, withFileCitations } from "../index.js";
import { directory } from "../node.js";
import {
  createResponsesEmulator,
  type FileContent,
  type ListeningServer,
  stubbornModel,
} from "../testing/index.js";

/** A file that the demo downloaded. */
export interface DemoFile {
  filename: string;
  file_id: string;
  container_id: string;
  bytes: number;
  sha256: string;
  savedTo: string;
}

/** A response's text and its citations. */
interface Answer {
  text: string;
  citations: ContainerFileCitation[];
}

/** The responses without and with `withFileCitations`, and the downloaded files. */
export interface DemoResult {
  without: Answer;
  with: Answer;
  streamed: Answer;
  files: DemoFile[];
}

/** The files that the model writes in the demo. */
export const DEMO_FILES: Readonly<Record<string, FileContent>> = {
  "/mnt/data/monthly_sales.csv": "month,sales\nJanuary,1200\nFebruary,1350\nMarch,1425\n",
};

const REQUEST = {
  model: "gpt-5",
  input: "Put the monthly sales into a CSV file and give it to me.",
  tools: [{ type: "code_interpreter" as const, container: { type: "auto" as const } }],
};

/** Runs the demo and saves its files in `folder`, by default a new temporary folder. */
export async function runDemo(folder?: string): Promise<DemoResult> {
  const emulator = createResponsesEmulator({ script: stubbornModel({ files: DEMO_FILES }) });
  const server = await emulator.listen();
  try {
    return await ask(server, folder ?? (await mkdtemp(join(tmpdir(), "openai-file-citations-"))));
  } finally {
    await server.close();
  }
}

async function ask(server: ListeningServer, folder: string): Promise<DemoResult> {
  const bare = new OpenAI({ apiKey: "none-needed", baseURL: server.baseURL });
  const client = withFileCitations(bare);

  const without = answerOf(await bare.responses.create(REQUEST));
  const response = await client.responses.create(REQUEST);

  const streamed: Answer = { text: "", citations: [] };
  for await (const event of await client.responses.create({ ...REQUEST, stream: true })) {
    if (event.type === "response.output_text.delta") streamed.text += event.delta;
    if (event.type === "response.output_text.annotation.added") {
      streamed.citations.push(event.annotation as ContainerFileCitation);
    }
  }

  const { saved, failed } = await saveFiles(client, response, directory(folder));
  if (failed[0]) throw failed[0].error;
  const files = saved.flatMap(({ file, location: savedTo, bytes, sha256 }): DemoFile[] => {
    if (file.kind !== "container-file") return [];
    const { filename, fileId: file_id, containerId: container_id } = file;
    return [{ filename, file_id, container_id, bytes, sha256, savedTo }];
  });
  return { without, with: answerOf(response), streamed, files };
}

function answerOf(response: OpenAI.Responses.Response): Answer {
  const parts = response.output.flatMap((item) => (item.type === "message" ? item.content : []));
  const citations = parts
    .flatMap((part) => (part.type === "output_text" ? part.annotations : []))
    .filter((annotation) => annotation.type === "container_file_citation");
  return { text: response.output_text, citations };
}

/** Formats the result as one line of JSON. */
export function demoAsJson(result: DemoResult): string {
  const count = ({ citations }: Answer): { citations: number } => ({ citations: citations.length });
  return JSON.stringify({
    without: count(result.without),
    with: count(result.with),
    streamed: count(result.streamed),
    files: result.files,
  });
}

/** Formats the result for people. */
export function demoAsText(result: DemoResult): string {
  const columns: [string, Answer][] = [
    ["new OpenAI()", result.without],
    ["withFileCitations(new OpenAI())", result.with],
    ["the same, streamed", result.streamed],
  ];
  const blocks = columns.map(([title, answer]) => [title, "-".repeat(title.length), ...linesOf(answer)]);
  const width = Math.max(...blocks.flat().map((line) => line.length)) + 3;
  const height = Math.max(...blocks.map((block) => block.length));
  const rows = Array.from({ length: height }, (_, row) =>
    blocks
      .map((block) => (block[row] ?? "").padEnd(width))
      .join("")
      .trimEnd(),
  );
  const files = result.files.flatMap(({ filename, bytes, sha256, savedTo }) => [
    `${filename}: ${bytes} bytes, downloaded through the recovered citation`,
    `  saved to  ${savedTo}`,
    `  SHA-256   ${sha256}`,
  ]);
  return [
    "A model that writes a bare path, asked through the official client:",
    "",
    ...rows,
    "",
    ...files,
  ].join("\n");
}

function linesOf({ text, citations }: Answer): string[] {
  return [
    ...text.split("\n"),
    "",
    `citations: ${citations.length}`,
    ...citations.flatMap(({ filename, file_id, start_index, end_index }) => [
      `  ${filename} at ${start_index}..${end_index}`,
      `  ${file_id}`,
    ]),
  ];
}
