/** Repairs an event stream: adds the missing citations while the bytes pass through. */

import { andThen } from "../promises.js";
import type { RepairContext } from "../responses/response-repair.js";
import { Lane, Lanes } from "../stream/lanes.js";
import { type BodyReader, LONGEST_TEXT } from "./body.js";
import { LaneFrames } from "./lane-frames.js";

/**
 * Returns the event stream with the missing citations added. Reads an upstream chunk only when the consumer asks for one.
 * Forwards a frame of more than `longest` bytes unchanged.
 */
export function repairEventStream(
  reader: BodyReader,
  context: RepairContext,
  longest = LONGEST_TEXT,
): ReadableStream<Uint8Array> {
  let controller: ReadableStreamDefaultController<Uint8Array>;
  let failure: { error: unknown } | undefined;
  const lanes = new Lanes(context);
  // Fails the stream, even while a read of the API's body is pending. `controller.error` would remove the bytes that are still in
  // the queue. So if the queue has bytes, the consumer gets these bytes first, and the consumer's next read fails.
  const failBetween = (error: unknown): void => {
    failure = { error };
    end(error);
    if (controller.desiredSize === 0) controller.error(error);
  };
  const frames = new LaneFrames(lanes, longest, (bytes) => controller.enqueue(bytes), failBetween);
  let reading: Promise<ReadableStreamReadResult<Uint8Array>> | undefined;
  // Returns the next chunk, or a lane that has held text for too long. If it returns a lane, the pending read continues, and a
  // later call returns the chunk of this read.
  const read = (): Promise<ReadableStreamReadResult<Uint8Array> | Lane> => {
    const { overdue } = lanes;
    if (!overdue && !reading) return reader.read();
    reading ??= reader.read();
    return Promise.race(overdue ? [reading, overdue] : [reading]).then((result) => {
      if (!(result instanceof Lane)) reading = undefined;
      return result;
    });
  };
  // Chains promises instead of awaiting them: this runs once for each delta and usually has nothing to wait for.
  const pass = (result: ReadableStreamReadResult<Uint8Array> | Lane): undefined | Promise<void> => {
    if (failure) return undefined; // the body was cancelled
    if (result instanceof Lane) return sendOverdue(result);
    const { done, value } = result;
    if (done)
      return frames
        .end()
        .then(() => (failure ? undefined : controller.close()))
        .catch(fail);
    const isSent = pushed(value);
    return isSent === true ? undefined : readUntilSent(isSent).catch(fail);
  };
  const pushed = (chunk: Uint8Array): boolean | Promise<boolean> => {
    try {
      return frames.push(chunk);
    } catch (error) {
      fail(error);
      return true;
    }
  };
  // Ends the repairs and cancels the upstream body. This is needed because a failed stream does not call `cancel` (below).
  const end = (error: unknown): void => {
    frames.fail(error);
    reader.cancel(error).catch(() => {});
  };
  // If the queue is empty, throws the error. Otherwise the consumer first gets the queued bytes, and its next read fails.
  const fail = (error: unknown): void => {
    end(error);
    if (controller.desiredSize === 0) throw error;
    failure = { error };
  };
  // Sends the bytes that came before the upstream error and were not sent yet. If there are any, the consumer's current read
  // gets these bytes, and its next read fails. If there are none, the current read fails.
  const failUpstream = (error: unknown): void | Promise<void> => {
    if (failure) return undefined; // the error comes from the body that was cancelled
    return andThen(frames.break(error), (isSent) => {
      if (!isSent) throw error;
      failure = { error };
    });
  };
  // Reads until something is sent, because the stream calls `pull` again only after `pull` has enqueued something. One chunk
  // may not be enough: it may complete no frame, or its frames may be held.
  const readUntilSent = async (isSent: boolean | Promise<boolean>): Promise<void> => {
    while (!(await isSent) && !failure) {
      let result: ReadableStreamReadResult<Uint8Array> | Lane;
      try {
        result = await read();
      } catch (error) {
        return failUpstream(error);
      }
      if (result instanceof Lane) isSent = frames.sendOverdue(result);
      else if (result.done) return pass(result);
      else isSent = frames.push(result.value);
    }
  };
  const sendOverdue = (lane: Lane): undefined | Promise<void> => {
    const isSent = frames.sendOverdue(lane);
    return isSent === true ? undefined : readUntilSent(isSent).catch(fail);
  };
  return new ReadableStream<Uint8Array>(
    {
      start(given) {
        controller = given;
      },
      pull: () => (failure ? Promise.reject(failure.error) : read().then(pass, failUpstream)),
      cancel(reason) {
        frames.cancel(reason);
        return reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
}
