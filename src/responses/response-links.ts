/**
 * Writes working links into the texts of one response: into whole texts, and into texts that still stream. This file is long
 * because each step from a mention to its link is a method of one class.
 */
import { isRanged, rangesOf } from "../citations/index-units.js";
import { movedAnnotations, uncitedLinks, withReplacements } from "../citations/links/linked-ranges.js";
import { type Candidate, LinkedText } from "../citations/links/linked-text.js";
import { WindowMarkup } from "../citations/links/window-markup.js";
import { type LinkUrl, linkAt, noteAt, textAround } from "../citations/links/writing.js";
import { LinkPlaces } from "../citations/markup/link-places.js";
import { meantRange } from "../citations/meant-range.js";
import { hasSandboxScheme, lastSegment } from "../citations/mentions.js";
import type { Range } from "../citations/ranges.js";
import { decode, fold } from "../citations/spelling.js";
import type { PieceResolution } from "../containers/text-files.js";
import { isThenable } from "../errors.js";
import { once } from "../once.js";
import type { Links, ReplacedText, Settings } from "../options.js";
import type {
  Annotation,
  ContainerFileCitation,
  PartPosition,
  RecoveredCitation,
  UnresolvedMention,
} from "../types.js";
import { follow, unfollow } from "./held-time.js";

/** The files that a piece of a text mentions (see `resolvePiece`). */
export interface LinkResolution extends PieceResolution {
  /** Returns whether the cited file's path is also in the list of another container in which a call ran. */
  isShared: (annotation: ContainerFileCitation) => boolean;
}

/** The part of a response's repair that {@link ResponseLinks} uses. It finds the files that the links open. */
export interface LinkFiles {
  /**
   * Returns the files that a piece of a text mentions. A piece is the last lines of the text so far, up to the end of a
   * mention. Returns `undefined` if later events can change which files the piece means. `lastName`: the path or name at the
   * piece's end, without the root.
   */
  resolvePiece(position: PartPosition, piece: string, lastName: string): Promise<LinkResolution | undefined>;
  /** Returns whether at least one container is known for a text. */
  hasContainersFor(position: PartPosition): boolean;
  /** True if the response's data is inconsistent. Then no links are made. */
  readonly isGivenUp: boolean;
  noteError(error: unknown): void;
  /** Aborts when the consumer no longer waits for the response. */
  readonly callerSignal: AbortSignal | undefined;
  /** Adds `ms` milliseconds to the time for which the response was delayed. */
  noteHeld(ms: number): void;
}

/** A text and its links so far. */
export interface LinkedPart {
  readonly position: PartPosition;
  readonly text: LinkedText;
  /** The pieces of the model's text. */
  readonly pieces: string[];
  /** The recovered citations whose mentions have become links. The API may later cite some of these mentions itself. */
  readonly found: RecoveredCitation[];
  /** The folded names (see `fold`) of the files whose paths were cited or became links. */
  readonly pathNames: Set<string>;
  /** The URLs in the model's text. An earlier repair may have written them in place of paths. */
  readonly urls: Set<string>;
  /** True if only the complete response can show what replaces the next mention. */
  isUndecided: boolean;
  /**
   * The length of the white space at the start of the streamed text, minus the length of the white space at the start of `whole`.
   * The lengths differ if a gateway has trimmed `whole`.
   */
  lead: number;
  /** The whole text, from the latest event that contains it. `undefined` before the text has ended. */
  whole: string | undefined;
  /** Set if the text was held for too long and sent without links. Reported if the API later cites a file in the text. */
  overdue: Error | undefined;
}

/** A whole text of the model, and what is known about its files. */
export interface WholeText {
  position: PartPosition;
  original: string;
  /** The annotations that the part already has. */
  given: readonly Annotation[];
  /** The citations that were found for the text and that `given` lacks. */
  missing: readonly ContainerFileCitation[];
  /** The mentions that could not be resolved to one file. */
  unresolved: readonly UnresolvedMention[];
  /**
   * True if later events can change which files the text means (see `isEarly` in response-repair.ts). Then the text gets no
   * more links.
   */
  isEarly: boolean;
}

