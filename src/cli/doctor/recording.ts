/** Builds the recording of a `doctor` run for a bug report: the run's requests and responses, without personal data. */
import type { Check } from "./check.js";
import { serverAt } from "./connection.js";
import type { Versions } from "./environment.js";
import type { Exchange } from "./recorder.js";
import { REMOVED, Redaction } from "./redaction.js";

/** The facts about a run that are recorded besides the requests. */
export interface Run {
  baseURL: string;
  model: string;
  versions: Versions;
  checks: readonly Check[];
  /** Texts that must not be in the recording, such as the key. */
  secrets: readonly (string | undefined)[];
}

/** Returns the recording as JSON. */
export function recordingOf(exchanges: readonly Exchange[], run: Run): string {
  const { baseURL, model, versions, checks, secrets } = run;
  const redaction = new Redaction(baseURL, model, secrets);
  const read = exchanges.map((exchange) => ({
    exchange,
    request: parsed(exchange.requestBody ?? ""),
    answer: bodyOf(exchange),
  }));
  for (const { exchange, request, answer } of read) {
    redaction.learnHeaders(exchange.requestHeaders, true);
    redaction.learnHeaders(exchange.answerHeaders ?? new Headers(), false);
    redaction.learnIds(request);
    for (const value of answer.values) redaction.learnIds(value);
  }
  return JSON.stringify(
    {
      about: "A run of openai-file-citations doctor, for a bug report. Read it before you share it.",
      versions: { ...versions, platform: process.platform },
      server: serverAt(baseURL),
      checks: checks.map((check) => ({
        ...check,
        seen: redaction.text(check.seen),
        ...(check.advice && { advice: redaction.text(check.advice) }),
      })),
      exchanges: read.map(({ exchange, request, answer }) => ({
        sentMs: exchange.sentMs,
        request: {
          method: exchange.method,
          url: redaction.url(exchange.url),
          headers: redaction.headers(exchange.requestHeaders, true),
          ...(request !== undefined && { body: redaction.json(request) }),
        },
        ...(exchange.answerHeaders && {
          answer: {
            status: exchange.status,
            headers: redaction.headers(exchange.answerHeaders, false),
            ...answer.redacted(redaction),
          },
        }),
        endedMs: exchange.endedMs,
        failure: exchange.failure,
      })),
    },
    undefined,
    2,
  );
}

/** The body of a recorded response. */
interface Body {
  /** The JSON values in the body, parsed. */
  values: readonly unknown[];
  redacted(redaction: Redaction): object;
}

function bodyOf({ chunks, answerHeaders }: Exchange): Body {
  const bytes = Buffer.concat(chunks.map((chunk) => chunk.bytes));
  const type = answerHeaders?.get("content-type")?.toLowerCase() ?? "";
  if (type.startsWith("text/event-stream")) return eventsOf(bytes.toString());
  const value = parsed(bytes.toString());
  if (value !== undefined)
    return { values: [value], redacted: (redaction) => ({ body: redaction.json(value) }) };
  return { values: [], redacted: () => ({ bytes: bytes.length }) };
}

/** An event of a stream: the value of its `event:` line, and its data. */
interface Frame {
  event: string | undefined;
  /** The parsed data; `undefined` for `[DONE]` and for data that is not JSON. */
  value: unknown;
  characters: number;
  isDone: boolean;
}

function eventsOf(text: string): Body {
  const frames = text
    .split(/\r?\n\r?\n/)
    .filter((frame) => frame !== "")
    .map(frameOf);
  return {
    values: frames.map(({ value }) => value),
    redacted(redaction) {
      const personal = personalDeltas(frames, redaction);
      return {
        frames: frames.map((frame) => {
          if (frame.isDone) return { data: "[DONE]" };
          if (frame.value === undefined) return { characters: frame.characters };
          const { event } = frame;
          return {
            ...(event !== undefined && { event: /^[\w.]+$/.test(event) ? redaction.text(event) : REMOVED }),
            data: redaction.json(personal.has(keyOf(frame)) ? withoutDelta(frame.value) : frame.value),
          };
        }),
      };
    },
  };
}

function frameOf(frame: string): Frame {
  const lines = frame.split(/\r?\n/);
  const fieldsOf = (name: string): string[] =>
    lines.filter((line) => line.startsWith(`${name}:`)).map((line) => line.slice(name.length + 1).trim());
  const data = fieldsOf("data").join("\n");
  return {
    event: fieldsOf("event")[0],
    value: parsed(data),
    characters: frame.length,
    isDone: data === "[DONE]",
  };
}

/**
 * Joins the deltas of each text, and returns the keys of the texts that contain something personal, such as an id. A single delta
 * may look harmless, because an id may be cut into several deltas.
 */
function personalDeltas(frames: readonly Frame[], redaction: Redaction): ReadonlySet<string> {
  const texts = new Map<string, string>();
  for (const frame of frames) {
    const { delta } = Object(frame.value) as { delta?: unknown };
    if (typeof delta === "string") texts.set(keyOf(frame), (texts.get(keyOf(frame)) ?? "") + delta);
  }
  return new Set([...texts].filter(([, text]) => redaction.text(text) !== text).map(([key]) => key));
}

/** Returns the key of the text that a delta belongs to. */
function keyOf({ value }: Frame): string {
  const { type, item_id: id, content_index: index } = Object(value) as Record<string, unknown>;
  return JSON.stringify([type, id, index]);
}

function withoutDelta(value: unknown): object {
  return { ...Object(value), delta: REMOVED };
}

/** Returns parsed JSON; `undefined` if the text is not JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
