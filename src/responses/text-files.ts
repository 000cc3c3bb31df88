/** The files that one text means: from the lists of the containers that it can mean, and again where a list is late. */
import { type Resolution, resolveWithIndex } from "../citations/resolve.js";
import type { Settings } from "../options.js";
import type { Annotation, UnresolvedMention } from "../types.js";
import type { ContainerCandidates } from "./candidates.js";
import type { ContainerLists, FileList } from "./container-lists.js";

/** How many names that no list has are looked for in what the calls wrote. */
const MOST_LATE = 100;

/** A text, and what is known of it. */
interface TextPart {
  text: string;
  /** What the API cited in it. */
  given: readonly Annotation[];
  /** The containers that it is near to, nearest first. */
  containers: readonly string[];
  /** All that the calls before it say. */
  readEvidence: () => readonly string[];
}

/** What the recovery of its response has for all its texts. */
interface Recovery {
  lists: ContainerLists;
  candidates: ContainerCandidates;
  callCount: number;
  settings: Settings;
  /** Runs what may take longer than there is time, and keeps what goes wrong in it. */
  inTime: (recover: (signal: AbortSignal) => Promise<void>) => Promise<void>;
}

/**
 * The citations that one text lacks, and the mentions that no file was found for: where the containers' lists fail, or do
 * not come in time, with what was listed by then.
 */
export async function resolveText(
  { text, given, containers: near, readEvidence }: TextPart,
  { lists, candidates, callCount, settings, inTime }: Recovery,
): Promise<Resolution> {
  const resolveWith = (listed: readonly FileList[]): Resolution =>
    resolveWithIndex(text, lists.indexOf(listed, settings.roots), { ...settings, annotations: given });
  const listed: FileList[] = [];
  let resolution: Resolution | undefined;
  let nearest: readonly string[] | undefined;
  let isComplete = false;
  await inTime(async (signal) => {
    for await (const containers of candidates.groups(near, signal)) {
      nearest ??= containers;
      isComplete = false;
      await lists.add(listed, containers, callCount, signal);
      isComplete = true;
      resolution = resolveWith(listed);
      if (!resolution.unresolved.some(isNotFound)) return;
    }
    const late = namesWritten(resolution?.unresolved ?? [], readEvidence);
    if (!nearest || late.size === 0) return;
    const asked = nearest;
    resolution =
      (await lists.again(asked, callCount, signal, {
        retries: settings.retries,
        accept: (again) => {
          // What was found in the other containers is still there.
          const others = listed.filter(([file]) => file && !asked.includes(file.container_id));
          const later = resolveWith([...again, ...others]);
          return later.unresolved.some((mention) => isNotFound(mention) && late.has(nameOf(mention)))
            ? undefined
            : later;
        },
      })) ?? resolution;
  });
  resolution ??= resolveWith(listed);
  if (isComplete) return resolution;
  const unresolved = resolution.unresolved.map((mention) =>
    isNotFound(mention) ? { ...mention, reason: "container-unavailable" as const } : mention,
  );
  return { ...resolution, unresolved };
}

function isNotFound({ reason }: UnresolvedMention): boolean {
  return reason === "not-found";
}

function nameOf({ text }: UnresolvedMention): string {
  return text.slice(text.lastIndexOf("/") + 1);
}

/**
 * The names that were not found although the calls speak of them: those were written, and the list is late. No list
 * lags behind by hundreds of files, and a text may name any number.
 */
function namesWritten(
  unresolved: readonly UnresolvedMention[],
  readEvidence: () => readonly string[],
): Set<string> {
  const names = new Set(unresolved.filter(isNotFound).map(nameOf));
  names.delete("");
  if (names.size === 0) return names;
  const evidence = readEvidence();
  const looked = [...names].slice(0, MOST_LATE);
  return new Set(looked.filter((name) => evidence.some((said) => said.includes(name))));
}
