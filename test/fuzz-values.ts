/** Generates inputs of the fuzz tests: texts full of mentions, the files that these texts mention, and mutated JSON. */
import fc from "fast-check";
import type { ContainerFile } from "../src/index.js";
import { file } from "./upstream.js";

export type Json = Record<string, unknown>;

/**
 * The paths that every container has. They include most paths of the recordings. Some texts fit both paths of `report.pdf`.
 */
const PATHS = [
  "/mnt/data/a.csv",
  "/mnt/data/out/report.pdf",
  "/mnt/data/old/report.pdf",
  "/mnt/data/Bericht – Q3 (neu).xlsx",
  "/mnt/data/😀.png",
  "/mnt/data/__proto__",
  "/mnt/data/rain.csv",
  "/mnt/data/north_2026.xlsx",
  "/mnt/data/south_2026.xlsx",
  "/mnt/data/bees.csv",
  "/mnt/data/menu.md",
  "/mnt/data/draft.txt",
  "/mnt/data/short.txt",
  "/mnt/data/garden.svg",
  "/mnt/data/offer.docx",
  "/mnt/data/two_dice_sums_10000.txt",
  "/mnt/data/roll2dice_sums_10000.csv",
];
const FILES = PATHS.map((path) => file(path));

/** Returns the list of a container's files. */
export function filesOf(containerId: string): ContainerFile[] {
  return FILES.map((listed) => ({ ...listed, container_id: containerId }));
}

/** Strings that the library treats specially, such as paths and ids, or that need escaping in Markdown, HTML or JSON. */
export const TEXTS: readonly string[] = [
  "",
  "/mnt/data/a.csv",
  "[a](sandbox:/mnt/data/a.csv)",
  "a.csv",
  "😀 /mnt/data/😀.png, /mnt/data/a.csv",
  "[x](/mnt/data/old/report.pdf) and /mnt/data/report.pdf",
  "| `/mnt/data/Bericht - Q3 (neu).xlsx` |",
  "```\n/mnt/data/a.csv\n```",
  '<a href="/mnt/data/a.csv">',
  '{"file": "\\/mnt\\/data\\/a.csv"}',
  "/mnt/data/%61.csv#x /mnt/data/*.csv /mnt/data/",
  "cntr_1",
  "cntr_2",
  "cfile_1",
  "msg_1",
  "output_text",
  "message",
  "container_file_citation",
  "code_interpreter_call",
  "https://example.com/a.png",
  "data:image/png;base64,iVBORw0KGgo=",
  "../../files",
  "__proto__",
  "constructor",
  "a\r\nb",
  "\0",
  "\ud83d",
  "\u202e\u2028<script>",
];

/** Generates texts. Most of them mention files. */
export const text = fc.oneof(
  { weight: 2, arbitrary: fc.constantFrom(...TEXTS) },
  { weight: 3, arbitrary: fc.array(fc.constantFrom(...TEXTS), { maxLength: 6 }).map((all) => all.join(" ")) },
  { weight: 1, arbitrary: fc.string({ unit: "binary" }) },
);

const number = fc.constantFrom(0, 1, 2, 7, -1, 0.5, 42, 423, 99_999, 2 ** 31, 2 ** 53, -(2 ** 53));

/** Generates JSON values of any type. */
export const value: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 4, arbitrary: text },
  { weight: 3, arbitrary: number },
  { weight: 2, arbitrary: fc.constantFrom<unknown>(null, true, false, [], {}, [null], [[]]) },
  { weight: 2, arbitrary: fc.jsonValue({ maxDepth: 3 }).map(plain) },
);

type Change =
  | { kind: "replace"; at: number; by: unknown }
  | { kind: "insert"; at: number; by: unknown }
  | { kind: "delete" | "duplicate" | "swap" | "cut"; at: number; to: number };

const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ kind: fc.constant("replace"), at: fc.nat(), by: value }),
  fc.record({ kind: fc.constant("insert"), at: fc.nat(), by: value }),
  fc.record({
    kind: fc.constantFrom("delete", "duplicate", "swap", "cut"),
    at: fc.nat(),
    to: fc.nat(),
  }),
);

