/** Repairs a JSON body: reads it whole, then adds the missing citations to its bytes. */
import { asError } from "../errors.js";
import { repairItemList, repairOutput } from "../responses/output-repair.js";
import type { ResponseRepair } from "../responses/response-repair.js";
import { type BodyReader, concat, LONGEST_TEXT } from "./body.js";
import { editJson, parseObject } from "./json-edit.js";

const decoder = new TextDecoder();

/** What a JSON body contains. */
export interface AnswerShape {
  /** A response, a list of items in `data`, or a single item. */
  holds: "response" | "items" | "item";
  /** True if a list begins with its newest item. */
  isNewestFirst: boolean;
}

/**
 * Returns a JSON body with the missing citations added. Starts reading the upstream body when the consumer first reads. If
 * nothing is missing or the body does not have the given shape, all bytes stay the same. A body of more than `longest` bytes is
 * passed on chunk by chunk, unchanged.
 */
export function repairJson(
  reader: BodyReader,
  repair: ResponseRepair,
  shape: AnswerShape,
  longest = LONGEST_TEXT,
): ReadableStream<Uint8Array> {
  let failure: { error: unknown } | undefined;
  let isTooLong = false;
  const readAll = async (): Promise<Uint8Array[]> => {
    const chunks: Uint8Array[] = [];
    let length = 0;
    try {
      for (let read = await reader.read(); !read.done; read = await reader.read()) {
        chunks.push(read.value);
        length += read.value.length;
        isTooLong = length > longest;
        if (isTooLong) break;
      }
    } catch (error) {
      failure = { error };
    }
    return chunks;
  };
  const repairAll = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
    const chunks = await readAll();
    // After an upstream error, the chunks that came before the error are sent unchanged. The error follows them.
    if (failure) repair.finish(asError(failure.error));
    else if (isTooLong) finishTooLong(repair, longest);
    const out = failure || isTooLong ? chunks : await repairedChunks(repair, chunks, shape);
    for (const chunk of out) controller.enqueue(chunk);
    if (failure && out.length === 0) controller.error(failure.error);
    if (!failure && !isTooLong) controller.close();
  };
  const passOn = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
    const { done, value } = await reader.read();
    if (done) controller.close();
    else controller.enqueue(value);
  };
  return new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (failure) return controller.error(failure.error);
        return isTooLong ? passOn(controller) : repairAll(controller);
      },
      cancel(reason) {
        repair.cancel(reason);
        return reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
}

function finishTooLong(repair: ResponseRepair, longest: number): void {
  repair.noteError(new Error(`the answer is too long to read: more than ${longest} bytes`));
  repair.finish();
}

/** Returns the body's chunks with the missing citations added. Returns the same array if the body does not change. */
async function repairedChunks(
  repair: ResponseRepair,
  chunks: Uint8Array[],
  shape: AnswerShape,
): Promise<readonly Uint8Array[]> {
  const json = concat(chunks);
  const text = decoder.decode(json);
  const answer = parseObject(text);
  if (!answer || !hasShape(answer, shape)) return chunks;
  let out = chunks;
  try {
    const repaired = await repairShape(repair, answer, shape);
    if (repaired !== answer) out = [editJson(json, answer, repaired, 0, text)];
  } catch (error) {
    repair.noteError(error); // the caller must get the answer even if this code has a bug
  }
  repair.finish();
  return out;
}

function hasShape(answer: Record<string, unknown>, { holds }: AnswerShape): boolean {
  if (holds === "item") return typeof answer.type === "string";
  return Array.isArray(holds === "items" ? answer.data : answer.output);
}

/** Returns the answer with the missing citations added. Returns the same object if nothing is missing. */
async function repairShape(
  repair: ResponseRepair,
  answer: Record<string, unknown>,
  { holds, isNewestFirst }: AnswerShape,
): Promise<Record<string, unknown>> {
  if (holds === "response") return repairOutput(repair, answer);
  if (holds === "items") return repairItemList(repair, answer, isNewestFirst);
  const { data } = await repairItemList(repair, { data: [answer] }, false);
  return data[0]!;
}
