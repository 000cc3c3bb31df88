/** The files that one text means: from the lists of the containers that it can mean, and again where a list is late. */
import { type Resolution, resolveWithIndex } from "../citations/resolve.js";
import type { Settings } from "../options.js";
import type { Annotation } from "../types.js";
import type { ContainerCandidates } from "./candidates.js";
import type { ContainerLists, FileList } from "./container-lists.js";
import { isNotFound, lateFiles, withoutOlderFiles } from "./late-files.js";

/** A text, and what is known of it. */
interface TextPart {
  text: string;
  /** What the API cited in it. */
  given: readonly Annotation[];
  /** The containers that it is near to, nearest first. */
  containers: readonly string[];
  /** What the latest calls before it in a container say. */
  readEvidence: (containerId: string) => readonly string[];
  /** The names in it of files that the calls speak of, and that neither the API nor `found` cites. */
  namesLacking: (found: readonly Annotation[]) => readonly string[];
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
  { text, given, containers: near, readEvidence, namesLacking }: TextPart,
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
      if (resolution && !resolution.unresolved.some(isNotFound)) {
        // `np.float64` looks like a file's name as well: for a name, no more than the output's own containers are asked.
        const isNear = containers.every((id) => near.includes(id));
        if (!isNear || namesLacking(resolution.annotations).length === 0) break;
      }
      nearest ??= containers;
      isComplete = false;
      await lists.add(listed, containers, callCount, signal);
      isComplete = true;
      resolution = resolveWith(listed);
    }
    if (!nearest || !resolution) return;
    const containers = nearest;
    let said: readonly string[] | undefined;
    const evidence = (): readonly string[] => {
      said ??= containers.flatMap(readEvidence);
      return said;
    };
    const asked = { containers, evidence, roots: settings.roots };
    const late = lateFiles(resolution, namesLacking(resolution.annotations), listed, asked);
    if (late.size === 0) return;
    resolution = withoutOlderFiles(resolution, late, asked);
    const again = await lists.again(containers, callCount, signal, {
      retries: settings.retries,
      accept: (later) => {
        // What was found in the other containers is still there.
        const all = [...later, ...listed.filter(([file]) => file && !containers.includes(file.container_id))];
        const found = resolveWith(all);
        const stillLate = lateFiles(found, namesLacking(found.annotations), all, asked);
        return [...stillLate].some((what) => late.has(what)) ? undefined : found;
      },
    });
    resolution = again ?? resolution;
  });
  resolution ??= resolveWith(listed);
  if (isComplete) return resolution;
  const unresolved = resolution.unresolved.map((mention) =>
    isNotFound(mention) ? { ...mention, reason: "container-unavailable" as const } : mention,
  );
  return { ...resolution, unresolved };
}
