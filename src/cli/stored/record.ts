/** Repairs one record of an input: a response, a line of the Batch API's output, or an event. */
import { isUtf8 } from "node:buffer";
import { isRecord } from "../../errors.js";
import { editJson } from "../../http/json-edit.js";
import { andThen } from "../../promises.js";
import { repairOutput } from "../../responses/output-repair.js";
import { type RepairContext, ResponseRepair } from "../../responses/response-repair.js";
import type { Event } from "../../stream/events.js";
import type { Report } from "../../types.js";
import { EventRecords } from "./events.js";
import { asBuffer, type Piece, type Repaired } from "./piece.js";
import type { Later } from "./window.js";

export class RecordRepair {
  readonly #context: RepairContext;
  readonly #events: EventRecords;

  constructor(context: RepairContext) {
    this.#context = context;
    // No retries: a stored response is old. If a file is not in the container's list now, it will never appear there.
    this.#events = new EventRecords({ ...context, settings: { ...context.settings, retries: 0 } });
  }

  /** Repairs a record. Returns a promise only if the repair must wait: for a list, for an earlier event, or for later events. */
  take({ bytes, problem, shape }: Piece): Repaired | Promise<Repaired | Later<Repaired>> {
    if (problem !== undefined) return { bytes, reports: [], problem };
    if (!isUtf8(bytes)) return { bytes, reports: [], problem: "not UTF-8" };
    let text: string;
    let value: unknown;
    try {
      text = bytes.toString();
      value = JSON.parse(text);
    } catch {
      return { bytes, reports: [], problem: "invalid JSON" };
    }
    if (isEvent(value)) return this.#events.take(value, bytes, shape === "array" ? ",\n" : newlineOf(text));
    const found = responseIn(value);
    if (!found) return { bytes, reports: [], problem: "neither a response nor an event" };
    const isInsideStream = this.#events.mayBeInside;
    return andThen(this.#repair(found.response), ({ response, report }) => ({
      bytes: response === found.response ? bytes : asBuffer(editJson(bytes, value, found.around(response))),
      reports: [report],
      ...("customId" in found && { customId: found.customId }),
      isInsideStream,
    }));
  }

  /**
   * Repairs the held records now, although they wait for later events. Call this if the later events cannot be read until the
   * held records are written.
   */
  release(): void | Promise<void> {
    return this.#events.release();
  }

  /** Repairs the held records. Returns reports and citations of responses that were cut off. Call this at the input's end. */
  end(): Promise<Repaired | undefined> {
    return this.#events.end();
  }

  #repair(
    response: Event,
  ): { response: Event; report: Report } | Promise<{ response: Event; report: Report }> {
    const repair = new ResponseRepair(this.#context);
    return andThen(repairOutput(repair, response), (repaired) => ({
      response: repaired,
      report: repair.finish(),
    }));
  }
}

function newlineOf(text: string): string {
  return text.endsWith("\r\n") ? "\r\n" : "\n";
}

function isEvent(value: unknown): value is Event {
  if (!isRecord(value) || typeof value.type !== "string") return false;
  return value.type.startsWith("response.") || value.type === "error" || value.type === "keepalive";
}

/** The response in a record. */
interface Found {
  response: Event;
  /** Returns the whole record, with the given response in place of its own. */
  around: (response: Event) => unknown;
  customId?: unknown;
}

function responseIn(value: unknown): Found | undefined {
  if (!isRecord(value)) return undefined;
  if (Array.isArray(value.output)) return { response: value, around: (response) => response };
  // The record is not a response. It may be a line of the Batch API's output.
  const { response: answer, custom_id: customId } = value;
  if (!isRecord(answer) || !isRecord(answer.body) || !Array.isArray(answer.body.output)) return undefined;
  const around = (body: Event): unknown => ({ ...value, response: { ...answer, body } });
  return { response: answer.body, around, customId };
}
