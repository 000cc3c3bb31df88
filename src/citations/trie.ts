/**
 * Names that are found along a text, however they are written there. A radix trie over their folded forms (see
 * spelling.ts): building it is linear in the names, a walk in the text that it covers.
 */
import { fold, type Reading, readEncoded, readLiteral } from "./spelling.js";

/** What is found: `key` is the name in NFD, not folded. */
interface Named {
  key: string;
}

/** A name that the text spells, up to `end`. */
export interface Spelled<E extends Named> {
  end: number;
  entries: readonly E[];
  /** What the text means there, in NFD, not folded. */
  meant: string;
}

/** The characters that lead to a node from its parent, and what is found there. */
interface Node<E> {
  label: string;
  entries: E[];
  /** By their first character. Most nodes are leaves, and a map for each would be most of the index. */
  children: Map<number, Node<E>> | undefined;
}

/** A place in the trie (`used` characters into `node.label`) that the text led to, up to `at`. */
interface Walk<E> {
  node: Node<E>;
  used: number;
  at: number;
  /** What the text up to `at` means, once it is not simply what it spells. */
  meant: string | undefined;
}

/** One for all: nearly every walk finds nothing. */
const NOTHING: readonly never[] = [];

export class Trie<E extends Named> {
  readonly #root: Node<E> = { label: "", entries: [], children: undefined };

  add(entry: E, key = fold(entry.key)): void {
    let node = this.#root;
    for (let at = 0; at < key.length; ) {
      node.children ??= new Map();
      const child = node.children.get(key.charCodeAt(at));
      if (!child) {
        node.children.set(key.charCodeAt(at), {
          label: key.slice(at),
          entries: [entry],
          children: undefined,
        });
        return;
      }
      let shared = 1;
      while (shared < child.label.length && child.label.charCodeAt(shared) === key.charCodeAt(at + shared))
        shared++;
      if (shared < child.label.length) {
        const label = child.label.slice(0, shared);
        child.label = child.label.slice(shared);
        const children = new Map([[child.label.charCodeAt(0), child]]);
        const upper: Node<E> = { label, entries: [], children };
        node.children.set(key.charCodeAt(at), upper);
        node = upper;
      } else {
        node = child;
      }
      at += shared;
    }
    node.entries.push(entry);
  }

