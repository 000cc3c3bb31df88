/**
 * Invents conversations. In their responses, a model runs code in containers and mentions files. Some of the files could not be
 * written. A conversation also states which file each mention means. All choices come from one list of random numbers, the tape.
 * fast-check makes the tape. If a conversation has a fault, fast-check shrinks its tape to a simpler one that still has a fault.
 * This file is long because everything that the model, the API and the gateway do is chosen from one tape.
 */
import {
  type Call,
  folderOf,
  formerName,
  type Mention,
  nameOf,
  Truths,
  type TurnFacts,
} from "./adversary-truth.js";
import type { ListMode, WorldFile } from "./adversary-world.js";
import { response } from "./upstream.js";

export interface Part {
  text: string;
  mentions: Mention[];
  annotations: Record<string, unknown>[];
}

/**
 * How a request refers to an earlier response: `previous` by `previous_response_id`, `references` by items of the type
 * `item_reference`, `replay` by sending the earlier output as input, and `conversation` by the id of a conversation.
 */
type Link =
  | { kind: "none" | "conversation"; turn?: undefined }
  | { kind: "previous" | "references" | "replay"; turn: Turn };

/** One response of a conversation, with the files that its mentions mean. */
export interface Turn extends TurnFacts {
  link: Link;
  request: Record<string, unknown>;
  response: Record<string, unknown> & { output: Record<string, unknown>[] };
  /** The parts of each item, by item index. */
  parts: ReadonlyMap<number, readonly Part[]>;
  truths: Truths;
  /** Another client created the response. This client can only retrieve the response by its id. */
  isUnseen: boolean;
  /** The client retrieves the response by its id after it is complete. */
  isBackground: boolean;
}

export interface Conversation {
  files: WorldFile[];
  turns: Turn[];
  /** The way in which the test reads the responses. */
  door: "fetch" | "functions" | "client";
  options: { unmentioned: "report" | "cite" | typeof isWanted; retries: number };
  /** A gateway uses the same id for every response. */
  repeatsIds: boolean;
  /** Every list is complete and arrives at once. */
  isCalm: boolean;
}

/** Makes each choice with the next number of a tape, or with 0 at the tape's end. A 0 selects the first, simplest option. */
class Choices {
  readonly #tape: readonly number[];
  #at = 0;

  constructor(tape: readonly number[]) {
    this.#tape = tape;
  }

