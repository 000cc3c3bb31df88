/**
 * Reads an invented conversation twice, with plain and with streamed responses. Returns the wrong and the missing citations.
 * This file is long because each check of a citation is a method of one class.
 */
import type { Conversation, Part, Turn } from "./adversary-conversations.js";
import { type Annotation, DOORS, type Reading, seenTurns, settled } from "./adversary-doors.js";
import { type Call, FOLDERS_OF_OTHERS, type Mention } from "./adversary-truth.js";
import { COMPLETE, ListServer, QUICK, type WorldFile } from "./adversary-world.js";
import type { StreamEvent } from "./upstream.js";

/** A failed check. */
export interface Fault {
  kind: string;
  turn: Turn;
  message: string;
}

/**
 * Totals over all conversations. Each conversation is read twice, with plain and with streamed responses. The conversation
 * counts once, but its mentions, citations and list requests count in both readings.
 */
const counts = {
  ...{ conversations: 0, mentions: 0, meant: 0, cited: 0, withheld: 0, demanded: 0, found: 0, undecided: 0 },
  ...{ unmentioned: 0, listRequests: 0, calmCited: 0, calmWithheld: 0 },
};

/** Returns the totals as a sentence. */
export function summary(): string {
  const { conversations, mentions, meant, cited, withheld, demanded, found, undecided, listRequests } =
    counts;
  const { calmCited, calmWithheld } = counts;
  return (
    `${conversations} conversations, read plain and streamed: ${mentions} mentions; ${meant} mean a file that the API did ` +
    `not cite: ${cited} cited, ${withheld} withheld; ${found} of the ${demanded} cited that must be; ${undecided} cited as ` +
    `another file that the rules leave possible; with lists in time ${calmCited} cited and ${calmWithheld} withheld, as the ` +
    `rules want more than the mention (a name that no call wrote, an upload, another agent's file); ${listRequests} pages of lists`
  );
}

/** Reads one conversation twice, with plain and with streamed responses. Returns the faults of the conversation. */
export async function faultsOf(conversation: Conversation): Promise<Fault[]> {
  const faults: Fault[] = [];
  const cited: Map<string, Set<string>>[] = [];
  for (const isStreamed of [false, true]) {
    const server = new ListServer(conversation.files);
    const readings = DOORS[conversation.door](conversation, server, isStreamed);
    const found = new Map<string, Set<string>>();
    for (const turn of seenTurns(conversation)) {
      const { value: reading } = await settled(readings.next());
      const check = new TurnCheck(conversation, turn, reading as Reading, isStreamed);
      faults.push(...check.faults);
      found.set(`${turn.index}`, check.comparable);
    }
    await settled(readings.next());
    cited.push(found);
    counts.listRequests += server.requests;
  }
  for (const turn of seenTurns(conversation)) {
    const [plain, streamed] = cited.map((found) => found.get(`${turn.index}`)!);
    const message = differenceOf(plain!, streamed!);
    // A list that fails slowly leaves less time for the other lists. The time that is left may differ between the plain and the
    // streamed response, so their citations may differ too.
    const isQuick = [...turn.modes.values()].every((mode) => QUICK.has(mode));
    if (message !== "" && isQuick) faults.push({ kind: "plain and streamed differ", turn, message });
  }
  counts.conversations++;
  return faults;
}

/**
 * Returns whether a mention may stay uncited although it means a file. There are three cases:
 * - The mention is a name, and the file is in a tool's folder (see `FOLDERS_OF_OTHERS`).
 * - The mention is a path in a tool's folder, but not the file's exact path.
 * - The mention is a path, but not the file's exact path, and the text has another path that may mean the file. Two different
 *   paths in one text may mean two files.
 */
function isFree({ path, truth }: Mention, others: readonly Mention[]): boolean {
  const own = truth.meant?.path;
  if (FOLDERS_OF_OTHERS.test(path ?? own ?? "") && path !== own) return true;
  if (path === undefined) return false;
  const isAnother = (other: Mention): boolean =>
    other.path !== undefined &&
    other.path !== path &&
    (other.path === own || other.truth.allowed.includes(truth.meant!));
  return path !== own && others.some(isAnother);
}

/**
 * Returns whether a mention has exactly the file's path, and the API cited a file of the same container in the mention's part.
 * Citations with an empty range do not count.
 */
function isOfCitedContainer({ annotations }: Part, { path }: Mention, file: WorldFile): boolean {
  return (
    path === file.path &&
    annotations.some(
      ({ container_id, start_index, end_index }) =>
        container_id === file.container && start_index !== end_index,
    )
  );
}

function differenceOf(plain: ReadonlySet<string>, streamed: ReadonlySet<string>): string {
  const only = (some: ReadonlySet<string>, others: ReadonlySet<string>): string[] =>
    [...some].filter((one) => !others.has(one));
  return [
    ...only(plain, streamed).map((one) => `only plain: ${one}`),
    ...only(streamed, plain).map((one) => `only streamed: ${one}`),
  ].join("; ");
}