/** A text with links, and the annotations that fit it. */
export interface TextWithAnnotations {
  text: string;
  annotations: readonly Annotation[];
}

/**
 * What becomes of a mention: a link replaces it (`file`), a note replaces it (`missing`), or it stays as the model wrote it
 * (`nothing`).
 */
type Meaning =
  | { kind: "file"; range: Range; citation: ContainerFileCitation; found?: RecoveredCitation }
  | { kind: "missing"; mention: UnresolvedMention }
  | { kind: "nothing" }
  /** The meaning is not known yet. It needs more of the text (`longer`) or the complete response (`undecided`). */
  | { kind: "longer" | "undecided" };
/** A file citation and the range of the mention that it cites. */
interface CitedRange {
  range: Range;
  citation: ContainerFileCitation;
}
type Decide = (part: LinkedPart, candidate: Candidate) => Promise<Meaning>;

const NOTHING: Meaning = { kind: "nothing" };

/** Puts links into the texts of one response. */
export class ResponseLinks {
  readonly #links: Links;
  readonly #settings: Settings;
  readonly #files: LinkFiles;
  readonly #parts = new Map<string, LinkedPart>();
  /** True if a URL took too long, or if the consumer no longer waits for the response. Then no more links are made. */
  #isStopped = false;
  /** For each URL that is awaited: the function that ends the wait with an error. */
  readonly #awaited = new Set<(reason: unknown) => void>();
  /** When the library began to wait for the URLs in `#awaited`. */
  #awaitedSince = 0;

  constructor(links: Links, settings: Settings, files: LinkFiles) {
    this.#links = links;
    this.#settings = settings;
    this.#files = files;
  }

  /** Returns the part at a position if it streams or has streamed. */
  get(position: PartPosition): LinkedPart | undefined {
    return this.#parts.get(keyOf(position));
  }

  /** Returns the part at a position. The first call for a position creates the part. */
  partAt(position: PartPosition): LinkedPart {
    const key = keyOf(position);
    const part = this.#parts.get(key) ?? this.#newPart(position);
    this.#parts.set(key, part);
    return part;
  }

  /** Returns whether a text may still get links: text is held, or the text did not stream and has a mention. */
  isPending(position: PartPosition, text: string): boolean {
    const known = this.get(position);
    if (known) return known.text.heldLength > 0;
    const part = this.#newPart(position);
    part.text.push(text);
    part.text.end();
    return part.text.candidate() !== undefined;
  }

  /** Makes no links in the text that streams at a position. If the whole text comes later, it can still get links. */
  giveUp(position: PartPosition): void {
    const part = this.get(position);
    if (!part) return;
    this.#giveUp(part);
    this.#parts.delete(keyOf(position));
  }

  #newPart(position: PartPosition): LinkedPart {
    const text = new LinkedText(this.#settings.roots, this.#links.onMissing !== undefined);
    text.onlyPaths = !this.#files.hasContainersFor(position);
    return {
      position,
      text,
      pieces: [],
      found: [],
      pathNames: new Set(),
      urls: new Set(),
      isUndecided: false,
      lead: 0,
      whole: undefined,
      overdue: undefined,
    };
  }

  /** Adds text that cannot belong to a mention. The caller has already sent this text. */
  pass(part: LinkedPart, text: string): void {
    part.text.pass(text);
    part.pieces.push(text);
  }

