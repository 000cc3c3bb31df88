/** Reads a streamed response: prints its text as it arrives and keeps the final response. */
import { isRecord } from "../errors.js";
import { ProgressLine } from "./progress.js";
import { shown } from "./terminal.js";

type Event = Record<string, unknown>;

export class Answer {
  text = "";
  /** A message for the user that says why the response is not complete. */
  problem: string | undefined;
  #response: Event | undefined;
  #status = "waiting for the response";
  readonly #out: NodeJS.WriteStream | undefined;
  readonly #line: ProgressLine;

  /** The text is written to `out`. On a terminal, its control characters are replaced, because they could change the display. */
  constructor(out: NodeJS.WriteStream | undefined) {
    this.#out = out;
    this.#line = new ProgressLine(process.stderr, () => `${this.#status} …`);
  }

  get responseId(): unknown {
    return this.#response?.id;
  }

  get isComplete(): boolean {
    return this.#response?.status === "completed";
  }

  take(event: Event): void {
    const { type, delta, item, response } = event;
    switch (type) {
      case "response.output_text.delta":
      case "response.refusal.delta":
        if (typeof delta === "string") this.#write(delta);
        return;
      case "response.content_part.added":
        if (this.text !== "") this.#write("\n\n");
        return;
      case "response.output_item.added":
        this.#status =
          isRecord(item) && item.type === "code_interpreter_call" ? "running Python" : "thinking";
        this.#showStatus();
        return;
      case "response.completed":
      case "response.incomplete":
      case "response.failed":
        if (isRecord(response)) this.#response = response;
        return;
      case "error":
        this.problem = `the API reports: ${messageOf(event) ?? messageOf(event.error) ?? "an error"}`;
        return;
      default:
        this.#showStatus();
    }
  }

  /** Returns the final response. Call this after the last event. Throws if there was no final event. */
  end(): Event & { output: unknown } {
    this.#line.clear();
    if (this.text !== "" && !this.text.endsWith("\n")) this.#out?.write("\n");
    const response = this.#response;
    if (!response) throw new Error(this.problem ?? "the stream ended before the response was complete");
    if (!this.isComplete) {
      const { incomplete_details: details } = response;
      const reason = messageOf(response.error) ?? (isRecord(details) ? details.reason : undefined);
      const what =
        response.status === "failed" ? "the response failed" : `the response is ${response.status}`;
      this.problem ??= reason ? `${what}: ${reason}` : what;
    }
    return { ...response, output: Array.isArray(response.output) ? response.output : [] };
  }

  #write(text: string): void {
    this.#line.clear();
    this.text += text;
    this.#out?.write(this.#out.isTTY ? shown(text) : text);
  }

  /** Shows the status below the text. Does nothing while the text's last line is incomplete: the status would overwrite it. */
  #showStatus(): void {
    if (this.text === "" || this.text.endsWith("\n")) this.#line.update();
  }
}

function messageOf(value: unknown): string | undefined {
  return isRecord(value) && typeof value.message === "string" ? value.message : undefined;
}