/** Compares the citations in a plain or a streamed response with those that the `Truth` of each mention allows and demands. */
class TurnCheck {
  readonly faults: Fault[] = [];
  /** The citations that must be the same in the plain and the streamed response. */
  readonly comparable = new Set<string>();
  readonly #conversation: Conversation;
  readonly #turn: Turn;
  readonly #how: string;

  constructor(conversation: Conversation, turn: Turn, { output, events }: Reading, isStreamed: boolean) {
    this.#conversation = conversation;
    this.#turn = turn;
    this.#how = isStreamed ? "streamed" : "plain";
    for (const [item, parts] of turn.parts) {
      for (const [at, part] of parts.entries()) {
        const annotations = output[item]?.content?.[at]?.annotations ?? [];
        this.#checkPart(part, annotations, item);
        if (events) this.#checkEvents(events, annotations, `${item}/${at}`);
      }
    }
  }

  #fail(kind: string, message: string): void {
    this.faults.push({ kind, turn: this.#turn, message: `${this.#how}: ${message}` });
  }

  #checkPart(part: Part, annotations: readonly Annotation[], item: number): void {
    const given = annotations.slice(0, part.annotations.length);
    if (JSON.stringify(given) !== JSON.stringify(part.annotations)) {
      this.#fail("what the API cited has changed", JSON.stringify(given));
    }
    const citedMentions = new Set<Mention>();
    for (const annotation of annotations.slice(part.annotations.length)) {
      const mention = this.#checkCitation(part, annotation, item);
      if (mention) citedMentions.add(mention);
    }
    for (const mention of part.mentions) {
      this.#checkMention(mention, citedMentions.has(mention), item, part);
    }
  }

  #checkCitation(part: Part, annotation: Annotation, item: number): Mention | undefined {
    const { start_index: start, end_index: end, file_id, container_id } = annotation;
    const file = this.#conversation.files.find(({ id }) => id === file_id);
    if (!file || file.container !== container_id) {
      this.#fail("a file that is not there", JSON.stringify(annotation));
      return undefined;
    }
    if (start === 0 && end === 0) {
      this.#checkUnmentioned(file);
      return undefined;
    }
    const what = [...part.text].slice(Number(start), Number(end)).join("");
    const mention = part.mentions.find((one) => one.start === start && one.end === end && !one.isCited);
    if (!mention) {
      this.#fail("no mention", `"${what}" at ${start}–${end}, cited as ${told(file)}`);
      return undefined;
    }
    if (!mention.truth.allowed.includes(file) && !isOfCitedContainer(part, mention, file)) {
      const { meant } = mention.truth;
      this.#fail(this.#kindOf(file, mention, item), `"${what}" means ${told(meant)}, cited as ${told(file)}`);
    }
    if (!mention.truth.isLoose) this.comparable.add(`${item} ${start}–${end} ${told(file)}`);
    if (mention.truth.meant === file) counts.cited++;
    else counts.undecided++;
    return mention;
  }

  #checkUnmentioned(file: WorldFile): void {
    const { truths } = this.#turn;
    counts.unmentioned++;
    const { unmentioned } = this.#conversation.options;
    const isAsked = typeof unmentioned === "function" ? unmentioned(file) : unmentioned === "cite";
    if (!isAsked) this.#fail("unmentioned, not asked", told(file));
    if (!truths.mayCiteUnmentioned(file)) this.#fail("unmentioned", `cited without a mention: ${told(file)}`);
  }

  #checkMention(mention: Mention, isFound: boolean, item: number, part: Part): void {
    const { truth, isCited, path, name } = mention;
    counts.mentions++;
    if (truth.meant === undefined || isCited) return;
    counts.meant++;
    if (!isFound) counts.withheld++;
    if (this.#conversation.isCalm) counts[isFound ? "calmCited" : "calmWithheld"]++;
    // If the file is older than the response, a name without a path may stay uncited: the name may mean something else.
    const isOlder = path === undefined && truth.meant.createdAt < this.#turn.createdAt;
    // In a bare path, `%20` can mean these three characters or a space. The path is ambiguous if a file exists for each meaning.
    const decoded = truth.meant.path.replaceAll("%20", " ");
    const isTwofold =
      !mention.isHandedOver &&
      decoded !== truth.meant.path &&
      this.#conversation.files.some((file) => file.path === decoded);
    if (!truth.isDemanded || isOlder || isTwofold || !this.#isKnown(item)) return;
    if (isFree(mention, part.mentions) || this.#isCitedListIncomplete(part)) return;
    if (path !== truth.meant.path && this.#isNamedOnlyByApi(part)) return;
    counts.demanded++;
    if (isFound) counts.found++;
    else this.#fail("not found", `"${path ?? name}" means ${told(truth.meant)}, and is not cited`);
  }

  /**
   * Returns whether the API's citations in a text name a container whose list is incomplete. Mentions in the text may then
   * stay uncited, because they may mean files that the list lacks.
   */
  #isCitedListIncomplete({ annotations }: Part): boolean {
    const { modes } = this.#turn;
    return annotations.some(({ container_id: id }) => !COMPLETE.has(modes.get(String(id)) ?? "ok"));
  }

  /**
   * Returns whether the library knows a text's container only from the API's citations. If so, the library does not retrieve
   * the previous response. It also cites no look-alike, because another container may have a file at exactly the text's path.
   */
  #isNamedOnlyByApi({ annotations }: Part): boolean {
    const { calls, link } = this.#turn;
    return calls.length === 0 && annotations.length > 0 && link.turn?.isUnseen === true;
  }

  /**
   * Returns whether the library knows a text's containers. `repairResponse` and `repairResponseStream` (the door "functions")
   * remember no earlier responses. They know only the containers in the request and in the calls before the text.
   */
  #isKnown(item: number): boolean {
    const { calls, link } = this.#turn;
    const isByRequest = link.kind === "none" || link.kind === "replay";
    return this.#conversation.door !== "functions" || isByRequest || calls.some((call) => call.item < item);
  }

  /** Checks that the annotation events have the same citations as the final event. */
  #checkEvents(events: readonly StreamEvent[], annotations: readonly Annotation[], position: string): void {
    const told = events.filter(
      ({ type, output_index, content_index }) =>
        type === "response.output_text.annotation.added" && `${output_index}/${content_index}` === position,
    );
    const inEvents = told.map(({ annotation }) => JSON.stringify(annotation)).sort();
    const inEnd = annotations.map((annotation) => JSON.stringify(annotation)).sort();
    if (inEvents.join() !== inEnd.join()) {
      this.#fail("events and final event differ", `${inEvents.join()} | ${inEnd.join()}`);
    }
  }

  #kindOf(file: WorldFile, { path, name, truth }: Mention, item: number): string {
    if (file.isGarbage) return "wrong: an entry that is two paths";
    if (!this.#turn.truths.containersAt(item).includes(file.container))
      return "wrong: another container's file";
    if (file.path === truth.meant?.path) return "wrong: an older version";
    if (path === file.path) return "wrong: the same path elsewhere";
    return name === undefined ? "wrong: a look-alike of a path" : "wrong: a look-alike of a name";
  }
}

