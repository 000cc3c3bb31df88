/** A JSON answer as bytes: read whole, repaired once, the very same bytes where nothing was missing. */
import { asError, isRecord } from "../bad-input.js";
import { repairItemList, repairOutput } from "../responses/repair.js";
import type { ResponseRepair } from "../responses/response-repair.js";
import type { BodyReader } from "./body.js";
import { concat } from "./sse.js";

/** What an answer holds. */
export interface AnswerShape {
  /** A list of items rather than a response. */
  isItemList: boolean;
  isNewestFirst: boolean;
}

/** A JSON body, repaired once somebody reads it. One that is no response, or lacks nothing, is the same bytes. */
export function repairJson(
  reader: BodyReader,
  repair: ResponseRepair,
  shape: AnswerShape,
): ReadableStream<Uint8Array> {
  let failure: { error: unknown } | undefined;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        if (failure) return controller.error(failure.error);
        const chunks: Uint8Array[] = [];
        try {
          for (let read = await reader.read(); !read.done; read = await reader.read()) {
            chunks.push(read.value);
          }
        } catch (error) {
          // What came before the break goes out first, as it would have.
          failure = { error };
          repair.finish(asError(error));
          if (chunks.length === 0) return controller.error(error);
          return controller.enqueue(concat(chunks));
        }
        const answer = parseObject(new TextDecoder().decode(concat(chunks)));
        const repaired = answer && (await repairAnswer(repair, answer, shape));
        if (repaired === undefined) for (const chunk of chunks) controller.enqueue(chunk);
        else controller.enqueue(new TextEncoder().encode(repaired));
        controller.close();
      },
      cancel(reason) {
        repair.cancel(reason);
        return reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
}

/** The object that a text is the JSON of; `undefined` for any other text. */
export function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** A response, or a list of items, with what it lacks, as text; `undefined` for anything else, or where it lacks nothing. */
async function repairAnswer(
  repair: ResponseRepair,
  answer: Record<string, unknown>,
  { isItemList, isNewestFirst }: AnswerShape,
): Promise<string | undefined> {
  if (!Array.isArray(isItemList ? answer.data : answer.output)) return undefined;
  let repaired = answer;
  try {
    repaired = isItemList
      ? await repairItemList(repair, answer, isNewestFirst)
      : await repairOutput(repair, answer);
  } catch (error) {
    repair.noteError(error); // a mistake of ours is no reason to lose the answer
  }
  repair.finish();
  if (repaired === answer) return undefined;
  try {
    return JSON.stringify(repaired);
  } catch {
    return undefined; // nor is one that can be read, but not written again
  }
}
