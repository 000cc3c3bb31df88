/**
 * Writes the link or note for a place in a text (see link-places.ts). No URL or file name can break out of its place, and no note
 * can break out of a JSON string.
 */
import { badInput, isThenable } from "../../errors.js";
import type { ContainerFileCitation } from "../../types.js";
import type { LinkPlace } from "../markup/link-places.js";

/** The URL for a citation. If it is `null`, `undefined` or an empty string, the cited text stays unchanged. */
export type LinkUrl = string | null | undefined;

/** The text to write at a place: a URL, and the text before and after it. */
export interface WrittenLink {
  before: string;
  url: string;
  after: string;
}

/** Returns the link to write at a place, or `undefined` if there is no URL. Throws a `TypeError` if `url` is not a string. */
export function linkAt(
  place: LinkPlace,
  citation: ContainerFileCitation,
  url: LinkUrl,
): WrittenLink | undefined {
  if (url == null || url === "") return undefined;
  if (typeof url !== "string")
    throw badInput("the return value of toUrl", "a URL string, null or undefined", url);
  const { before, after } = textAround(place, citation);
  return { before, url: escapedUrl(place, safeUrl(url)), after };
}

/** Returns the text that a link has before and after its URL. */
export function textAround(
  { form, before, after }: LinkPlace,
  citation: ContainerFileCitation,
): { before: string; after: string } {
  if (form === "anchor") return { before: `${before}<a href="`, after: `">${labelOf(citation)}</a>${after}` };
  if (form === "link") return { before: `${before}[${labelOf(citation)}](`, after: `)${after}` };
  return { before, after };
}

function escapedUrl({ form }: LinkPlace, url: string): string {
  if (form === "code" || form === "json") return url;
  if (form === "attribute" || form === "anchor") return url.replaceAll("&", "&amp;");
  return url.replace(ENTITY, "&amp;");
}

/**
 * Returns the text to write at a place for `note`, which `onMissing` returned. Returns `undefined` if there is no note. Throws a
 * `TypeError` if the note is not a string.
 */
export function noteAt(place: LinkPlace, note: unknown, isJson: boolean): string | undefined {
  if (note == null) return undefined;
  if (typeof note !== "string") {
    // The note may be a promise. If it rejects and has no handler, Node.js ends the process.
    if (isThenable(note)) Promise.resolve(note).catch(() => {});
    throw badInput("the return value of onMissing", "a string, null or undefined", note);
  }
  const inPlace = isJson || place.form === "json" ? JSON.stringify(note).slice(1, -1) : note;
  return place.before + inPlace + place.after;
}

/** Characters that are encoded: those that are invalid in URLs, and quotes and parentheses, which could end a link or code. */
const NOT_IN_URL = /[^\w\-.~:/?#[\]@!$&*+,;=%]+/g;
/** A unit of an incomplete surrogate pair. No URL can contain it. */
const LONE_SURROGATE = /\p{Cs}/gu;
/** `&` where it would start an entity. */
const ENTITY = /&(?=#?\w+;)/g;

/** Encodes a URL so that it cannot end a destination, an attribute, a string, code or a table cell. */
export function safeUrl(url: string): string {
  return url
    .replace(LONE_SURROGATE, "\ufffd")
    .replace(NOT_IN_URL, (run) => encodeURIComponent(run).replace(/['()]/g, encoded));
}

/** Percent-encodes an ASCII character. Needed for characters that `encodeURIComponent` leaves unchanged. */
function encoded(character: string): string {
  return `%${character.charCodeAt(0).toString(16)}`;
}

/** Control characters, incomplete surrogate pairs, line and paragraph separators, and bidi controls. */
const UNSEEN = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu;
/** Characters with a meaning in Markdown or HTML. Matches `_` only where it can start or end emphasis. */
const MARKUP = /[[\]\\`*<>|"~$]|&(?=#?\w+;)|(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])/gu;

/**
 * Returns the label for a link to a file: the file's name, or its id if the name is blank. Markup characters become entities.
 * Unlike backslashes, entities mean the same in Markdown, HTML and JSON strings.
 */
function labelOf({ filename, file_id }: ContainerFileCitation): string {
  return (filename.trim() === "" ? file_id : filename)
    .replace(UNSEEN, "\ufffd")
    .replace(MARKUP, (character) => `&#${character.codePointAt(0)};`);
}
