/** Repairs one record: a response, a line of a Batch API's output, or an event. */
import { isUtf8 } from "node:buffer";
import { isRecord } from "../../errors.js";
import { editJson } from "../../http/json-edit.js";
import { andThen, repairOutput } from "../../responses/repair.js";
import { type RepairContext, ResponseRepair } from "../../responses/response-repair.js";
import { type Event, FINAL } from "../../stream/events.js";
import { takeEvent } from "../../stream/lanes.js";
import { StreamRepair } from "../../stream/stream-repair.js";
import type { Report } from "../../types.js";
import type { Piece } from "./piece.js";

/** A record after its repair. */
export interface Repaired {
  /** If nothing was missing, this is the buffer of the given record itself. */
  bytes: Buffer;
  /** One report for each response that ends with this record. */
  reports: readonly Report[];
  /** The `custom_id` of a line of a Batch API's output. */
  customId?: unknown;
  /** Why the record is neither a response nor an event. Its bytes are written unchanged. */
  problem?: string;
  /** The record is an event, and more events of its response follow. */
  isInsideStream?: boolean;
}

export class RecordRepair {
  readonly #context: RepairContext;
  readonly #stream: StreamRepair;
  /** The stream's reports that no `Repaired` has yet. */
  readonly #reports: Report[] = [];
  /** Resolves when the last event is repaired. Events are repaired one after the other. */
  #eventBefore: Promise<unknown> | undefined;
  #numberBefore: unknown;
  #isInsideStream = false;

  constructor(context: RepairContext) {
    this.#context = context;
    // No retries: a stored response is old, so a file that its list lacks will not appear any more.
    const settings = {
      ...context.settings,
      retries: 0,
      onReport: (report: Report) => this.#reports.push(report),
    };
    this.#stream = new StreamRepair({ ...context, settings });
  }

  /** Repairs a record. Returns a promise only if it must wait, for a list or for the event before. */
  take({ bytes, problem, shape }: Piece): Repaired | Promise<Repaired> {
    if (problem !== undefined) return { bytes, reports: [], problem };
    if (!isUtf8(bytes)) return { bytes, reports: [], problem: "not UTF-8" };
    const text = bytes.toString();
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      return { bytes, reports: [], problem: "invalid JSON" };
    }
    if (isEvent(value)) return this.#takeInTurn(value, bytes, shape === "array" ? ",\n" : newlineOf(text));
    const found = responseIn(value);
    if (!found) return { bytes, reports: [], problem: "neither a response nor an event" };
    return andThen(this.#repair(found.response), ({ response, report }) => ({
      bytes: response === found.response ? bytes : asBuffer(editJson(bytes, value, found.around(response))),
      reports: [report],
      ...("customId" in found && { customId: found.customId }),
    }));
  }

  /** Call it at the input's end. If a response was cut off, returns its held events and its report. */
  async end(): Promise<Repaired | undefined> {
    await this.#eventBefore;
    if (!this.#isInsideStream) return undefined;
    const left = await this.#stream.end();
    const text = left.map((event) => `${JSON.stringify(event)}\n`).join("");
    return { bytes: Buffer.from(text), reports: this.#reports.splice(0) };
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

  #takeInTurn(event: Event, bytes: Buffer, separator: string): Repaired | Promise<Repaired> {
    const take = (): Repaired | Promise<Repaired> => this.#takeEvent(event, bytes, separator);
    const repaired = this.#eventBefore ? this.#eventBefore.then(take) : take();
    if (repaired instanceof Promise) {
      const settled = repaired.then(() => {
        if (this.#eventBefore === settled) this.#eventBefore = undefined;
      });
      this.#eventBefore = settled;
    }
    return repaired;
  }

  #takeEvent(event: Event, bytes: Buffer, separator: string): Repaired | Promise<Repaired> {
    const stream = this.#stream;
    const numberBefore = this.#numberBefore;
    this.#numberBefore = event.sequence_number;
    this.#isInsideStream = !FINAL.has(event.type);
    const isInsideStream = this.#isInsideStream;
    const pass = (): Repaired => ({ bytes, reports: this.#reports.splice(0), isInsideStream });
    try {
      const repaired = andThen(
        takeEvent(stream, event, () => numberBefore),
        (events): Repaired => {
          if (events.length === 1 && events[0] === event) return pass();
          return { ...pass(), bytes: written(events, event, bytes, separator) };
        },
      );
      return repaired instanceof Promise ? repaired.catch(pass) : repaired;
    } catch {
      return pass(); // a bug, or an event of an unknown shape: keep the event
    }
  }
}

/** The bytes of the events that replace `event`: inserted ones, then `event` itself with only its citations changed. */
function written(events: readonly Event[], event: Event, bytes: Buffer, separator: string): Buffer {
  const own = events.at(-1);
  if (own?.type !== event.type) return bytes; // does not happen: a repair never replaces an event by another type
  const inserted = events.slice(0, -1).map((added) => JSON.stringify(added) + separator);
  return Buffer.concat([Buffer.from(inserted.join("")), editJson(bytes, event, own)]);
}

/** The same bytes as a `Buffer`, without a copy. */
function asBuffer({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
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
  /** Returns the record with another response in place of its own. */
  around: (response: Event) => unknown;
  customId?: unknown;
}

function responseIn(value: unknown): Found | undefined {
  if (!isRecord(value)) return undefined;
  if (Array.isArray(value.output)) return { response: value, around: (response) => response };
  // Otherwise the record may be a line of a Batch API's output.
  const { response: answer, custom_id: customId } = value;
  if (!isRecord(answer) || !isRecord(answer.body) || !Array.isArray(answer.body.output)) return undefined;
  const around = (body: Event): unknown => ({ ...value, response: { ...answer, body } });
  return { response: answer.body, around, customId };
}
