/** Whether a container's list is late: told from what its calls say, and the list does not have. */
import { literal } from "../citations/mentions.js";
import type { Resolution } from "../citations/resolve.js";
import type { RecoveredCitation, UnresolvedMention } from "../types.js";
import type { FileList } from "./container-lists.js";

/** How many late files are noted. No list lags behind by hundreds. */
const MOST_LATE = 100;

/** What is known of the containers that were asked first. */
interface Nearest {
  containers: readonly string[];
  /** What the latest calls in them say: read only where something may be late, as it may be long. */
  evidence: () => readonly string[];
  roots: readonly string[];
}

/**
 * The paths and names of files that the calls in the nearest containers speak of, and that their lists lack: what a text
 * means by them was found in another container, under another name, or not at all.
 */
export function lateFiles(
  { unresolved, citations }: Resolution,
  namesLacking: readonly string[],
  lists: readonly FileList[],
  { containers, evidence, roots }: Nearest,
): Set<string> {
  const late = new Set<string>();
  const near = lists.flat().filter(({ container_id }) => containers.includes(container_id));
  const listed = new Set(near.map(({ path }) => path));
  const isSaid = (what: string): boolean => evidence().some((said) => said.includes(what));
  const isNameLate = (name: string): boolean => {
    const said = pathsTo(name, evidence(), roots);
    return said.length > 0 && !said.some((path) => listed.has(path));
  };
  const note = (what: string, isLate: (what: string) => boolean): void => {
    if (late.size < MOST_LATE && what !== "" && !late.has(what) && isLate(what)) late.add(what);
  };
  for (const mention of unresolved.filter(isNotFound)) note(nameOf(mention), isSaid);
  for (const name of namesLacking) note(name, isNameLate);
  for (const citation of citations) {
    const path = writtenPath(citation, roots);
    if (path === undefined) note(nameOf(citation), isNameLate);
    else if (!listed.has(path)) note(path, isSaid);
  }
  return late;
}

/** The paths below a root that end in `name`, as the calls write them. */
function pathsTo(name: string, evidence: readonly string[], roots: readonly string[]): string[] {
  const folder = `(?:${roots.map(literal).join("|")})/(?:[^\\s"'\`{}]{0,255}/)?`;
  const path = new RegExp(`${folder}${literal(name)}(?![\\w.-]*\\w)`, "g");
  return evidence.flatMap((said) => (said.includes(`/${name}`) ? (said.match(path) ?? []) : []));
}

/** Without the files of other containers that stand for late ones: those are older files of the same path. */
export function withoutOlderFiles(
  resolution: Resolution,
  late: ReadonlySet<string>,
  { containers, roots }: Nearest,
): Resolution {
  const isOlder = (citation: RecoveredCitation): boolean =>
    !containers.includes(citation.annotation.container_id) &&
    late.has(writtenPath(citation, roots) ?? nameOf(citation));
  const older = resolution.citations.filter(isOlder);
  if (older.length === 0) return resolution;
  const citations = resolution.citations.filter((citation) => !isOlder(citation));
  const missed = older.map(
    ({ text, start, end }): UnresolvedMention => ({ text, start, end, reason: "not-found" }),
  );
  return {
    citations,
    annotations: citations.map(({ annotation }) => annotation),
    unresolved: [...resolution.unresolved, ...missed].sort((a, b) => a.start - b.start),
  };
}

export function isNotFound({ reason }: UnresolvedMention): boolean {
  return reason === "not-found";
}

function nameOf({ text }: { text: string }): string {
  return text.slice(text.lastIndexOf("/") + 1);
}

/** The path that a mention writes, below one of the roots; `undefined` for a name alone. */
function writtenPath({ text }: RecoveredCitation, roots: readonly string[]): string | undefined {
  const root = roots.find((folder) => text.includes(`${folder}/`));
  return root === undefined ? undefined : text.slice(text.indexOf(`${root}/`)).replace(/[?#].*$/s, "");
}
