/** Reads the items before a text: which containers and files they name, and which calls they contain. */
import { isRecord } from "../errors.js";
import { isContainerCall, isLocalCall, LOCAL, mayWrite, textsOf } from "./call-texts.js";
import { Evidence, EvidenceLog } from "./evidence.js";
import {
  containerOfCall,
  containersNamedBy,
  containersOfOutputs,
  MOST_CONTAINERS,
} from "./named-containers.js";

/** Collects the containers in which the calls of a turn ran. A turn begins with a user message. */
class CalledContainers {
  /** All containers, in the order in which they were last used. */
  readonly #all = new Set<string>();
  readonly #byAgent = new Map<string | undefined, Set<string>>();

  add(id: string, agent: string | undefined): void {
    const own = this.#byAgent.get(agent) ?? new Set();
    this.#byAgent.set(agent, own);
    addLast(own, id);
    addLast(this.#all, id);
  }

  get all(): string[] {
    return [...this.#all].reverse();
  }

  /**
   * Returns a group for each container in which calls of the agent ran, nearest first: the one that was used last comes first.
   * The last group has all other containers.
   */
  groupsFor(agent: string | undefined): string[][] {
    const own = this.#byAgent.get(agent) ?? new Set();
    const others = this.all.filter((id) => !own.has(id));
    const groups = [...own].reverse().map((id) => [id]);
    return others.length > 0 ? [...groups, others] : groups;
  }
}

/**
 * The containers and calls of the items added so far. New items are read only when a property is used, and each item is read
 * once. "Nearest first" means that the container that was used last comes first.
 */
export class ItemsBefore {
  readonly #roots: readonly string[];
  readonly #items: unknown[] = [];
  #readCount = 0;
  #loggedCount = 0;
  #hasCall = false;
  #hasLocalCall = false;
  #hasGap = false;
  #called = new CalledContainers();
  #latest: string | undefined;
  #named = new Set<string>();
  #outputs = new Set<string>();
  #writing = new Set<string>();
  #log: EvidenceLog;
  #earlier: string[] = [];
  #earlierLog: EvidenceLog;
  /** Where the latest call in the log ran: a container, `LOCAL`, or unknown (`undefined`). */
  #loggedPlace: string | undefined;

  constructor(roots: readonly string[]) {
    this.#roots = roots;
    this.#log = new EvidenceLog(roots);
    this.#earlierLog = this.#log;
  }

  add(item: unknown): void {
    this.#items.push(item);
  }

  get count(): number {
    return this.#items.length;
  }

  /** True if a call of the current turn ran, in a container or on the caller's own machine. */
  get hasCall(): boolean {
    return this.#read().#hasCall;
  }

  /** True if a call of the current turn ran on the caller's own machine. */
  get hasLocalCall(): boolean {
    return this.#read().#hasLocalCall;
  }

  /** True if an item is missing. For example, a resumed stream lacks the items before its first event. */
  get hasGap(): boolean {
    return this.#read().#hasGap;
  }

  /** The containers in which calls of the current turn ran, nearest first. */
  get called(): string[] {
    return this.#read().#called.all;
  }

  /** The containers in which a call of the current turn may have written a file, judging by the call's code or commands. */
  get writing(): string[] {
    return [...this.#read().#writing];
  }

  /**
   * Returns the containers of `called` in groups. The containers of the agent that wrote the text come first. A group is used
   * only if the groups before it do not have the file.
   */
  calledFor(agent: string | undefined): string[][] {
    return this.#read().#called.groupsFor(agent);
  }

  /** Where the latest call of the turn ran: a container or `LOCAL`. `undefined` if it is unknown or there is no call. */
  get latest(): string | undefined {
    return this.#read().#latest;
  }

  /** The containers that are named in citations and tool outputs of the current turn, nearest first. */
  get named(): string[] {
    return [...this.#read().#named].reverse();
  }

  /** The containers that are named in tool outputs of the current turn, nearest first. */
  get outputs(): string[] {
    return [...this.#read().#outputs].reverse();
  }

  /** The containers of the latest turn before the current one, nearest first. Turns without containers are skipped. */
  get earlier(): string[] {
    return this.#read().#earlier;
  }

  /** The evidence of the calls added so far in the current turn: the file names and paths in these calls. */
  get evidence(): Evidence {
    this.#read();
    this.#readEvidence();
    return new Evidence(this.#log);
  }

  /** The evidence of the latest turn that has calls. */
  get latestEvidence(): Evidence {
    const { evidence } = this;
    return evidence.isEmpty ? new Evidence(this.#earlierLog) : evidence;
  }

  #readEvidence(): void {
    for (; this.#loggedCount < this.#readCount; this.#loggedCount++) {
      const item = this.#items[this.#loggedCount];
      // A shell output does not name its container. Its texts are recorded for the container of the latest call.
      if (isContainerCall(item)) this.#loggedPlace = containerOfCall(item);
      else if (isLocalCall(item)) this.#loggedPlace = LOCAL;
      const texts = textsOf(item);
      if (texts.code.length + texts.commands.length + texts.printed.length > 0)
        this.#log.add(texts, this.#loggedPlace);
      if (isContainerCall(item) && texts.code.length + texts.commands.length === 0)
        this.#log.addUnknown(this.#loggedPlace);
    }
  }

  #read(): this {
    while (this.#readCount < this.#items.length) {
      const item = this.#items[this.#readCount];
      if (item === undefined) this.#hasGap = true;
      else if (beginsTurn(item)) this.#beginTurn();
      else this.#readItem(item);
      this.#readCount++;
    }
    return this;
  }

  #readItem(item: unknown): void {
    for (const id of containersNamedBy(item)) addLast(this.#named, id);
    for (const id of containersOfOutputs(item)) addLast(this.#outputs, id);
    const isLocal = isLocalCall(item);
    if (!isLocal && !isContainerCall(item)) return;
    this.#hasCall = true;
    this.#hasLocalCall ||= isLocal;
    const id = isLocal ? LOCAL : containerOfCall(item);
    this.#latest = id;
    if (id === undefined || isLocal) return;
    this.#called.add(id, agentOf(item));
    if (mayWrite(item)) this.#writing.add(id);
  }

  #beginTurn(): void {
    this.#readEvidence();
    const latest = this.#called.all.length > 0 ? this.#called.all : [...this.#named].reverse();
    if (latest.length > 0) this.#earlier = latest;
    if (this.#log.count > 0) this.#earlierLog = this.#log;
    this.#hasCall = false;
    this.#hasLocalCall = false;
    this.#latest = undefined;
    this.#called = new CalledContainers();
    this.#named = new Set();
    this.#outputs = new Set();
    this.#writing = new Set();
    this.#log = new EvidenceLog(this.#roots);
  }
}

/** Adds a container at the end, or moves it there. Drops the oldest one if there are more than `MOST_CONTAINERS`. */
function addLast(ids: Set<string>, id: string): void {
  ids.delete(id);
  ids.add(id);
  const [oldest] = ids;
  if (ids.size > MOST_CONTAINERS) ids.delete(oldest!);
}

/** Returns whether an item is a user message. Every user message begins a turn. */
export function beginsTurn(item: unknown): boolean {
  return isRecord(item) && item.role === "user";
}

/** Returns the name of the agent that an item belongs to; `undefined` if the item names no agent. */
export function agentOf(item: unknown): string | undefined {
  const agent = isRecord(item) && isRecord(item.agent) ? item.agent.agent_name : undefined;
  return typeof agent === "string" ? agent : undefined;
}
