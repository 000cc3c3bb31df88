/**
 * Makes the response and the events of one turn. The fields and the events, and their order, are those of the API. The ids are
 * our own.
 */
import { createHash } from "node:crypto";

const MODEL = "gpt-5-mini-2025-08-07";

/** Returns hexadecimal digits that look random and are always the same for the same seed. */
export function digits(seed, length) {
  return createHash("sha512").update(seed).digest("hex").slice(0, length);
}

/** One turn of a model: what it did, as items and as the events of a stream. */
export class Turn {
  #name;
  #createdAt;
  #isAzure;
  #status;
  #hasOutputs;
  #container;
  #ids = 0;
  /** The citations of the charts since the last message. They come first in the annotations of the next message. */
  #charts = [];
  items = [];
  files = [];

  constructor(name, createdAt, { steps, isCutOff = false, isAzure = false }) {
    this.#name = name;
    this.#createdAt = createdAt;
    this.#isAzure = isAzure;
    this.#status = isCutOff ? "incomplete" : "completed";
    this.#hasOutputs = steps.some(({ logs }) => logs !== undefined);
    this.#container = `cntr_${this.#time()}${digits(`${name} container`, 40)}`;
    for (const [index, step] of steps.entries()) {
      this.items.push({ id: this.#id("rs"), type: "reasoning", summary: [] });
      const isLast = index === steps.length - 1;
      this.items.push(
        typeof step === "string"
          ? this.#message(step, isLast ? this.#status : "completed")
          : this.#call(step),
      );
    }
  }

  #time() {
    return (this.#createdAt + this.#ids).toString(16);
  }

  /** Returns an id like the service's: a time, random digits, and digits that all ids of a response have in common. */
  #id(prefix) {
    this.#ids += 1;
    return `${prefix}_${this.#time()}${digits(`${this.#name} ${this.#ids}`, 24)}${digits(this.#name, 16)}`;
  }

  #file(name) {
    this.#ids += 1;
    const id = `cfile_${this.#time()}${digits(`${this.#name} ${this.#ids}`, 24)}`;
    const file = {
      id,
      object: "container.file",
      container_id: this.#container,
      created_at: this.#createdAt + this.#ids,
      bytes: 1000 + this.#ids,
      path: `/mnt/data/${name ?? `${id}.png`}`,
      source: "assistant",
    };
    this.files.push(file);
    return file;
  }

  #call({ code, logs, files = [], chart = false }) {
    const id = this.#id("ci");
    if (chart) this.#charts.push(this.#citation(this.#file(), 0, 0));
    for (const name of files) this.#file(name);
    const outputs = this.#hasOutputs ? (logs ? [{ type: "logs", logs }] : []) : null;
    return {
      id,
      type: "code_interpreter_call",
      status: "completed",
      code,
      container_id: this.#container,
      outputs,
    };
  }

  #citation({ id, path }, start, end) {
    return {
      type: "container_file_citation",
      container_id: this.#container,
      end_index: end,
      file_id: id,
      filename: path.split("/").at(-1),
      ...(this.#isAzure && { index: null }),
      start_index: start,
    };
  }

  /** Returns the message with its citations: first those of charts, then those of links. Their ranges count code points. */
  #message(text, status) {
    const links = [...text.matchAll(/\]\((sandbox:([^)]+))\)/dg)].map((match) => {
      const [start, end] = match.indices[1].map((at) => [...text.slice(0, at)].length);
      const file = this.files.find(({ path }) => path === match[2]);
      return this.#citation(file, start, end);
    });
    const annotations = [...this.#charts.splice(0), ...links];
    return {
      id: this.#id("msg"),
      type: "message",
      status,
      content: [{ type: "output_text", annotations, logprobs: [], text }],
      role: "assistant",
    };
  }

  /**
   * Returns the response object after the turn has ended, as in a plain response and in a stream's last event. If `isOver` is
   * false, returns the response object of a stream's first events.
   */
  response({ isOver = true, more } = {}) {
    const isCutOff = isOver && this.#status === "incomplete";
    return {
      id: `resp_${this.#createdAt.toString(16)}${digits(`${this.#name} response`, 24)}${digits(this.#name, 16)}`,
      object: "response",
      created_at: this.#createdAt,
      status: isOver ? this.#status : "in_progress",
      background: false,
      ...more,
      error: null,
      incomplete_details: isCutOff ? { reason: "max_output_tokens" } : null,
      instructions: null,
      max_output_tokens: this.#status === "incomplete" ? 600 : null,
      max_tool_calls: null,
      model: MODEL,
      output: isOver ? this.items : [],
      parallel_tool_calls: true,
      previous_response_id: null,
      prompt_cache_key: null,
      reasoning: { effort: "medium", summary: null },
      safety_identifier: null,
      service_tier: isOver ? "default" : "auto",
      store: true,
      temperature: 1,
      text: { format: { type: "text" }, verbosity: "medium" },
      tool_choice: "auto",
      tools: [{ type: "code_interpreter", container: { type: "auto" } }],
      top_logprobs: 0,
      top_p: 1,
      truncation: "disabled",
      usage: isOver ? usage(this.items) : null,
      user: null,
      metadata: {},
    };
  }

  events() {
    const events = [
      { type: "response.created", response: this.response({ isOver: false }) },
      { type: "response.in_progress", response: this.response({ isOver: false }) },
      ...this.items.flatMap((item, output_index) => eventsOf(item, output_index)),
      { type: `response.${this.#status}`, response: this.response() },
    ];
    return events.map(({ type, ...event }, sequence_number) => ({ type, sequence_number, ...event }));
  }
}