function told(file: WorldFile | undefined): string {
  return file ? `${file.path} (${file.id} of ${file.container})` : "no file";
}

/** Returns a readable description of a conversation and its faults. */
export function describe(conversation: Conversation, faults: readonly Fault[]): string {
  const { turns, files, door, options, repeatsIds } = conversation;
  const lines = turns.flatMap((turn) => [
    ...linesOfTurn(turn),
    ...files.filter((file) => file.turn === turn.index).map(lineOfFile),
    ...turn.calls.map(lineOfCall),
    ...[...turn.parts].flatMap(([item, parts]) =>
      parts.flatMap((part) => linesOfPart(item, turn.agents.get(item), part)),
    ),
    ...faults
      .filter((fault) => fault.turn === turn)
      .map(({ kind, message }) => `  FAULT ${kind}: ${message}`),
  ]);
  const { unmentioned, retries } = options;
  const how = `unmentioned ${typeof unmentioned === "string" ? unmentioned : "isWanted"}, ${retries} retries`;
  return [`through ${door}, ${how}${repeatsIds ? ", ids repeat" : ""}`, ...lines].join("\n");
}

function linesOfTurn({ link, modes, known, index, createdAt, isUnseen, isBackground }: Turn): string[] {
  const after = link.turn ? `${link.kind} of ${link.turn.index}` : link.kind;
  const flags = `${isUnseen ? ", made by another client" : ""}${isBackground ? ", in the background" : ""}`;
  return [
    `response ${index} (created at ${createdAt}; ${after}; knows ${known.join() || "nothing"}${flags})`,
    `  lists: ${[...modes].map(([container, mode]) => `${container} ${mode}`).join(", ")}`,
  ];
}

function lineOfFile(file: WorldFile): string {
  const { item, source, createdAt, late, isLost, hides } = file;
  const notes = [`item ${item}`, source, `created at ${createdAt}`];
  if (isLost) notes.push("never listed");
  else if (late > 0)
    notes.push(Number.isFinite(late) ? `late by ${late} lists` : "late until the next response");
  if (hides) notes.push(`takes the place of ${hides.id}`);
  return `  file ${told(file)}: ${notes.join(", ")}`;
}

function lineOfCall({ item, container, code, logs, agent }: Call): string {
  return `  item ${item}: call ${agent === undefined ? "" : `of ${agent} `}in ${container}: ${JSON.stringify(code)}, prints ${JSON.stringify(logs)}`;
}

function linesOfPart(
  item: number,
  agent: string | undefined,
  { text, mentions, annotations }: Part,
): string[] {
  return [
    `  item ${item}: text ${agent === undefined ? "" : `of ${agent} `}${JSON.stringify(text)}`,
    ...annotations.map((annotation) => `    the API cites ${JSON.stringify(annotation)}`),
    ...mentions.map(({ start, end, truth }) => {
      const need = truth.isDemanded ? ", must be cited" : "";
      const allowed = truth.allowed.map(({ id }) => id).join() || "none";
      return `    ${start}–${end} means ${told(truth.meant)}${need}; allowed: ${allowed}`;
    }),
  ];
}
