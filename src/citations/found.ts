/**
 * Defines the result of looking up a mention: one file, several files, or none. A mention is a place in a text where a path or a
 * name may stand for a container file.
 */
import type { ContainerFile, MatchKind, UnresolvedMention, UnresolvedReason } from "../types.js";
import type { FileIndex, IndexedFile } from "./file-index.js";
import type { PathMention } from "./mentions.js";
import type { Range } from "./ranges.js";

/** A mention and the files that it can mean. */
export interface Found extends Range {
  /**
   * The files that the mention can mean. If there are several, the mention is ambiguous. If there are none, the path leads out of
   * the root, or `NarrowName` accepted no file.
   */
  files: readonly IndexedFile[];
  match: MatchKind;
  /** True if the mention is a link's destination: in Markdown, in an HTML attribute, in a definition or in an autolink. */
  isLink: boolean;
  /**
   * True for a path in a link, for a path with a scheme, and for `sandbox:` with a name. Such a mention offers the file to the
   * user and does not only talk about the file. False for any other name, even in a link.
   */
  isHandedOver: boolean;
  /** True for a name with its folder right before it: `out/a.csv`. */
  hasFolder?: boolean;
  /**
   * The path in the text, including its root. The path is decoded, and `.` and `..` are resolved. `undefined` for a name, with or
   * without `sandbox:`, and for a path that leads out of the root.
   */
  path?: string;
  /**
   * True if the file's path differs from the path in the text. For example, the folder or the case differs, or the text lacks
   * the id in an upload's name. False if only dashes, spaces or quotes differ. {@link AcceptLookAlike} runs in both cases.
   */
  isLookAlike?: boolean;
}

export type Outcome = Found | UnresolvedMention;

/**
 * Returns whether a look-alike may be cited. A look-alike is a file whose path the text does not spell exactly. For example, its
 * name has another case or other dashes, it is in another folder, or it is an upload under its former name. `written` is the path
 * or bare name in the text, decoded. `literal` is the same path or name, not decoded.
 */
export type AcceptLookAlike = (file: ContainerFile, written: string, literal: string) => boolean;

/** Takes several files with the same name. Returns the files that a text without a path can mean by this name. */
export type NarrowName = (files: readonly IndexedFile[]) => readonly IndexedFile[];

/** The files that a mention can mean, and the rule for look-alikes. */
export interface Files {
  index: FileIndex;
  acceptLookAlike: AcceptLookAlike;
}

/** The part of a {@link Found} that depends on the files. */
type Meaning = Pick<Found, "end" | "files" | "match" | "path" | "isLookAlike">;

export function foundMention({ start, place, hasScheme }: PathMention, meaning: Meaning): Found {
  const isLink = place.kind !== "text";
  return { start, isLink, isHandedOver: isLink || hasScheme, ...meaning };
}

/** Builds the report of a mention without a file. */
export function missed(
  text: string,
  start: number,
  end: number,
  reason: UnresolvedReason,
): UnresolvedMention {
  return { text: text.slice(start, end), start, end, reason };
}

/** Returns an entry for `unresolved` with the reason `ambiguous`. The candidates are all files that fit the mention. */
export function ambiguous(text: string, { start, end, files }: Found): UnresolvedMention {
  return { ...missed(text, start, end, "ambiguous"), candidates: files.map(({ file }) => file) };
}
