/** Splits texts into the deltas of a stream. */
import type { Chunks } from "./steps.js";

/** Returns the deltas of a text. By default, each is a word with the white space before it. */
export function splitIntoDeltas(text: string, chunks?: Chunks): readonly string[] {
  if (typeof chunks === "object") return chunks;
  // This is roughly how a model's tokens split a text.
  if (chunks === undefined) return text.match(/\s*\S+|\s+$/g) ?? [];
  const points = [...text];
  const count = Math.ceil(points.length / chunks);
  return Array.from({ length: count }, (_, index) =>
    points.slice(index * chunks, (index + 1) * chunks).join(""),
  );
}

const OBFUSCATION_BLOCK = 16;
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/**
 * Returns the `obfuscation` field of a delta's event: letters and digits that pad the delta to a multiple of 16 characters.
 * The service sends it to hide the lengths of tokens.
 */
export function obfuscation(
  delta: string,
  stage: { readonly obfuscated: boolean },
): { obfuscation?: string } {
  if (!stage.obfuscated) return {};
  const length = OBFUSCATION_BLOCK - (delta.length % OBFUSCATION_BLOCK);
  const letter = (_: unknown, index: number) =>
    ALPHABET[(delta.length * 31 + index * 17 + (delta.codePointAt(0) ?? 0)) % ALPHABET.length];
  return { obfuscation: Array.from({ length }, letter).join("") };
}
