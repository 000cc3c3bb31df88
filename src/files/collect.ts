/** Lists the files of a response: the container files that it cites and the images that it contains. */
import { badInput, isRecord } from "../errors.js";
import { partsOf } from "../responses/items.js";
import { isPictureType, pictureExtension, pictureTypeOf } from "./pictures.js";

/** A container file that the response cites. Both ids are needed to download the file. */
export interface CitedFile {
  kind: "container-file";
  containerId: string;
  fileId: string;
  /** The name in the citation. It comes from the model, so it is not safe to use as a path. */
  filename: string;
}

/** An image that the image generation tool made. The response contains the image's bytes. */
export interface GeneratedImage {
  kind: "generated-image";
  /** The id of the `image_generation_call`. */
  itemId: string;
  /** Consists of the item's id and an extension for the image format. */
  filename: string;
  /**
   * The image's media type, judging by its first bytes. If these bytes show no known type, the item's `output_format` decides.
   * If `output_format` is not a known type either, the media type is `image/png`, the API's default.
   */
  mediaType: string;
  base64: string;
}

/** An image in the outputs of a Code Interpreter call. The API sends outputs only if the request's `include` asks for them. */
export interface CodeImage {
  kind: "code-image";
  /** The id of the `code_interpreter_call`. */
  itemId: string;
  /** Consists of the call's id, the position of the image in the call's outputs (from 1), and an extension. */
  filename: string;
  /** The media type in a `data:` URL; `undefined` for other URLs. */
  mediaType: string | undefined;
  /** A `data:` or `https:` URL. */
  url: string;
}

/** One file of a response. */
export type CollectedFile = CitedFile | GeneratedImage | CodeImage;

/**
 * Returns all files of a response, each once and in the order of the output. Sends no requests. The files are
 *
 * - the container files that are cited in a message, or in one agent's answer to another. Charts are among them: their citations
 *   have the range 0 to 0;
 * - generated images;
 * - images in the outputs of Code Interpreter calls.
 *
 * @param response a complete response, such as the one in a stream's final event.
 * @throws {TypeError} if `response` is not a response.
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
  // A file that occurs several times keeps the position of its first occurrence.
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
    case "image_generation_call":
      return generatedImageOf(item);
    case "code_interpreter_call":
      return codeImagesOf(item);
    default:
      return partsOf(item)?.parts.flatMap(citedFilesOf) ?? [];
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

/** How many characters of an image's base64 are decoded to recognize its type. */
const START = 32;

function generatedImageOf(item: Record<string, unknown>): GeneratedImage[] {
  const { id, result, output_format: format } = item;
  if (typeof id !== "string" || typeof result !== "string" || result === "") return [];
  const declared = `image/${format}`;
  const mediaType = pictureTypeOf(decodedStart(result)) ?? (isPictureType(declared) ? declared : "image/png");
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

/** Decodes the start of an image's base64 into a string with one character per byte. Returns `""` if the base64 is invalid. */
function decodedStart(base64: string): string {
  try {
    return atob(base64.slice(0, START));
  } catch {
    return "";
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