  /**
   * Adds a delta to a text that streams. Returns the text that can be sent now. The result is a promise only if a mention has
   * ended. If `onlyPaths` is true, no container is known. Then paths are held, but no mention is decided.
   */
  push(part: LinkedPart, delta: string): string | Promise<string> {
    part.text.push(delta);
    part.pieces.push(delta);
    if (part.text.onlyPaths) {
      part.text.candidate();
      return part.text.take();
    }
    const deciding = part.isUndecided ? undefined : this.#decideAll(part, this.#decideInStream);
    return deciding ? deciding.then(() => part.text.take()) : part.text.take();
  }

  /**
   * Returns a whole text with links, and its annotations. Keeps the links that were sent in a stream, even if a gateway has
   * trimmed the whole text. If a gateway has left out the whole text of a streamed part, returns an empty text. Passes the
   * citations of links that no annotation covers to `onFound`.
   */
  finish(
    whole: WholeText,
    onFound: (found: readonly RecoveredCitation[]) => void,
  ): TextWithAnnotations | Promise<TextWithAnnotations> {
    const { position } = whole;
    const known = this.#parts.get(keyOf(position));
    const isLeftOut = known !== undefined && whole.original === "";
    const original = isLeftOut ? originalOf(known) : whole.original;
    const lead = known && leadOf(originalOf(known), original);
    const part = known && lead !== undefined ? known : this.#newPart(position);
    part.lead = lead ?? 0;
    part.whole = original;
    if (part !== known) {
      part.text.push(original);
      part.pieces.push(original);
      if (known) this.#giveUp(known);
    }
    part.text.end();
    if (whole.isEarly) part.text.giveUp();
    // If no container was known when the text began, a stream has already sent the links before the first path unchanged. A
    // plain response must get the same links as a stream. So this call of `candidate` passes over the links before that path.
    if (part.text.onlyPaths) part.text.candidate();
    part.text.onlyPaths = false;
    part.isUndecided = false;
    const done = (): TextWithAnnotations => {
      this.#parts.set(keyOf(position), part);
      if (part.overdue && whole.given.some(isRangeOfFile)) this.#files.noteError(part.overdue);
      const found = this.#uncited(part, { ...whole, original });
      if (found.length > 0) onFound(found);
      const added = [...whole.missing, ...found.map(({ annotation }) => annotation)];
      if (found.length > 0) added.sort((a, b) => a.start_index - b.start_index);
      const { text, annotations } = this.#moved(part, original, [...whole.given, ...added]);
      return { text: isLeftOut ? "" : text, annotations };
    };
    const deciding = this.#decideAll(part, this.#decideWhole({ ...whole, original }));
    return deciding ? deciding.then(done) : done();
  }

  /** Returns the annotations of a part. Their ranges are moved to fit the text with links. */
  moved(position: PartPosition, annotations: readonly Annotation[]): readonly Annotation[] {
    const part = this.#parts.get(keyOf(position));
    if (!part || part.text.replacements.length === 0) return annotations;
    return this.#moved(part, part.whole ?? originalOf(part), annotations).annotations;
  }