  below(count: number): number {
    return (this.#tape[this.#at++] ?? 0) % count;
  }

  of<Option>(options: readonly Option[]): Option {
    return options[this.below(options.length)]!;
  }

  isOneIn(count: number): boolean {
    return this.below(count) === count - 1;
  }

  /** Returns an id of hexadecimal digits if `isHex`, otherwise of letters and digits. */
  id(length: number, isHex: boolean): string {
    const characters = isHex ? "0123456789abcdef" : "A1b2C3d4E5f6G7h8J9k";
    const start = this.below(1000);
    return Array.from({ length }, (_, at) => characters[(start * (at + 3) + at) % characters.length]).join(
      "",
    );
  }
}

const NAMES = ["report.csv", "data.csv", "q3-report.csv", "plan.docx", "sales data.csv", "a.csv"];
const ODD_NAMES = ["Report.csv", "q3\u2011report.csv", "sales%20data.csv", "REPORT.CSV"];
const FOLDERS = ["", "", "", "out/", "q3/", "q2/", "out/deep/"];
const ODD_FOLDERS = [".trash/", "node_modules/", "src/vendor/", "__MACOSX/", "old/2019/"];
const ROOT = "/mnt/data/";
const STEPS = [
  ["call", "text"],
  ["text"],
  ["call", "call", "text"],
  ["text", "call", "text"],
  ["call", "text", "call", "text"],
  ["call", "text", "text"],
  ["text", "call"],
  ["call", "text", "call"],
] as const;
const MODES: readonly ListMode[] = [
  ...(["ok", "ok", "ok", "ok", "ok", "ok", "paged", "paged", "ok", "ok"] as const),
  ...(["ok", "ok", "404", "500", "half", "hang", "flaky", "ok"] as const),
];
const START = 1_760_000_000;

const AGENTS = ["alice", "bob"] as const;
/** Each function makes a container id from a number, in the form of the API or of a gateway. */
const CONTAINER_IDS: readonly ((number: string) => string)[] = [
  ...Array<(number: string) => string>(5).fill((number) => `cntr_${number}`),
  (number) => `cntr_bGl0ZWxsbTo${number}+/==`,
  (number) => `sbx/pod ${number}`,
];

/** A function for the option `unmentioned`. Returns true for some of the files. */
function isWanted({ path }: { path: string }): boolean {
  return !path.endsWith(".docx") && !path.includes("/out/");
}

/** Builds a conversation from a tape. */
export function conversationOf(tape: readonly number[]): Conversation {
  const choices = new Choices(tape);
  const conversation: Conversation = {
    files: [],
    turns: [],
    door: choices.of([...Array(20).fill("fetch"), ...Array(11).fill("functions"), "client"]),
    options: {
      unmentioned: choices.of(["report", "report", "cite", "report", "cite", isWanted]),
      retries: choices.of([2, 2, 2, 1, 0]),
    },
    repeatsIds: choices.isOneIn(8),
    isCalm: choices.below(5) < 2,
  };
  const count = choices.of([1, 2, 2, 3, 2, 4]);
  for (let index = 0; index < count; index++) {
    conversation.turns.push(new Model(conversation, choices, count - 1 - index).turn());
  }
  return conversation;
}

/** Simulates the model, the API and the user for one response. */
class Model {
  readonly #conversation: Conversation;
  readonly #choices: Choices;
  /** How many turns come after this one. */
  readonly #coming: number;
  readonly #index: number;
  readonly #createdAt: number;
  #now: number;
  readonly #items: (Record<string, unknown> | undefined)[] = [];
  readonly #calls: Call[] = [];
  readonly #parts = new Map<number, Part[]>();
  /** The paths of files that the calls tried and failed to write. */
  readonly #failed: string[] = [];
  /** A path that a text mentioned before any call wrote it. */
  #announced: string | undefined;
  readonly #explicit: string | undefined;
  readonly #link: Link;
  readonly #facts: TurnFacts & {
    modes: Map<string, ListMode>;
    agents: Map<number, string>;
    outputs: Map<number, string>;
  };
  /** Several agents write the response. */
  readonly #hasAgents: boolean;