function usage(items) {
  const output_tokens = JSON.stringify(items).length;
  const input_tokens = 2 * output_tokens;
  return {
    input_tokens,
    input_tokens_details: { cached_tokens: 0 },
    output_tokens,
    output_tokens_details: { reasoning_tokens: Math.floor(output_tokens / 2) },
    total_tokens: input_tokens + output_tokens,
  };
}

/** Returns the events of one item, without their sequence numbers. */
function eventsOf(item, output_index) {
  const [begun, between] = {
    reasoning: () => [item, []],
    code_interpreter_call: () => callEvents(item, output_index),
    message: () => messageEvents(item, output_index),
  }[item.type]();
  return [
    { type: "response.output_item.added", output_index, item: begun },
    ...between,
    { type: "response.output_item.done", output_index, item },
  ];
}

function callEvents(item, output_index) {
  const place = { output_index, item_id: item.id };
  const call = "response.code_interpreter_call";
  const between = [
    { type: `${call}.in_progress`, ...place },
    ...deltas(item.code).map((delta) => ({ type: `${call}_code.delta`, ...place, ...delta })),
    { type: `${call}_code.done`, ...place, code: item.code },
    { type: `${call}.interpreting`, ...place },
    { type: `${call}.completed`, ...place },
  ];
  return [{ ...item, status: "in_progress", code: "", outputs: item.outputs && [] }, between];
}

function messageEvents(item, output_index) {
  const [part] = item.content;
  const { annotations, text } = part;
  const place = { item_id: item.id, output_index, content_index: 0 };
  const between = [
    { type: "response.content_part.added", ...place, part: { ...part, annotations: [], text: "" } },
    ...deltas(text).map(({ delta, obfuscation }) => ({
      type: "response.output_text.delta",
      ...place,
      delta,
      logprobs: [],
      obfuscation,
    })),
    ...annotations.map((annotation, annotation_index) => ({
      type: "response.output_text.annotation.added",
      ...place,
      annotation_index,
      annotation,
    })),
    { type: "response.output_text.done", ...place, text, logprobs: [] },
    { type: "response.content_part.done", ...place, part },
  ];
  return [{ ...item, status: "in_progress", content: [] }, between];
}

/**
 * Splits a text into deltas, roughly as tokens would. Each delta and its `obfuscation` field together have a multiple of 16
 * characters.
 */
function deltas(text) {
  return text.match(/[ ]?\p{L}+|[ ]?\d{1,3}|\s+|[ ]?[^\p{L}\d\s]{1,3}/gu).map((delta) => {
    const length = 16 - (delta.length % 16);
    return { delta, obfuscation: digits(`obfuscation of ${delta}`, length) };
  });
}
