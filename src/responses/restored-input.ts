/**
 * Restores the model's own text in a request's input. "Our links" are the links that the option `links` wrote. If the model
 * saw our links in its input, it would learn to write them.
 */
import { movedAnnotations } from "../citations/links/linked-ranges.js";
import type { Replacement } from "../citations/links/linked-text.js";
import { isRecord } from "../errors.js";
import type { Links, OriginalText, Settings } from "../options.js";
import type { Annotation } from "../types.js";

/**
 * Returns a text in which each of our links is replaced by the text that the model wrote. `originals` must be in order and
 * must not overlap.
 */
export function withOriginals(text: string, originals: readonly OriginalText[]): string {
  let restored = "";
  let from = 0;
  for (const { start, end, text: original } of originals) {
    restored += text.slice(from, start) + original;
    from = end;
  }
  return restored + text.slice(from);
}

/** The names of the parameters that hold the input. In a request about a conversation, the name is `items`. */
const INPUTS = ["input", "items"];

/**
 * Replaces our links in a request's input with the model's own text. Returns the changed parameters of the request, or the same
 * object if the input has none of our links. Never rejects: if the links cannot be read, the input stays as it is.
 */
export async function withRestoredInput<Params extends Record<string, unknown>>(
  params: Params,
  settings: Settings,
): Promise<Params> {
  const originals = settings.links?.originals;
  if (!originals) return params;
  try {
    const restoration = new Restoration(originals, settings);
    let restored = params;
    for (const name of INPUTS) {
      const value = await restoration.value(params[name]);
      if (value !== params[name]) restored = { ...restored, [name]: value };
    }
    return restored;
  } catch {
    return params;
  }
}

/** The properties of items and parts that can hold texts. */
const TEXTS = new Set(["text", "content", "output", "input"]);

class Restoration {
  readonly #originals: NonNullable<Links["originals"]>;
  readonly #settings: Settings;

  constructor(originals: NonNullable<Links["originals"]>, settings: Settings) {
    this.#originals = originals;
    this.#settings = settings;
  }

  /** Restores the texts of an input: a text, an item, a part, or an array of them. Returns the same value if nothing changed. */
  async value(value: unknown): Promise<unknown> {
    if (typeof value === "string") return withOriginals(value, await this.#originals(value));
    if (Array.isArray(value)) {
      const values = await Promise.all(value.map((one) => this.value(one)));
      return values.every((one, at) => one === value[at]) ? value : values;
    }
    return isRecord(value) ? this.#record(value) : value;
  }

  async #record(record: Record<string, unknown>): Promise<Record<string, unknown>> {
    let restored = record;
    for (const [key, value] of Object.entries(record)) {
      if (!TEXTS.has(key)) continue;
      const { text, annotations } = record;
      const isAnnotated = key === "text" && typeof text === "string" && Array.isArray(annotations);
      const changed = isAnnotated
        ? await this.#annotated(text, annotations)
        : { [key]: await this.value(value) };
      if (changed[key] !== value) restored = { ...restored, ...changed };
    }
    return restored;
  }

  /** Restores a text, and moves its annotations to the restored text. */
  async #annotated(text: string, annotations: readonly unknown[]): Promise<Record<string, unknown>> {
    const originals = await this.#originals(text);
    const restored = withOriginals(text, originals);
    const replacements = originals.map(asReplacement);
    const known = annotations.filter(isRecord) as unknown as Annotation[];
    const { indexUnit, roots } = this.#settings;
    const moved = movedAnnotations({ original: text, text: restored, replacements }, known, indexUnit, roots);
    let next = 0;
    return {
      text: restored,
      annotations: annotations.map((entry) => (isRecord(entry) ? moved[next++] : entry)),
    };
  }
}

/**
 * Splits the model's own text, such as `` `/mnt/data/a.csv` ``, into three pieces: the backticks and spaces before the path,
 * the path, and the backticks and spaces after the path.
 */
export function withoutSpan(text: string): { before: string; path: string; after: string } {
  let start = 0;
  let end = text.length;
  while (start < end && /[`\s]/.test(text[start]!)) start++;
  while (end > start && /[`\s]/.test(text[end - 1]!)) end--;
  return { before: text.slice(0, start), path: text.slice(start, end), after: text.slice(end) };
}

function asReplacement({ start, end, text }: OriginalText): Replacement {
  const { before, path, after } = withoutSpan(text);
  return { start, end, mentionStart: start, before, url: path, after };
}
