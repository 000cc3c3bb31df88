/** What a response hands over: the files it cites and the images it carries. */
import { badInput, isRecord } from "../bad-input.js";
import { isPictureType, pictureExtension, pictureTypeOf } from "./pictures.js";

/** A file in a container, cited in some part of the response. It is downloaded by its two ids. */
export interface CitedFile {
  kind: "container-file";
  containerId: string;
  fileId: string;
  /** As the API gives it. It comes from the model: no path to write to as it is. */
  filename: string;
}

/** A picture that the image generation tool made. It is in the response itself. */
export interface GeneratedImage {
  kind: "generated-image";
  /** The id of the `image_generation_call`. */
  itemId: string;
  /** Of the item's id and the format. */
  filename: string;
  /** What the bytes say, else what the item's `output_format` says, else `image/png`, the API's default. */
  mediaType: string;
  base64: string;
}

/** A picture among the outputs of a Code Interpreter call. They are there only if the request included them. */
export interface CodeImage {
  kind: "code-image";
  /** The id of the `code_interpreter_call`. */
  itemId: string;
  /** Of the call's id and the picture's place among its outputs. */
  filename: string;
  /** What a `data:` URL says of itself; `undefined` for any other. */
  mediaType: string | undefined;
  /** `data:` or `https:`. */
  url: string;
}

/** One thing that a response hands over. */
export type CollectedFile = CitedFile | GeneratedImage | CodeImage;

/**
 * Everything that a response hands over, in its order, each once: the container files cited in any part (charts cited
 * from 0 to 0 as well), generated images, images among the outputs of Code Interpreter calls. Asks nobody.
 *
 * @param response a complete response, plain or a stream's final one.
 * @throws {TypeError} when `response` is none.
 * @example
 * ```ts
 * import OpenAI from "openai";
 * import { collectFiles, withFileCitations } from "openai-file-citations";
 *
 * const client = withFileCitations(new OpenAI());
 * const response = await client.responses.create({
 *   model: "gpt-5",
 *   input: "Plot a sine wave",
 *   tools: [{ type: "code_interpreter", container: { type: "auto" } }],
 * });
 * for (const file of collectFiles(response)) console.log(file.kind, file.filename);
 * ```
 */
export function collectFiles(response: { output: unknown }): CollectedFile[] {
  if (!isRecord(response) || !Array.isArray(response.output)) {
    throw badInput("response", "a response of the Responses API, with an output array", response);
  }
  // Of two that are the same, the first one stays, and so does its place.
  const files = new Map<string, CollectedFile>();
  for (const item of response.output) {
    for (const file of filesOfItem(item)) if (!files.has(keyOf(file))) files.set(keyOf(file), file);
  }
  return [...files.values()];
}

function keyOf(file: CollectedFile): string {
  if (file.kind === "container-file") return JSON.stringify([file.containerId, file.fileId]);
  return file.kind === "code-image" ? file.url : file.itemId;
}

function filesOfItem(item: unknown): CollectedFile[] {
  if (!isRecord(item)) return [];
  switch (item.type) {
    case "message":
      return Array.isArray(item.content) ? item.content.flatMap(citedFilesOf) : [];
    case "image_generation_call":
      return generatedImageOf(item);
    case "code_interpreter_call":
      return codeImagesOf(item);
    default:
      return [];
  }
}

function citedFilesOf(part: unknown): CitedFile[] {
  if (!isRecord(part) || !Array.isArray(part.annotations)) return [];
  return part.annotations.filter(isRecord).flatMap((annotation): CitedFile[] => {
    const { type, container_id: containerId, file_id: fileId, filename } = annotation;
    if (type !== "container_file_citation") return [];
    if (typeof containerId !== "string" || typeof fileId !== "string") return [];
    return [
      {
        kind: "container-file",
        containerId,
        fileId,
        filename: typeof filename === "string" ? filename : fileId,
      },
    ];
  });
}

/** How much of a picture's base64 tells its type. */
const START = 32;

function generatedImageOf(item: Record<string, unknown>): GeneratedImage[] {
  const { id, result, output_format: format } = item;
  if (typeof id !== "string" || typeof result !== "string" || result === "") return [];
  const said = `image/${format}`;
  const mediaType = pictureTypeOf(decodedStart(result)) ?? (isPictureType(said) ? said : "image/png");
  return [
    {
      kind: "generated-image",
      itemId: id,
      filename: `${id}.${pictureExtension(mediaType)}`,
      mediaType,
      base64: result,
    },
  ];
}

/** The first bytes that base64 stands for, one character each. */
function decodedStart(base64: string): string {
  try {
    return atob(base64.slice(0, START));
  } catch {
    return ""; // it is none
  }
}

function codeImagesOf(item: Record<string, unknown>): CodeImage[] {
  const { id, outputs } = item;
  if (typeof id !== "string" || !Array.isArray(outputs)) return [];
  return outputs.flatMap((output, position): CodeImage[] => {
    if (!isRecord(output) || output.type !== "image" || typeof output.url !== "string") return [];
    if (!/^(?:data|https):/i.test(output.url)) return [];
    const mediaType = /^data:([^;,]+)/i.exec(output.url)?.[1]?.toLowerCase();
    const extension = pictureExtension(mediaType);
    return [
      {
        kind: "code-image",
        itemId: id,
        filename: `${id}-${position + 1}.${extension}`,
        mediaType,
        url: output.url,
      },
    ];
  });
}
