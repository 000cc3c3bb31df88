/** Counts the cited and uncited mentions in reports, for each model. Formats the counts as a table or as JSON. */
import type { Report, UnresolvedReason } from "../types.js";
import { shown } from "./terminal.js";

/**
 * The maximum number of models that are counted separately. All other models are counted together, so that a file with many
 * models does not fill the memory.
 */
const MOST_MODELS = 1000;
const OTHER_MODELS = "(others)";
const NO_MODEL = "(none)";
/** The maximum length of a model's name, in characters. Longer names are cut. The names of real models are much shorter. */
const LONGEST_MODEL = 100;

/** The counts of one model, or of all models together. */
interface Counts {
  responses: number;
  /** Texts that mention at least one file. */
  texts: number;
  /** Places where a text mentions a file. This is the sum of the next three counts. */
  mentions: number;
  citedByApi: number;
  recovered: number;
  /** Mentions that have no citation, even after the repair. */
  left: number;
  /** The number of `left` mentions for each reason. */
  reasons: Record<UnresolvedReason, number>;
  /** Responses whose recovery failed. */
  failed: number;
}

const NO_REASONS: Counts["reasons"] = {
  "not-found": 0,
  ambiguous: 0,
  directory: 0,
  pattern: 0,
  "container-unavailable": 0,
};

const newCounts = (): Counts => ({
  ...{ responses: 0, texts: 0, mentions: 0, citedByApi: 0, recovered: 0, left: 0 },
  reasons: { ...NO_REASONS },
  failed: 0,
});

export class Statistics {
  readonly #total = newCounts();
  readonly #byModel = new Map<string | null, Counts>();

  /** Adds the report of a response. `hasFailed`: the response's recovery failed. */
  add(report: Report, hasFailed: boolean): void {
    const { citations, unresolved, model } = report;
    // A citation with the range from 0 to 0 is not counted as a mention. It cites a file, such as a chart, but no place in the
    // text.
    const placed = citations.filter(({ annotation }) => annotation.end_index > annotation.start_index);
    const texts = new Set<string>();
    for (const { outputIndex, contentIndex } of [...placed, ...unresolved])
      texts.add(`${outputIndex}/${contentIndex}`);
    const recovered = placed.filter(({ origin }) => origin === "recovered").length;
    for (const counts of [this.#total, this.#of(model)]) {
      counts.responses++;
      counts.texts += texts.size;
      counts.mentions += placed.length + unresolved.length;
      counts.citedByApi += placed.length - recovered;
      counts.recovered += recovered;
      counts.left += unresolved.length;
      for (const { reason } of unresolved) counts.reasons[reason]++;
      if (hasFailed) counts.failed++;
    }
  }

  get failed(): number {
    return this.#total.failed;
  }

  get left(): number {
    return this.#total.left;
  }

  /** Returns the counts for `--json`. A response without a model has the model `null`. */
  asJson(): object {
    return { models: this.#models().map(([model, counts]) => ({ model, ...counts })), total: this.#total };
  }

  /** Returns the table, with one line for each model and the totals last. */
  asTable(): string {
    const rows = [
      ...this.#models().map(([model, counts]) => rowOf(model ?? NO_MODEL, counts)),
      rowOf("total", this.#total),
    ];
    return tableOf([
      ["model", "responses", "texts", "mentions", "by the API", "recovered", "left", "why"],
      ...rows,
    ]);
  }

  /** Returns the counts of the models, those with the most responses first. */
  #models(): [model: string | null, counts: Counts][] {
    return [...this.#byModel].sort(
      ([a, { responses: ofA }], [b, { responses: ofB }]) => ofB - ofA || ((a ?? "") < (b ?? "") ? -1 : 1),
    );
  }

  #of(model: string | undefined): Counts {
    let key = model?.slice(0, LONGEST_MODEL) ?? null;
    if (!this.#byModel.has(key) && this.#byModel.size >= MOST_MODELS) key = OTHER_MODELS;
    const counts = this.#byModel.get(key) ?? newCounts();
    this.#byModel.set(key, counts);
    return counts;
  }
}

function rowOf(model: string, counts: Counts): string[] {
  const { responses, texts, mentions, citedByApi, recovered, left, reasons } = counts;
  const why = Object.entries(reasons).filter(([, count]) => count > 0);
  return [
    shown(model.replaceAll(/\s/g, " ")),
    ...[responses, texts, mentions, citedByApi, recovered, left].map((count) => count.toLocaleString("en")),
    why.map(([reason, count]) => `${count.toLocaleString("en")} ${reason}`).join(", "),
  ];
}

/** Aligns the first and the last column to the left, and the numbers between them to the right. */
function tableOf(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const lines = rows.map((row) => {
    const cells = row.map((cell, column) => {
      const isNumber = column > 0 && column < row.length - 1;
      return isNumber ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!);
    });
    return `${cells.join("  ").trimEnd()}\n`;
  });
  return lines.join("");
}