  /** Where every walk begins. */
  get top(): { node: Node<E>; used: number } {
    return { node: this.#root, used: 0 };
  }

  /** Every name that `text` spells from `start`, longest first. */
  spelledAt(text: string, start: number): readonly Spelled<E>[] {
    const first = plainOf(text.charCodeAt(start), text.charCodeAt(start + 1));
    if (first !== 0 && !this.#root.children?.has(first)) return NOTHING;
    const found: Spelled<E>[] = [];
    let walks: Walk<E>[] = [{ node: this.#root, used: 0, at: start, meant: undefined }];
    while (walks.length > 0) {
      const next: Walk<E>[] = [];
      for (const walk of walks) {
        if (!followPlain(walk, text, start, found)) continue;
        const literal = readLiteral(text, walk.at);
        // "a//b" is the same path as "a/b".
        if (literal.meant === "/") while (text.charCodeAt(literal.end) === 0x2f) literal.end++;
        addWalk(next, walk, literal, text, start);
        // A "%20" may be the name's own three characters or a space: both readings go on, as far as files do.
        const encoded = readEncoded(text, walk.at);
        if (encoded) addWalk(next, walk, encoded, text, start);
      }
      walks = next;
    }
    return found.length > 1 ? found.sort((a, b) => b.end - a.end) : found;
  }
}

/** What an {@link EndTrie} finds: that a name ends. */
const END: Named = { key: "" };

/** Names in ASCII by their ends, so that where none ends, none is looked for: their folded forms, last letter first. */
export class EndTrie {
  readonly #trie = new Trie<Named>();

  add(name: string): void {
    this.#trie.add(END, fold(name).split("").reverse().join(""));
  }

  /** Where the names may start that `text`, plain before `end` as {@link isPlain} says, spells up to `end`. */
  startsBefore(text: string, end: number): number[] {
    const starts: number[] = [];
    let { node, used } = this.#trie.top;
    for (let at = end - 1; at >= 0; at--) {
      const plain = PLAIN[text.charCodeAt(at)] ?? 0;
      if (used === node.label.length) {
        const child = node.children?.get(plain);
        if (!child) break;
        node = child;
        used = 1;
      } else if (node.label.charCodeAt(used++) !== plain) {
        break;
      }
      if (used === node.label.length && node.entries.length > 0) starts.push(at);
    }
    return starts.reverse();
  }
}

/** Whether the character at `at` is ASCII that begins no escape. */
export function isPlain(text: string, at: number): boolean {
  return (PLAIN[text.charCodeAt(at)] ?? 0) !== 0;
}

/** ASCII in lower case; 0 for `%`, `&` and `\`, which may begin an escape. */
const PLAIN = Uint8Array.from({ length: 128 }, (_, code) => {
  const character = String.fromCharCode(code);
  return "%&\\".includes(character) ? 0 : character.toLowerCase().charCodeAt(0);
});

/** A character in lower case where it is plain: ASCII that can be read in one way only before `next`. Else 0. */
function plainOf(code: number, next: number): number {
  // A mark that follows may belong to it, and "//" be one slash.
  if (!(code < 0x80) || next >= 0x300 || (code === 0x2f && next === 0x2f)) return 0;
  return PLAIN[code]!;
}

/**
 * Follows plain ASCII as far as it leads, in place and without a copy: nearly all of every walk. Notes the names
 * that end on the way. Returns whether the walk may go on with what stands at its end.
 */
function followPlain<E extends Named>(
  walk: Walk<E>,
  text: string,
  start: number,
  found: Spelled<E>[],
): boolean {
  let { node, used, at } = walk;
  let next = text.charCodeAt(at + 1);
  let plain = plainOf(text.charCodeAt(at), next);
  for (;;) {
    const { label, entries, children } = node;
    while (used < label.length && plain !== 0) {
      if (label.charCodeAt(used) !== plain) return false;
      used++;
      at++;
      const code = next;
      next = text.charCodeAt(at + 1);
      plain = plainOf(code, next);
    }
    if (used < label.length) break;
    if (entries.length > 0) {
      const meant = walk.meant === undefined ? text.slice(start, at) : walk.meant + text.slice(walk.at, at);
      found.push({ end: at, entries, meant: meant.normalize("NFD").replace(/\/{2,}/g, "/") });
    }
    if (plain === 0) break;
    const child = children?.get(plain);
    if (!child) return false;
    node = child;
    used = 0;
  }
  if (at >= text.length) return false;
  if (walk.meant !== undefined) walk.meant += text.slice(walk.at, at);
  walk.node = node;
  walk.used = used;
  walk.at = at;
  return true;
}

/** Goes on from `walk` by one reading of what stands there, if the trie has it. */
function addWalk<E extends Named>(
  walks: Walk<E>[],
  walk: Walk<E>,
  reading: Reading,
  text: string,
  start: number,
): void {
  const place = follow(walk, fold(reading.meant));
  if (!place) return;
  const { node, used } = place;
  // Two readings that lead to one place go on as one: without this, `%25%25%25…` would double with each `%25`.
  if (walks.some((other) => other.node === node && other.used === used && other.at === reading.end)) return;
  const isLiteral = reading.isLiteral && walk.meant === undefined;
  const meant = isLiteral ? undefined : (walk.meant ?? text.slice(start, walk.at)) + reading.meant;
  walks.push({ node, used, at: reading.end, meant });
}

/** Where `key` leads from a place in the trie. */
function follow<E>({ node, used }: Walk<E>, key: string): { node: Node<E>; used: number } | undefined {
  for (let at = 0; at < key.length; at++) {
    const code = key.charCodeAt(at);
    if (used < node.label.length) {
      if (node.label.charCodeAt(used) !== code) return undefined;
      used++;
    } else {
      const child = node.children?.get(code);
      if (!child) return undefined;
      node = child;
      used = 1;
    }
  }
  return { node, used };
}
