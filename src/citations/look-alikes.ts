/**
 * Withdraws citations that another part of the text contradicts. Most of them are citations of look-alikes: files whose path or
 * name is only similar to the path or name in the text.
 */
import type { UnresolvedMention } from "../types.js";
import { filenameOf, type IndexedFile } from "./file-index.js";
import { ambiguous, type Found, missed } from "./found.js";
import type { PathMentions } from "./paths.js";
import { inTextOrder } from "./ranges.js";
import { decode, fold } from "./spelling.js";

/** A citation that the API made for a range of the text. */
export interface ApiCitation {
  fileId: string;
  filename: string;
  /** The text that the citation's range covers. */
  covered: string;
}

/** The files that the API cited in a text, by file name and by the text that a citation's range covers. */
export class CitedFiles {
  readonly #byName = new Map<string, Set<string>>();
  readonly #byPath = new Map<string, Set<string>>();
  /** File ids by folded path. Has only the citations whose covered text does not spell the file name exactly. */
  readonly #byLoosePath = new Map<string, Set<string>>();

  constructor(citations: readonly ApiCitation[]) {
    for (const { fileId, filename, covered } of citations) {
      addTo(this.#byName, fold(filename), fileId);
      const path = withoutScheme(decode(covered));
      addTo(this.#byPath, path, fileId);
      if (!path.endsWith(filename.normalize("NFD"))) addTo(this.#byLoosePath, fold(path), fileId);
    }
  }

  /** Returns whether the API cited another file with the name of this file. If so, a mention may mean that other file. */
  hasOther({ file }: IndexedFile): boolean {
    const cited = this.#byName.get(fold(filenameOf(file)));
    return cited !== undefined && (cited.size > 1 || !cited.has(file.id));
  }

  /** Returns whether the API cited other files for `path`, but not this file. */
  hasOtherAt(path: string, { file }: IndexedFile): boolean {
    const written = withoutScheme(path);
    const cited = this.#byPath.get(written) ?? this.#byLoosePath.get(fold(written));
    return cited !== undefined && !cited.has(file.id);
  }
}

function addTo(sets: Map<string, Set<string>>, key: string, value: string): void {
  const known = sets.get(key);
  if (known) known.add(value);
  else sets.set(key, new Set([value]));
}

/** Takes a decoded path. Removes its scheme and its leading slashes, so that it can be compared with other paths. */
function withoutScheme(path: string): string {
  return path.replace(/^(?:[a-z]{1,20}:)?\/{0,4}/i, "");
}

/**
 * Moves mentions from `found` to `missed` if another part of the text contradicts them:
 *
 * - A mention of a look-alike is `not-found` if the API cited a different file that has the same name.
 * - A mention of a look-alike is `not-found` if another mention has exactly the path of the look-alike. Two different paths
 *   in one text mean two files.
 * - If mentions have different paths for the same look-alike, all of these mentions are `not-found`.
 * - Any mention is `ambiguous` if the API cited another file for the same path.
 *
 * Mentions that match several files, and bare paths of uploads, stay in `found`.
 */
export function settleLookAlikes(text: string, mentions: PathMentions, cited: CitedFiles): PathMentions {
  const otherFiles = new Map<Found, UnresolvedMention>();
  const isAmongOthers = sharesItsFile([...mentions.found, ...mentions.ignored.filter(isFound)]);
  for (const mention of mentions.found) {
    const [indexed, ...others] = mention.files;
    if (others.length > 0 || mention.path === undefined) continue;
    // The bare path of an upload is neither cited nor reported.
    if (!mention.isHandedOver && indexed!.file.source === "user") continue;
    const isOther = mention.isLookAlike && (isAmongOthers(mention) || cited.hasOther(indexed!));
    if (isOther) otherFiles.set(mention, missed(text, mention.start, mention.end, "not-found"));
    else if (cited.hasOtherAt(mention.path, indexed!)) otherFiles.set(mention, ambiguous(text, mention));
  }
  if (otherFiles.size === 0) return mentions;
  const found = mentions.found.filter((mention) => !otherFiles.has(mention));
  const lacking = inTextOrder([...mentions.missed, ...otherFiles.values()]);
  return { ...mentions, found, missed: lacking };
}

function isFound(outcome: PathMentions["ignored"][number]): outcome is Found {
  return "files" in outcome && outcome.files.length === 1;
}

/**
 * Returns a function that takes a mention of one file. The function returns whether `mentions` name this file by different paths.
 */
function sharesItsFile(mentions: readonly Found[]): (mention: Found) => boolean {
  const pathsOf = new Map<string, Set<string>>();
  for (const { files, path, isLookAlike } of mentions) {
    if (files.length !== 1 || path === undefined) continue;
    const { id } = files[0]!.file;
    // All spellings of the file's own path count as one path. It is stored as `own`, because no real path can be `own`.
    const written = isLookAlike ? fold(path) : "own";
    addTo(pathsOf, id, written);
  }
  return ({ files }) => pathsOf.get(files[0]!.file.id)!.size > 1;
}