/**
 * Generates values. Each is a copy of one of `originals`, and some parts of it are replaced, inserted, deleted, duplicated,
 * swapped or cut.
 */
export function mutants<Original extends object>(
  originals: readonly Original[],
  maxLength = 5,
): fc.Arbitrary<Original> {
  return fc
    .tuple(fc.constantFrom(...originals), fc.array(change, { maxLength }))
    .map(([original, changes]) => {
      const copy = plain(original);
      for (const one of changes) apply(copy, one);
      return copy;
    });
}

/**
 * Generates event lists. Each is a copy of one of `originals`, and some of its events are mutated, dropped, duplicated or moved.
 */
export function mutantEvents<Event extends object>(
  originals: readonly (readonly Event[])[],
): fc.Arbitrary<Event[]> {
  const move = fc.record({ kind: fc.constantFrom("drop", "double", "move"), at: fc.nat(), to: fc.nat() });
  const inside = fc.record({ kind: fc.constant("inside" as const), at: fc.nat(), change });
  return fc
    .tuple(fc.constantFrom(...originals), fc.array(fc.oneof(move, inside), { maxLength: 6 }))
    .map(([original, changes]) => {
      const events = plain([...original]);
      for (const one of changes) {
        if (events.length === 0) break;
        const at = one.at % events.length;
        if (one.kind === "inside") apply(events[at]!, one.change);
        else if (one.kind === "drop") events.splice(at, 1);
        else if (one.kind === "double") events.splice(one.to % events.length, 0, plain(events[at]!));
        else events.splice(one.to % events.length, 0, ...events.splice(at, 1));
      }
      return events;
    });
}

/** A place in JSON: the object or array that holds a value, and the value's key. */
interface Place {
  parent: Json;
  key: string;
}

function placesIn(parent: Json, places: Place[] = []): Place[] {
  for (const [key, child] of Object.entries(parent)) {
    places.push({ parent, key });
    if (typeof child === "object" && child !== null) placesIn(child as Json, places);
  }
  return places;
}

function apply(root: object, one: Change): void {
  const places = placesIn(root as Json);
  if (places.length === 0) return;
  const { parent, key } = places[one.at % places.length]!;
  if (one.kind === "replace") {
    set(parent, key, plain(one.by));
    return;
  }
  if (one.kind === "insert") {
    // Inserts the value into an array, where it can be an invalid element. Chooses among the arrays only: there are few of
    // them, so a choice among all values would rarely find one.
    const lists = places.map((place) => place.parent[place.key]).filter((child) => Array.isArray(child));
    lists[one.at % lists.length]?.push(plain(one.by));
    return;
  }
  const other = places[one.to % places.length]!;
  if (one.kind === "cut") {
    const old = parent[key];
    if (typeof old === "string") set(parent, key, old.slice(0, one.to % (old.length + 1)));
    else if (Array.isArray(old)) old.length = one.to % (old.length + 1);
  } else if (one.kind === "delete") {
    if (Array.isArray(parent)) parent.splice(Number(key), 1);
    else delete parent[key];
  } else if (one.kind === "duplicate") {
    if (Array.isArray(parent)) parent.splice(Number(key), 0, plain(parent[key]));
    else set(other.parent, other.key, plain(parent[key]));
  } else {
    // Swaps copies of the two values, so that no value contains itself.
    const [here, there] = [plain(parent[key]), plain(other.parent[other.key])];
    set(parent, key, there);
    set(other.parent, other.key, here);
  }
}

/** Sets a property. Assigning would not work for the key `__proto__`. */
function set(parent: Json, key: string, by: unknown): void {
  Object.defineProperty(parent, key, { value: by, enumerable: true, writable: true, configurable: true });
}

/** Returns a deep copy, made with `JSON.parse`. */
export function plain<Value>(original: Value): Value {
  return original === undefined ? original : JSON.parse(JSON.stringify(original));
}