  constructor(conversation: Conversation, choices: Choices, coming: number) {
    this.#conversation = conversation;
    this.#choices = choices;
    this.#coming = coming;
    this.#index = conversation.turns.length;
    this.#createdAt = Math.max(START, ...conversation.files.map(({ createdAt }) => createdAt + 1));
    this.#now = this.#createdAt;
    this.#hasAgents = choices.isOneIn(6);
    this.#explicit = choices.isOneIn(4) ? choices.of(["cntr_x", "cntr_y"]) : undefined;
    this.#link = this.#chooseLink();
    const known = knownBy(this.#link, this.#explicit, conversation.turns);
    this.#facts = {
      index: this.#index,
      createdAt: this.#createdAt,
      calls: this.#calls,
      ...{ agents: new Map(), outputs: new Map() },
      modes: new Map(),
      known,
      isKnownOrdered: (this.#explicit === undefined && !wasByAgents(this.#link)) || known.length === 1,
      retries: conversation.options.retries,
    };
  }

  turn(): Turn {
    const { files } = this.#conversation;
    if (this.#explicit !== undefined && this.#choices.isOneIn(4)) this.#writeInParallel(this.#explicit);
    if (this.#coming === 0 && this.#choices.isOneIn(8)) this.#toolOutput();
    const texts = new Map<number, Sentence[][]>();
    for (const step of this.#choices.of(STEPS)) {
      if (this.#choices.isOneIn(6)) {
        this.#items.push({ id: `rs_${this.#index}_${this.#items.length}`, type: "reasoning", summary: [] });
      }
      if (step === "call") this.#call();
      else {
        this.#chooseAgent(this.#items.length);
        texts.set(this.#items.length, this.#message());
        this.#items.push(undefined); // filled in at the end, when all calls are known
      }
    }
    this.#chooseModes();
    const truths = new Truths(files, this.#facts);
    for (const [item, parts] of texts) {
      const written = parts.map((sentences) => this.#write(sentences, item, truths));
      this.#parts.set(item, written);
      this.#items[item] = messageItem(`msg_${this.#index}_${item}`, written);
    }
    for (const [item, agent_name] of this.#facts.agents) {
      this.#items[item] = { ...this.#items[item], agent: { agent_name } };
    }
    const request = this.#request();
    const { repeatsIds, door } = this.#conversation;
    return {
      ...this.#facts,
      link: this.#link,
      request,
      response: {
        ...response(this.#items),
        id: repeatsIds ? "resp_1" : `resp_${this.#index}`,
        created_at: this.#createdAt,
        tools: request.tools,
        previous_response_id: request.previous_response_id ?? null,
        ...(request.conversation !== undefined && { conversation: { id: request.conversation } }),
        output: this.#items as Record<string, unknown>[],
      },
      parts: this.#parts,
      truths,
      // Only the second-to-last response can come from another client. If the tested client retrieves the response in the last
      // turn, it remembers only the containers that it needed. With one more turn, the test could not predict its memory.
      isUnseen: this.#coming === 1 && !repeatsIds && this.#choices.isOneIn(6),
      isBackground: door === "fetch" && !repeatsIds && this.#choices.isOneIn(10),
    };
  }

  #chooseLink(): Link {
    const { turns, repeatsIds } = this.#conversation;
    const kind = this.#choices.of([
      "previous",
      "previous",
      "previous",
      "conversation",
      "references",
      "replay",
      "none",
    ] as const);
    const earlier = turns[turns.length - 1 - (this.#choices.isOneIn(5) ? this.#choices.below(4) : 0)];
    if (kind === "none" || kind === "conversation") return { kind };
    if (!earlier || (kind === "previous" && repeatsIds)) return { kind: "none" };
    return { kind, turn: earlier };
  }

  #request(): Record<string, unknown> {
    const link = this.#link;
    const user = { role: "user", content: "Go on" };
    const request = {
      model: "gpt-5",
      input: [user] as unknown[],
      tools: [{ type: "code_interpreter", container: this.#explicit ?? { type: "auto" } }],
    };
    if (link.kind === "conversation") return { ...request, conversation: "conv_1" };
    if (!link.turn) return request;
    const { response: earlier } = link.turn;
    if (link.kind === "previous") return { ...request, previous_response_id: earlier.id };
    const replayed =
      link.kind === "replay"
        ? earlier.output.filter(({ type }) => type !== "reasoning")
        : earlier.output.map(({ id }) => ({ type: "item_reference", id }));
    return { ...request, input: [...replayed, user] };
  }

  /** Adds a file that another response writes into a shared container while this response runs. */
  #writeInParallel(container: string): void {
    this.#add({ container, path: this.#anyPath(), item: -1 });
  }

  /** Adds a call of another tool. It runs in a container of its own and writes a file there. Its output names the container. */
  #toolOutput(): void {
    const item = this.#items.length;
    const container = "cntr_t1";
    const createdAt = this.#choices.isOneIn(3) ? this.#createdAt - 1 : undefined;
    this.#add({ container, path: this.#anyPath(), item, ...(createdAt !== undefined && { createdAt }) });
    this.#facts.outputs.set(item, container);
    const output = JSON.stringify({ content: [], _meta: { container_id: container } });
    const tool = { server_label: "toolbox", name: "run", arguments: "{}", output, error: null };
    this.#items.push({ id: `mcp_${this.#index}_${item}`, type: "mcp_call", ...tool });
  }

  /** Chooses the agent that the item belongs to, if the response has agents. */
  #chooseAgent(item: number): string | undefined {
    if (!this.#hasAgents) return undefined;
    const agent = this.#choices.of(AGENTS);
    this.#facts.agents.set(item, agent);
    return agent;
  }

  #call(): void {
    const agent = this.#chooseAgent(this.#items.length);
    const container = this.#chooseContainer(agent);
    const isShell = this.#choices.isOneIn(5);
    const item = this.#items.length + (isShell ? 1 : 0);
    if (agent !== undefined) this.#facts.agents.set(item, agent);
    const style = this.#choices.below(isShell ? 3 : 6);
    const lines: (string | null)[] = [];
    const logs: string[] = [];
    for (let count = [1, 1, 1, 2, 0][this.#choices.below(5)]!; count > 0; count--) {
      const path = this.#announcedPath() ?? this.#pathToWrite(container);
      const isWritten = !this.#choices.isOneIn(5);
      if (isWritten) this.#writeFile(container, path, item);
      else this.#failed.push(path);
      lines.push((isShell ? SHELL : PYTHON)[style]!(path));
      logs.push(
        isWritten ? this.#choices.of(["done", path]) : this.#choices.of(["no such file", `no file ${path}`]),
      );
    }
    if (this.#choices.isOneIn(5)) lines.push(this.#readLine(container, isShell));
    if (lines.length === 0) lines.push(style === 5 ? null : isShell ? "echo 1" : "print(1)");
    const code = lines.includes(null) ? null : lines.join("\n");
    const isPrinted = isShell || this.#choices.isOneIn(3);
    const printed = isPrinted ? logs.join("\n") : null;
    const call = { item, container, code, logs: printed, isShell, agent };
    this.#calls.push(call);
    this.#items.push(...itemsOf(call, this.#index));
  }

  /** Returns a line of Python or a shell command that reads an existing file. */
  #readLine(container: string, isShell: boolean): string {
    const there = this.#conversation.files.filter((file) => file.container === container && !file.isGarbage);
    if (there.length === 0) return isShell ? "echo 2" : "print(2)";
    const { path } = this.#choices.of(there);
    return isShell ? `cat '${path}'` : `print(open('${path}').read())`;
  }

  #announcedPath(): string | undefined {
    const path = this.#choices.isOneIn(5) ? undefined : this.#announced;
    this.#announced = undefined;
    return path;
  }

  /** Chooses the container of a call: one that an earlier call used, the one that the request names, or a new one. */
  #chooseContainer(agent: string | undefined): string {
    // Agents use containers of their own most of the time.
    const isShared = agent === undefined || this.#choices.isOneIn(5);
    const last = this.#calls.findLast((call) => isShared || call.agent === agent)?.container;
    if (last !== undefined && !this.#choices.isOneIn(4)) return last;
    if (this.#explicit !== undefined && !this.#choices.isOneIn(4)) return this.#explicit;
    const before = [...(last === undefined ? [] : [last]), ...(isShared ? this.#facts.known : [])];
    const automatic = before.find((id) => /\d/.test(id));
    if (automatic !== undefined && !this.#choices.isOneIn(3)) return automatic;
    const container = this.#choices.of(CONTAINER_IDS)(`${this.#index}${this.#calls.length}`);
    if (automatic !== undefined && this.#choices.isOneIn(2)) this.#facts.modes.set(automatic, "404");
    if (this.#choices.isOneIn(3)) this.#upload(container);
    return container;
  }

  #upload(container: string): void {
    for (let count = 1 + this.#choices.below(2); count > 0; count--) {
      const name = this.#choices.of(NAMES);
      const prefix = this.#choices.of([
        () => `${this.#choices.id(32, true)}-`,
        () => `file-${this.#choices.id(22, false)}-`,
        () => `assistant-${this.#choices.id(22, false)}-`,
        () => "20240101-",
        () => "493012345678-",
        () => this.#choices.of(["decade-", "facade-", "file-", "my-"]),
        () => `${this.#choices.id(this.#choices.of([31, 33, 64]), true)}-`,
        () => "",
      ])();
      const path = `${ROOT}${prefix}${name}`;
      if (this.#conversation.files.some((file) => file.container === container && file.path === path))
        continue;
      const createdAt = this.#choices.isOneIn(3)
        ? this.#tick()
        : this.#createdAt - 1 - this.#choices.below(9);
      const source = this.#choices.isOneIn(6) ? "assistant" : "user";
      this.#add({ container, path, item: -1, source, createdAt });
    }
  }

  /** Chooses any path, or the path of an existing file, which the call overwrites. */
  #pathToWrite(container: string): string {
    const there = this.#conversation.files.filter(
      (file) => file.container === container && file.source === "assistant" && !file.isGarbage,
    );
    return there.length > 0 && this.#choices.isOneIn(4) ? this.#choices.of(there).path : this.#anyPath();
  }

  #anyPath(): string {
    const folder = this.#choices.isOneIn(12) ? this.#choices.of(ODD_FOLDERS) : this.#choices.of(FOLDERS);
    return (
      ROOT + folder + (this.#choices.isOneIn(12) ? this.#choices.of(ODD_NAMES) : this.#choices.of(NAMES))
    );
  }

  #writeFile(container: string, path: string, item: number): void {
    const { isCalm, options, files } = this.#conversation;
    const lateness = [0, 0, 0, 0, ...[1, 2].slice(0, options.retries), Infinity];
    const older = files.findLast((file) => file.container === container && file.path === path);
    const isStale = !isCalm && this.#choices.isOneIn(2);
    const late = isStale ? this.#choices.of(lateness) : 0;
    const isLost = isStale && this.#choices.isOneIn(8);
    this.#add({ container, path, item, late, isLost, hides: this.#choices.isOneIn(2) ? older : undefined });
  }

  #add(file: Pick<WorldFile, "container" | "path" | "item"> & Partial<WorldFile>): void {
    const { files } = this.#conversation;
    const more = { source: "assistant", late: 0, isLost: false, isGarbage: false } as const;
    const id = `cfile_${files.length}`;
    files.push({ id, turn: this.#index, createdAt: file.createdAt ?? this.#tick(), ...more, ...file });
  }

  #tick(): number {
    return this.#now++;
  }

  #chooseModes(): void {
    const { modes, known } = this.#facts;
    const isCalm = this.#conversation.isCalm;
    const ran = this.#calls.map((call) => call.container);
    for (const container of new Set([...ran, ...known, ...this.#facts.outputs.values()])) {
      const mode = isCalm ? this.#choices.of(["ok", "paged"] as const) : this.#choices.of(MODES);
      const isFlakyOut =
        mode === "flaky" && (this.#facts.retries === 0 || this.#conversation.door !== "fetch");
      if (!modes.has(container)) modes.set(container, isFlakyOut ? "ok" : mode);
    }
  }

  /** Returns the sentences of each part of a message. */
  #message(): Sentence[][] {
    const item = this.#items.length;
    const parts = Array.from({ length: this.#choices.isOneIn(8) ? 2 : 1 }, () =>
      Array.from({ length: [1, 1, 2, 3, 0][this.#choices.below(5)]! }, () => this.#sentence(item)),
    );
    return parts;
  }

  #sentence(item: number): Sentence {
    if (this.#choices.isOneIn(12)) return { decoy: this.#choices.of(DECOYS)(this.#path(item)) };
    if (this.#choices.isOneIn(14)) {
      const pair = this.#pair(item);
      if (pair) return pair;
    }
    const path = this.#path(item);
    const form = this.#choices.of(FORMS);
    const isFree = form.isName ? !/[ %\u2011]/.test(nameOf(path)) : true;
    const isAnnouncing = this.#calls.length === 0 || this.#choices.isOneIn(3);
    if (isAnnouncing) this.#announced = path;
    return { mentions: [{ path, form: isFree ? form : FORMS[0]! }] };
  }

  /** Returns a sentence that mentions two files. Sometimes adds a wrong list entry with the path `<path> <path>`. */
  #pair(item: number): Sentence | undefined {
    const own = new Truths(this.#conversation.files, this.#facts)
      .filesAt(item)
      .filter(({ path }) => !/[ %]/.test(path));
    if (own.length < 2) return undefined;
    const [a, b] = [this.#choices.of(own), this.#choices.of(own)];
    if (a === b || a.container !== b.container) return undefined;
    if (this.#choices.isOneIn(2)) {
      const garbage = { path: `${a.path} ${b.path}`, item: item - 1, isGarbage: true };
      this.#add({ ...garbage, container: a.container });
    }
    return { mentions: [a, b].map(({ path }) => ({ path, form: BARE })) };
  }

  /**
   * Chooses the path that the model mentions. Often this is the path of a file, in any container. Otherwise it is a path that a
   * call failed to write, a path that is only similar to a file's path, or a path that the model invents.
   */
  #path(item: number): string {
    const { files } = this.#conversation;
    const real = files.filter(({ isGarbage }) => !isGarbage);
    const near = new Truths(real, this.#facts).filesAt(item);
    const own = real.filter((file) => file.turn === this.#index && file.item >= 0);
    const paths = (some: readonly WorldFile[]): string[] => some.map(({ path }) => path);
    const alike = (some: readonly WorldFile[]): string[] =>
      some.length === 0 ? [] : [this.#variation(this.#choices.of(some))];
    const options = [
      ...[() => paths(own), () => paths(own), () => paths(own), () => paths(own), () => this.#failed],
      ...[() => this.#failed, () => paths(near), () => paths(near), () => paths(real), () => alike(near)],
      ...[() => alike(near), () => [this.#anyPath()], () => alike(real)],
    ];
    const chosen = this.#choices.of(options)();
    return chosen.length > 0 ? this.#choices.of(chosen) : this.#anyPath();
  }

  /** Returns a path that is similar to a file's path. */
  #variation(file: WorldFile): string {
    const folder = folderOf(file.path);
    const name = nameOf(file.path);
    const former = formerName(file) ?? name.replace(/^[0-9a-z]+-(?=.)/i, "");
    return this.#choices.of([
      folder + name[0]!.toUpperCase() + name.slice(1),
      folder + name.toLowerCase(),
      folder + name.replaceAll("-", "\u2011"),
      folder + former,
      `${folder}out/${name}`,
      folder === ROOT ? `${ROOT}q3/${name}` : ROOT + name,
      folder === ROOT ? `${ROOT}out/deep/${name}` : folder.replace(/[^/]+\/$/, "q2/") + name,
    ]);
  }

  /** Returns a part: its text, its mentions, and the API's citations in it. */
  #write(sentences: readonly Sentence[], item: number, truths: Truths): Part {
    const writer = new TextWriter(this.#choices);
    for (const sentence of sentences) writer.add(sentence);
    if (this.#choices.isOneIn(8)) writer.cite();
    const { text, mentions, annotations } = writer;
    for (const mention of mentions) {
      const others = mentions.flatMap((other) => (other === mention ? [] : [other.path ?? other.name!]));
      mention.truth = truths.of(mention, item, others);
      const { meant } = mention.truth;
      const isByApi = mention.isHandedOver && mention.path !== undefined && meant !== undefined;
      if (!isByApi || !this.#choices.isOneIn(8)) continue;
      mention.isCited = true;
      annotations.push(citation(meant, nameOf(meant.path), mention.start, mention.end));
    }
    const shown = truths.filesAt(item).at(-1);
    if (shown && this.#choices.isOneIn(16)) annotations.unshift(citation(shown, `${shown.id}.png`, 0, 0));
    return { text, mentions, annotations };
  }
}

/** Returns whether several agents wrote the earlier response. The order of its containers is then uncertain. */
function wasByAgents({ turn }: Link): boolean {
  return turn !== undefined && turn.agents.size > 0;
}

/**
 * Returns the containers that a text can mean if no call comes before it. The container that the request names comes first.
 * The containers of earlier responses follow, the most recently used one first.
 */
function knownBy(link: Link, explicit: string | undefined, turns: readonly Turn[]): string[] {
  const named = explicit === undefined ? [] : [explicit];
  const ofCalls = ({ calls }: Turn): string[] => calls.map(({ container }) => container).reverse();
  // Without calls, the items name a container only in the API's citations.
  const ofItems = (turn: Turn): string[] => (turn.calls.length > 0 ? ofCalls(turn) : citedIn(turn).reverse());
  const remembered = (turn: Turn | undefined): string[] =>
    !turn || turn.isUnseen ? [] : [...ofCalls(turn), ...turn.known];
  const isInConversation = (turn: Turn): boolean =>
    turn.link.kind === "conversation" && remembered(turn).length > 0;
  const known = (): string[] => {
    if (link.kind === "conversation") return remembered(turns.findLast(isInConversation));
    if (!link.turn) return [];
    if (link.kind === "replay") return ofItems(link.turn);
    if (link.kind === "references") return remembered(link.turn);
    if (!link.turn.isUnseen) return remembered(link.turn);
    const { container } = (link.turn.request.tools as { container: unknown }[])[0]!;
    return [...ofItems(link.turn), ...(typeof container === "string" ? [container] : [])];
  };
  return [...new Set([...named, ...known()])];
}

/** Returns the containers that the API's citations in a turn name, in the order of the texts. */
function citedIn({ parts }: Turn): string[] {
  const annotations = [...parts.values()].flat().flatMap((part) => part.annotations);
  return annotations.map(({ container_id: id }) => id).filter((id) => typeof id === "string");
}

const joined = (path: string): string =>
  path
    .slice(ROOT.length)
    .split("/")
    .map((segment) => `'${segment}'`)
    .join(" / ");

const PYTHON: readonly ((path: string) => string | null)[] = [
  (path) => `df.to_csv('${path}')`,
  (path) => `(Path('/mnt/data') / ${joined(path)}).write_bytes(data)`,
  (path) => `open(os.path.join(OUT, '${path.slice(ROOT.length)}'), 'w').write(text)`,
  () => "open(f'/mnt/data/{folder}{stem}.{kind}', 'w').write(text)",
  (path) => `os.chdir('/mnt/data')\nopen('${path.slice(ROOT.length)}', 'w').write(text)`,
  () => null,
];
const SHELL: readonly ((path: string) => string)[] = [
  (path) => `cp /tmp/result '${path}'`,
  (path) => `cd /mnt/data && cp /tmp/result '${path.slice(ROOT.length)}'`,
  () => 'cp /tmp/result "$OUT"',
];

/** Returns the items of a call as the API sends them. */
function itemsOf({ item, container, code, logs, isShell }: Call, turn: number): Record<string, unknown>[] {
  const id = `${turn}_${item}`;
  if (!isShell) {
    const outputs = logs === null ? null : [{ type: "logs", logs }];
    return [
      {
        ...{ type: "code_interpreter_call", id: `ci_${id}`, status: "completed", code },
        ...{ container_id: container, outputs },
      },
    ];
  }
  const environment = { type: "container_reference", container_id: container };
  const output = [{ stdout: logs ?? "", stderr: "", outcome: { type: "exit", exit_code: 0 } }];
  return [
    {
      ...{ type: "shell_call", id: `sh_${id}`, call_id: `call_${id}`, status: "completed" },
      ...{
        action: { commands: code?.split("\n") ?? [], timeout_ms: null, max_output_length: null },
        environment,
      },
    },
    { type: "shell_call_output", id: `so_${id}`, call_id: `call_${id}`, status: "completed", output },
  ];
}

function messageItem(id: string, parts: readonly Part[]): Record<string, unknown> {
  const content = parts.map(({ text, annotations }) => ({
    type: "output_text",
    annotations,
    logprobs: [],
    text,
  }));
  return { id, type: "message", status: "completed", content, role: "assistant" };
}

function citation(file: WorldFile, filename: string, start: number, end: number): Record<string, unknown> {
  return {
    ...{ type: "container_file_citation", container_id: file.container, end_index: end, file_id: file.id },
    ...{ filename, start_index: start },
  };
}

/** A form in which the model writes a mention. `write` returns the text before the mention, the mention and the text after it. */
interface Form {
  write: (path: string, label: string) => [string, string, string];
  isName: boolean;
  isHandedOver: boolean;
}

const encoded = (path: string): string => path.replaceAll("%", "%25").replaceAll(" ", "%20");
const link = (write: (path: string) => string): Form => ({
  write: (path, label) => [`[${label}](`, write(path), ")"],
  isName: false,
  isHandedOver: true,
});
const around = (before: string, isName: boolean, after = before): Form => ({
  write: (path) => [before, isName ? nameOf(path) : path, after],
  isName,
  isHandedOver: false,
});
const BARE = around("", false);
const FORMS: readonly Form[] = [
  link((path) => `sandbox:${encoded(path)}`),
  ...[BARE, around("`", false), around("", true), around("**", false), around("`", true)],
  { ...link((path) => encoded(path)), isHandedOver: true },
  { ...link((path) => nameOf(path)), isName: true },
  link((path) => `sandbox:${encoded(path)}`),
  { ...link((path) => `sandbox:${nameOf(path)}`), isName: true },
  around("", false, "-Datei"),
  around("the file saved in /mnt/data: ", true, ""),
];
/** Texts with a path on another machine or another system. Such a path is not a mention. */
const DECOYS: readonly ((path: string) => string)[] = [
  (path) => `scp 10.0.0.5:${path} here`,
  (path) => `from node1.lan:${path} it came`,
  (path) => `at [::1]:${path} too`,
  (path) => `nfs:${path} is old`,
  (path) => `rclone copy gdrive:${path} here`,
  (path) => `https://example.com${path} is public`,
  (path) => `s3://bucket${path} is a copy`,
  (path) => `/home/me${path} is mine`,
];

type Sentence = { decoy: string } | { mentions: { path: string; form: Form }[] };

/** Joins sentences into one text and records the positions of the mentions. */
class TextWriter {
  text = "";
  readonly mentions: Mention[] = [];
  readonly annotations: Record<string, unknown>[] = [];
  readonly #choices: Choices;

  constructor(choices: Choices) {
    this.#choices = choices;
  }

  /** Adds the URL of a web page, and the API's citation of the page. Some of these citations end one character too late. */
  cite(): void {
    const start_index = this.#length;
    this.text += "📊 https://example.com/a";
    const end_index = this.#length + this.#choices.below(2);
    const page = { url: "https://example.com/a", title: "A" };
    this.annotations.push({ type: "url_citation", start_index, end_index, ...page });
  }

  get #length(): number {
    return [...this.text].length;
  }

  add(sentence: Sentence): void {
    this.text += this.#choices.of(["I saved ", "\n\nSee ", "📈 Here: ", " Done: "]);
    if ("decoy" in sentence) this.text += sentence.decoy;
    else for (const { path, form } of sentence.mentions) this.#mention(path, form);
    this.text += this.#choices.of([". ", " now. ", "\n", ", which is new. "]);
  }

  #mention(path: string, form: Form): void {
    const label = this.#choices.of(["the file", nameOf(path)]);
    const [before, written, after] = form.write(path, label);
    if (this.mentions.length > 0 && /\w$/.test(this.text)) this.text += " ";
    const start = this.#length + [...before].length;
    this.text += before + written + after;
    this.mentions.push({
      start,
      end: start + [...written].length,
      ...(form.isName ? { name: nameOf(path) } : { path }),
      isHandedOver: form.isHandedOver,
      truth: { allowed: [], isDemanded: false, isLoose: false },
      isCited: false,
    });
  }
}