  /**
   * Makes no more links in a streamed text that differs from the whole text, for example because the stream was resumed in the
   * middle of the text. Text that is still held can then be sent.
   */
  #giveUp(part: LinkedPart): void {
    part.text.giveUp();
    this.#parts.set(`${keyOf(part.position)}, in part`, part);
  }

  #moved(part: LinkedPart, original: string, annotations: readonly Annotation[]): TextWithAnnotations {
    const replacements =
      part.lead === 0
        ? part.text.replacements
        : part.text.replacements.map((one) => ({
            ...one,
            start: one.start - part.lead,
            end: one.end - part.lead,
            mentionStart: one.mentionStart - part.lead,
          }));
    const text = replacements.length === 0 ? original : withReplacements(original, replacements);
    const { indexUnit, roots } = this.#settings;
    return {
      text,
      annotations: movedAnnotations({ original, text, replacements }, annotations, indexUnit, roots),
    };
  }

  /** Returns citations for the links that no annotation covers. Their offsets have the unit of the part's annotations. */
  #uncited(
    { found, lead }: LinkedPart,
    { original, given, missing }: WholeText,
  ): readonly RecoveredCitation[] {
    if (found.length === 0) return found;
    const { indexUnit, roots } = this.#settings;
    // White space has as many code points as UTF-16 units. So both kinds of offsets move by `lead`.
    const inWhole = lead === 0 ? found : found.map((citation) => shifted(citation, -lead, -lead));
    return uncitedLinks(original, [...given, ...missing], inWhole, indexUnit, roots);
  }

  /**
   * Replaces or leaves each mention that has ended, up to the first one whose meaning is not known yet. Returns `undefined` if no
   * mention has ended.
   */
  #decideAll(part: LinkedPart, decide: Decide): Promise<void> | undefined {
    const first = part.text.candidate();
    return first && this.#decideFrom(part, first, decide);
  }

  async #decideFrom(part: LinkedPart, first: Candidate, decide: Decide): Promise<void> {
    for (let candidate: Candidate | undefined = first; candidate; candidate = part.text.candidate()) {
      const meaning = await this.#decided(part, candidate, decide);
      if (meaning.kind === "undecided") {
        part.isUndecided = true;
        return;
      }
      if (meaning.kind === "longer") continue;
      if (meaning.kind === "file") await this.#link(part, candidate, meaning);
      else if (meaning.kind === "missing") this.#note(part, candidate, meaning.mention);
      else part.text.leave();
    }
  }

  /** Calls `decide`. If `decide` fails, because of a bug of ours or unexpected data, the mention stays as the model wrote it. */
  async #decided(part: LinkedPart, candidate: Candidate, decide: Decide): Promise<Meaning> {
    if (this.#isStopped || this.#files.isGivenUp) return NOTHING;
    try {
      return await decide(part, candidate);
    } catch (error) {
      this.#files.noteError(error);
      return NOTHING;
    }
  }

  readonly #decideInStream: Decide = async (part, candidate) => {
    const { isPath, window, at } = candidate;
    const name = nameIn(candidate);
    if (!isPath && !isFileName(name)) {
      part.urls.add(URL_IN.exec(name)![0]);
      return NOTHING;
    }
    const lastName = relativeName(name, this.#settings.roots);
    const piece = await this.#files.resolvePiece(part.position, window, lastName);
    // If no container could be searched, the mention stays undecided: the citations of the whole text may name a container.
    if (!piece || piece.asked.length === 0) return { kind: "undecided" };
    if (piece.mayGoOn && part.text.extend()) return { kind: "longer" };
    const citation = piece.citations.find(({ start }) => start === at);
    const mention = piece.unresolved.find(({ start }) => start === at);
    // If several files fit, wait for the end of the text: the API's citation comes after the text and may name the file.
    if (part.whole === undefined && mayMeanOther(piece, citation, mention)) return { kind: "undecided" };
    if (citation && !piece.isOutdated(citation.annotation)) return this.#fileAt(part, candidate, citation);
    if (piece.isLacking && mention?.reason !== "container-unavailable") return { kind: "undecided" };
    return mention ? missingAt(mention) : NOTHING;
  };

  /**
   * Returns the meaning of a mention that `citation` cites. A bare name gets no link if an earlier path in the text ends with
   * this name. The bare name may mean the file at that path, and `citation` may cite another file of this name.
   */
  #fileAt(part: LinkedPart, candidate: Candidate, citation: RecoveredCitation): Meaning {
    if (!candidate.isPath && part.pathNames.has(fold(citation.annotation.filename))) return NOTHING;
    const found = this.#inWholeText(citation, candidate);
    return { kind: "file", range: citation, citation: found.annotation, found };
  }

  /**
   * Returns a copy of a citation with offsets in the whole text. The offsets in `citation` count from the start of the
   * candidate's window, which is a piece of the text.
   */
  #inWholeText(citation: RecoveredCitation, { at, start, startCodePoints }: Candidate): RecoveredCitation {
    const startIndex = this.#settings.indexUnit === "utf-16" ? start : startCodePoints;
    return shifted(citation, start - at, startIndex - citation.annotation.start_index);
  }

  /**
   * Returns a function that decides what a mention in a whole text means. If the API has annotated the mention, the annotation
   * decides. If not, the function calls `#decideInStream`. If the mention is still undecided or is ambiguous, the function uses
   * `missing` and `unresolved`, which were found for the whole text.
   */
  #decideWhole({ original, given, missing, unresolved }: WholeText): Decide {
    // These maps are created only when needed, because usually all mentions of the text are decided already.
    const citedByApi = once(() => this.#byStart(original, given));
    const citedBefore = once(() => [...citedByApi().values()].sort((a, b) => b.range.start - a.range.start));
    const found = once(() => this.#byStart(original, missing));
    return async (part, candidate) => {
      const { at } = candidate;
      const start = candidate.start - part.lead;
      const known = citedByApi().get(start);
      if (known) return knownFile(part, candidate, known);
      this.#notePathNames(part, original, citedBefore(), start);
      const meaning = await this.#decideInStream(part, candidate);
      const isAmbiguous = meaning.kind === "missing" && meaning.mention.reason === "ambiguous";
      if (meaning.kind !== "undecided" && !isAmbiguous) return meaning;
      const later = found().get(start);
      if (later) return knownFile(part, candidate, later);
      const mention = unresolved.find((missed) => missed.start === start);
      return mention ? missingAt({ ...mention, start: at, end: at + mention.end - start }) : NOTHING;
    };
  }

  /** Returns the file citations that have a range, as a map. The key is the start of the range that `meantRange` returns. */
  #byStart(original: string, annotations: readonly Annotation[]): Map<number, CitedRange> {
    const ranged = annotations.filter(isRanged);
    const { indexUnit, roots } = this.#settings;
    const { ranges } = rangesOf(original, ranged, indexUnit, roots);
    const cited = new Map<number, CitedRange>();
    for (const [at, annotation] of ranged.entries()) {
      if (!isRangeOfFile(annotation)) continue;
      const range = meantRange(original, ranges[at]!);
      cited.set(range.start, { range, citation: annotation as unknown as ContainerFileCitation });
    }
    return cited;
  }

  /** Returns whether a cited text is a path below a root, or the URL that an earlier repair wrote in place of a path. */
  #isPathOrUrl(cited: string): boolean {
    const text = decode(cited);
    if (this.#settings.roots.some((root) => text.includes(`${root.slice(1)}/`))) return true;
    return OF_A_SITE.test(text) && !hasSandboxScheme(text);
  }

  /**
   * Records the file of each citation that starts before `end` and covers a path or a URL (see `#isPathOrUrl`). `cited` holds
   * the citations in reverse order of the text. Removes the citations before `end` from `cited`, so no call reads them again.
   */
  #notePathNames(part: LinkedPart, original: string, cited: CitedRange[], end: number): void {
    for (let last = cited.at(-1); last && last.range.start < end; last = cited.at(-1)) {
      cited.pop();
      const { start, end: citedEnd } = last.range;
      if (this.#isPathOrUrl(original.slice(start, citedEnd)))
        part.pathNames.add(fold(last.citation.filename));
    }
  }

  /** Replaces a mention with its link. The mention stays as it is if no link can be written at its place. */
  async #link(part: LinkedPart, candidate: Candidate, meaning: Meaning & { kind: "file" }): Promise<void> {
    const { window, start, at } = candidate;
    const { range, citation, found } = meaning;
    const base = start - at;
    const place = new LinkPlaces(new WindowMarkup(window), part.text.isJson).placeFor(range);
    if (!place) return part.text.leave(base + range.end);
    try {
      const replaced = { text: window.slice(place.start, place.end), ...textAround(place, citation) };
      const link = linkAt(place, citation, await this.#urlOf(citation, replaced));
      // A bare name gets no link after a path of the same file. An earlier repair may have replaced the path with `link.url`.
      if (!link || (!candidate.isPath && part.urls.has(link.url))) return part.text.leave(base + range.end);
      const isReplaced = part.text.replace({
        ...{ start: base + place.start, end: base + place.end, mentionStart: base + range.start },
        ...link,
      });
      if (isReplaced && this.#isPathOrUrl(nameIn(candidate))) part.pathNames.add(fold(citation.filename));
      if (isReplaced && found) part.found.push(found);
    } catch (error) {
      this.#files.noteError(error);
      part.text.leave(base + range.end);
    }
  }

  /** Stops waiting for URLs and makes no more links, because the consumer no longer waits for the response. */
  cancel(reason: unknown): void {
    this.#isStopped = true;
    for (const reject of this.#awaited) reject(reason);
  }

  readonly #onAbort = (): void => this.cancel(this.#files.callerSignal?.reason);

  /**
   * Calls `toUrl` and returns the URL. Rejects if `toUrl` takes longer than `timeoutMs`, or if `callerSignal` aborts. In both
   * cases, no more links are made.
   */
  async #urlOf(citation: ContainerFileCitation, replaced: ReplacedText): Promise<LinkUrl> {
    const url = this.#links.toUrl(citation, replaced);
    if (!isThenable(url)) return url;
    const { timeoutMs } = this.#settings;
    const { callerSignal } = this.#files;
    if (this.#awaited.size === 0) {
      this.#awaitedSince = performance.now();
      if (callerSignal) follow(callerSignal, this.#onAbort);
    }
    let stop!: (reason: unknown) => void;
    const stopped = new Promise<never>((_, reject) => {
      stop = reject;
    });
    this.#awaited.add(stop);
    const timer = setTimeout(() => {
      this.#isStopped = true;
      stop(new Error(`the URL of a link took longer than ${timeoutMs} ms`));
    }, timeoutMs);
    // If the signal aborted while `toUrl` ran, nobody has called `stop` yet.
    if (callerSignal?.aborted) this.#onAbort();
    try {
      return await Promise.race([url, stopped]);
    } finally {
      clearTimeout(timer);
      this.#awaited.delete(stop);
      if (this.#awaited.size === 0) {
        if (callerSignal) unfollow(callerSignal, this.#onAbort);
        this.#files.noteHeld(performance.now() - this.#awaitedSince);
      }
    }
  }

  /** Replaces a mention that has no file with the note that `onMissing` returns. */
  #note(part: LinkedPart, { window, start, at }: Candidate, mention: UnresolvedMention): void {
    const base = start - at;
    const { onMissing } = this.#links;
    const places = new LinkPlaces(new WindowMarkup(window), part.text.isJson);
    const place = onMissing && places.placeForNote(mention);
    try {
      const written =
        place && noteAt(place, onMissing({ ...mention, start, end: base + mention.end }), places.isJson);
      if (place && written !== undefined) {
        part.text.replace({
          start: base + place.start,
          end: base + place.end,
          mentionStart: start,
          before: written,
          url: "",
          after: "",
        });
        return;
      }
    } catch (error) {
      this.#files.noteError(error);
    }
    part.text.leave(base + mention.end);
  }
}

/** Returns whether an annotation cites a file for a range of the text. */
function isRangeOfFile(annotation: Annotation): boolean {
  return annotation.type === "container_file_citation" && isRanged(annotation);
}

/**
 * Returns whether a mention can also mean another file. With a citation, this is true if another container lists the same path
 * (see `isShared`). Without a citation, this is true if several files fit.
 */
function mayMeanOther(
  piece: LinkResolution,
  citation: RecoveredCitation | undefined,
  mention: UnresolvedMention | undefined,
): boolean {
  return citation ? piece.isShared(citation.annotation) : mention?.reason === "ambiguous";
}

/** Returns the meaning of a mention that is covered by one of the annotations of the whole text. */
function knownFile(part: LinkedPart, candidate: Candidate, { range, citation }: CitedRange): Meaning {
  const { isPath, window, at } = candidate;
  // An annotated destination that is neither a path nor a file name is a URL that an earlier repair wrote.
  if (!isPath && !isFileName(nameIn(candidate))) return NOTHING;
  const end = at + range.end - range.start;
  if (end > window.length) return part.text.extend() ? { kind: "longer" } : NOTHING;
  return { kind: "file", range: { start: at, end }, citation };
}

/**
 * Returns the meaning of a mention without a file. If the container's list is unavailable, the file may exist, so no note
 * replaces the mention.
 */
function missingAt(mention: UnresolvedMention): Meaning {
  return mention.reason === "container-unavailable" ? NOTHING : { kind: "missing", mention };
}

/** Matches the beginning of a path on a website, or of a URL. The schemes `attachment:` and `file:` do not match. */
const OF_A_SITE = /^(?:\/|#|\?|(?!(?:attachment|file):)[a-z][a-z\d+.-]*:)/i;

/** Returns the path or name of a mention, as written in the text. Includes the character after the name, such as `)`. */
function nameIn({ window, at, nameEnd }: Candidate): string {
  return window.slice(at, nameEnd);
}

/** Matches only the URL in a result of `nameIn`: not the link's title, and not the character that ends the mention. */
const URL_IN = /^(?:[^\s"'<>](?!$))*/;

/** Returns whether a link's destination can be the name of a file in the container: a name with an extension. */
function isFileName(destination: string): boolean {
  return !OF_A_SITE.test(destination) && /\.[a-z]/i.test(destination);
}

/**
 * Removes the root from a path: returns `out/a.csv` for `/mnt/data/out/a.csv`. If the path is below none of the roots, returns
 * only its last segment. The result is decoded and folded (see `fold`), so that it can be compared with listed names.
 */
function relativeName(written: string, roots: readonly string[]): string {
  const path = fold(decode(written)).replace(/^[a-z]+:\/{0,3}/, "");
  const root = roots
    .map((one) => `${fold(one).slice(1)}/`)
    .find((one) => path.replace(/^\//, "").startsWith(one));
  return root === undefined ? path.slice(lastSegment(path)) : path.slice(path.indexOf(root) + root.length);
}

/**
 * Returns the model's text of a part, as far as it is known. Stores the joined text as the only piece, so that the pieces are not
 * joined again.
 */
function originalOf({ pieces }: LinkedPart): string {
  if (pieces.length > 1) pieces.splice(0, pieces.length, pieces.join(""));
  return pieces[0] ?? "";
}

/**
 * Returns the length of the white space at the start of `streamed`, minus the length of the white space at the start of
 * `whole`, in UTF-16 units. Returns `undefined` if the texts differ by more than white space at their start and end.
 */
function leadOf(streamed: string, whole: string): number | undefined {
  if (streamed === whole) return 0;
  if (streamed.trim() !== whole.trim()) return undefined;
  return whole.trimStart().length - whole.length + streamed.length - streamed.trimStart().length;
}

/** Returns a copy of a citation, with its UTF-16 offsets moved by `by` and the annotation's indices moved by `indexBy`. */
function shifted(citation: RecoveredCitation, by: number, indexBy: number): RecoveredCitation {
  const { annotation, start, end } = citation;
  const { start_index, end_index } = annotation;
  return {
    ...citation,
    annotation: { ...annotation, start_index: start_index + indexBy, end_index: end_index + indexBy },
    start: start + by,
    end: end + by,
  };
}

/** Returns the position of a part as a map key. */
export function keyOf({ outputIndex, contentIndex }: PartPosition): string {
  return `${outputIndex}/${contentIndex}`;
}
