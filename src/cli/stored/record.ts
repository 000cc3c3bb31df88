/** One record in, its bytes with the missing citations out. */
import { isUtf8 } from "node:buffer";
import { isRecord } from "../../bad-input.js";
import { andThen, repairOutput } from "../../responses/repair.js";
import { type RepairContext, ResponseRepair } from "../../responses/response-repair.js";
import { takeEvent } from "../../responses/stream.js";
import { type Event, FINAL } from "../../responses/stream-events.js";
import { StreamRepair } from "../../responses/stream-repair.js";
import type { Report } from "../../types.js";
import { edited } from "./edit.js";
import type { Piece } from "./piece.js";

/** What became of a record. */
export interface Repaired {
  /** The very bytes that came, where nothing was missing. */
  bytes: Buffer;
  /** One for each response that is complete with this record. */
  reports: readonly Report[];
  /** Of a line of a Batch API's output. */
  customId?: unknown;
  /** Why it is no response and no event. It passes as it is. */
  problem?: string;
  /** It is an event, and the response that it belongs to goes on. */
  isInsideStream?: boolean;
}

export class RecordRepair {
  readonly #context: RepairContext;
  readonly #stream: StreamRepair;
  /** What the stream's responses came to, since somebody asked last. */
  readonly #reports: Report[] = [];
  /** The event before, while it is waited for: the next one has to come after it. */
  #eventBefore: Promise<unknown> | undefined;
  #numberBefore: unknown;
  #isInsideStream = false;

  constructor(context: RepairContext) {
    this.#context = context;
    const settings = { ...context.settings, onReport: (report: Report) => this.#reports.push(report) };
    this.#stream = new StreamRepair({ ...context, settings });
  }

  /** At once where nothing has to be waited for. */
  take({ bytes, problem, shape }: Piece): Repaired | Promise<Repaired> {
    if (problem !== undefined) return { bytes, reports: [], problem };
    if (!isUtf8(bytes)) return { bytes, reports: [], problem: "not UTF-8" };
    const text = bytes.toString();
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      return { bytes, reports: [], problem: "no JSON" };
    }
    if (isEvent(value))
      return this.#takeInTurn(value, text, bytes, shape === "array" ? ",\n" : newlineOf(text));
    const found = responseIn(value);
    if (!found) return { bytes, reports: [], problem: "no response" };
    return andThen(this.#repair(found.response), ({ response, report }) => ({
      bytes: response === found.response ? bytes : Buffer.from(edited(text, value, found.around(response))),
      reports: [report],
      ...("customId" in found && { customId: found.customId }),
    }));
  }

  /** The input is over: what the last response came to, if its events were cut off. */
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

  #takeInTurn(event: Event, text: string, bytes: Buffer, separator: string): Repaired | Promise<Repaired> {
    const take = (): Repaired | Promise<Repaired> => this.#takeEvent(event, text, bytes, separator);
    const repaired = this.#eventBefore ? this.#eventBefore.then(take) : take();
    if (repaired instanceof Promise) {
      const settled = repaired.then(() => {
        if (this.#eventBefore === settled) this.#eventBefore = undefined;
      });
      this.#eventBefore = settled;
    }
    return repaired;
  }

  #takeEvent(event: Event, text: string, bytes: Buffer, separator: string): Repaired | Promise<Repaired> {
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
          return { ...pass(), bytes: written(events, event, text, separator) };
        },
      );
      return repaired instanceof Promise ? repaired.catch(pass) : repaired;
    } catch {
      return pass(); // a mistake of ours, or an event that nobody thought of, is no reason to lose it
    }
  }
}

/** The events in place of one, which is the last of them; it keeps what stands around it. */
function written(events: readonly Event[], event: Event, text: string, separator: string): Buffer {
  const own = events.at(-1);
  if (own?.type !== event.type) return Buffer.from(text); // nothing that a stream's repair does
  const inserted = events.slice(0, -1).map((added) => JSON.stringify(added) + separator);
  return Buffer.from(inserted.join("") + edited(text, event, own));
}

function newlineOf(text: string): string {
  return text.endsWith("\r\n") ? "\r\n" : "\n";
}

function isEvent(value: unknown): value is Event {
  if (!isRecord(value) || typeof value.type !== "string") return false;
  return value.type.startsWith("response.") || value.type === "error" || value.type === "keepalive";
}

/** A response, and what is around it. */
interface Found {
  response: Event;
  /** The record with another response in place of its own. */
  around: (response: Event) => unknown;
  customId?: unknown;
}

function responseIn(value: unknown): Found | undefined {
  if (!isRecord(value)) return undefined;
  if (Array.isArray(value.output)) return { response: value, around: (response) => response };
  // A line of a Batch API's output.
  const { response: answer, custom_id: customId } = value;
  if (!isRecord(answer) || !isRecord(answer.body) || !Array.isArray(answer.body.output)) return undefined;
  const around = (body: Event): unknown => ({ ...value, response: { ...answer, body } });
  return { response: answer.body, around, customId };
}
