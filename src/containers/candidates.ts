/**
 * Lists the containers that a text can mean, in groups. A group is used only if the groups before it do not have the file. The
 * containers of the previous response can be the last group. The previous response is retrieved only if no call comes before the
 * text, and no group has a container that may be older than the text's own response. With the option `links`, a stream retrieves
 * the previous response earlier: when a path begins (see `findContainers` in responses/response-repair.ts).
 */
import { isRecord } from "../errors.js";
import type { Evidence } from "./evidence.js";
import { isDotSegment, isId } from "./ids.js";
import { ItemsBefore } from "./items-before.js";
import { type ContainerSources, containersBefore, previousId } from "./known.js";
import type { ContainerLists } from "./lists.js";
import { containersOfTools, MOST_CONTAINERS } from "./named-containers.js";

/** The sources of containers that the response itself does not name. */
export interface OtherContainers extends Omit<ContainerSources, "response" | "history"> {
  /**
   * More containers to try, such as those of a fixed list of files. For a text without a call before it, they are tried last. For
   * a text after a call, they are tried only if nothing says where the calls ran.
   */
  otherContainers?: readonly string[] | undefined;
  /**
   * Retrieves an earlier response by its id. Called only if no call comes before the text, and no {@link ContainerGroup} has a
   * container that may be older than the text's own response. With the option `links`, a stream calls it earlier: when a path
   * begins.
   */
  getResponse?: ((id: string, signal: AbortSignal) => Promise<unknown>) | undefined;
}

/** The facts that decide which containers a text can mean. */
export interface TextScope {
  /** True if a call of the same turn comes before the text. */
  hasCall: boolean;
  /** The containers in which the calls before the text ran, in groups, nearest first. */
  called: readonly (readonly string[])[];
  /** Where the latest call before the text ran: a container, the caller's own machine (`LOCAL`), or unknown. */
  latest: string | undefined;
  /** The containers in which a call before the text may have written a file. */
  writing: readonly string[];
  /** True if a call before the text ran on the caller's own machine. */
  hasLocalCall: boolean;
  /**
   * The containers in which the calls after the text ran. Empty if a call comes before the text. Also empty while a call may
   * still follow the text.
   */
  later: readonly string[];
  /** The containers of the latest earlier turn that has containers. Empty if the list of items holds only one turn. */
  earlier: readonly string[];
  /** The containers that the text's own citations name. Only citations with a range count, not 0..0 citations. */
  cited: readonly string[];
  /**
   * The containers that the text's own 0..0 citations name. A 0..0 citation has no position in the text. Containers in which only
   * later calls ran are left out.
   */
  citedUnranged: readonly string[];
  /** The containers that tool outputs before the text name. */
  outputs: readonly string[];
}

/**
 * A group of containers. `kind` says how the containers relate to the text:
 * - `called`: calls before the text ran in the containers.
 * - `cited`: the text's own citations name the containers. If no call comes before the text, this kind is also used for
 *   containers that tool outputs before the text name.
 * - `output`: a call comes before the text. The containers are named by tool outputs before the text, or by 0..0 citations of the
 *   text.
 * - `later`: calls after the text ran in the containers.
 * - `known`: the containers existed before the response, or the caller named them.
 */
export interface ContainerGroup {
  kind: "called" | "cited" | "output" | "later" | "known";
  containers: readonly string[];
}

/** The containers that the texts of one response can mean. */
export class ContainerCandidates {
  readonly #context: OtherContainers;
  readonly #lists: ContainerLists;
  readonly #history: ItemsBefore;
  #response: Record<string, unknown> = {};
  #known: readonly string[] | undefined;
  #previous: Promise<readonly string[]> | undefined;
  /** The containers of the previous response. `undefined` until that response is there. Empty if it could not be retrieved. */
  #found: readonly string[] | undefined;

  constructor(context: OtherContainers, lists: ContainerLists, roots: readonly string[]) {
    this.#context = context;
    this.#lists = lists;
    const input: unknown = context.request?.input;
    this.#history = itemsIn(input, roots);
  }

  noteResponse(response: Record<string, unknown>): void {
    this.#response = response;
    this.#known = undefined;
  }

  /** The containers that existed before the response, nearest first. */
  get known(): readonly string[] {
    const history = latestOf(this.#history);
    this.#known ??= containersBefore({ ...this.#context, response: this.#response, history });
    return this.#known;
  }

  /** The file names and paths in the calls of the request's input. Covers only the latest turn that has calls. */
  get history(): Evidence {
    return this.#history.latestEvidence;
  }

  /** The containers that the previous response names, if it was retrieved. */
  get found(): readonly string[] {
    return this.#found ?? [];
  }

  /** True if a container is known. The containers of a previous response that must be retrieved do not count. */
  get hasKnown(): boolean {
    const { otherContainers = [] } = this.#context;
    return this.known.length > 0 || otherContainers.length > 0;
  }

  /** True if there may be a container to search. Used for a text that has no call before it. */
  get mayKnow(): boolean {
    const { getResponse } = this.#context;
    if (this.hasKnown || this.found.length > 0) return true;
    if (this.#found) return false;
    const id = this.#previousId;
    // The ids `.` and `..` are accepted here, so that `retrievePrevious` is called. For these ids, `retrievePrevious` throws an
    // error that says why the previous response is not retrieved.
    return getResponse !== undefined && (isId(id) || isDotSegment(id));
  }

  /**
   * Yields the groups for a text, nearest first. If a call comes before the text, the groups are: the containers of the calls,
   * then those that the text's own citations name, then those that tool outputs name. Containers of earlier
   * turns and responses get a group of their own only if no call comes before the text. The reason is that an automatic container
   * is reused until it expires. So if a call before the text ran in a newer container, either the older container has expired, or
   * the text does not mean a file of the older container.
   */
  async *groups(scope: TextScope, signal: AbortSignal): AsyncGenerator<ContainerGroup> {
    const tried = new Set<string>();
    const isLater = (id: string): boolean => scope.later.includes(id);
    let needsPrevious = !scope.hasCall;
    for (const { kind, containers } of scope.hasCall ? this.#afterCall(scope) : this.#withoutCall(scope)) {
      const untried = [...new Set(containers)].filter((id) => !tried.has(id)).slice(0, MOST_CONTAINERS);
      for (const id of untried) tried.add(id);
      if (containers.length === 0) continue;
      // The containers of later calls do not show which containers existed before the response. So the previous response is still
      // needed.
      const isOfLaterCalls = kind === "later" || (kind === "cited" && containers.every(isLater));
      if (!isOfLaterCalls) needsPrevious = false;
      // If all containers of a group were already tried, the group is yielded without containers, because the caller needs to
      // know which kinds of groups have been tried.
      yield { kind, containers: untried };
    }
    if (!needsPrevious) return;
    const previous = await this.retrievePrevious(signal);
    if (previous.length > 0) yield { kind: "known", containers: previous };
  }

  #afterCall({ called, latest, cited, citedUnranged, outputs }: TextScope): ContainerGroup[] {
    const groups = called.map((containers): ContainerGroup => ({ kind: "called", containers }));
    if (called.length === 0 && latest === undefined) {
      // The calls do not name their container. They ran in a container that the memory holds for this response or that the tools
      // name. If there is no such container, `otherContainers` are tried.
      const { otherContainers = [], memory, responseId, request } = this.#context;
      const tools = containersOfTools(request?.tools ?? this.#response.tools);
      const ran = [...(memory?.recall(responseId) ?? []), ...tools];
      groups.push({ kind: "called", containers: ran.length > 0 ? ran : otherContainers });
    }
    // A 0..0 citation names a container, but does not show that the text means a file of this container. So the group has the kind
    // `output`, as for a tool output that names a container.
    const named = [...citedUnranged, ...outputs].map(
      (id): ContainerGroup => ({ kind: "output", containers: [id] }),
    );
    return [...groups, ...citedGroups(cited), ...named.slice(0, MOST_CONTAINERS)];
  }

  #withoutCall({ later, earlier, cited, citedUnranged, outputs }: TextScope): ContainerGroup[] {
    const known = [...earlier, ...this.known].slice(0, MOST_CONTAINERS);
    const isLater = (id: string): boolean => later.includes(id);
    return [
      ...citedGroups([...cited, ...outputs]),
      // If a container is in the group `later`, the text can mean only files that the response wrote. If a container existed
      // before the response, the text may also mean an older file in it. So a container that existed before the response is in the
      // group `known` below, even if a later call ran in it.
      { kind: "later", containers: later.filter((id) => !known.includes(id)) },
      { kind: "known", containers: [...known.filter(isLater), ...known.filter((id) => !isLater(id))] },
      ...citedGroups(citedUnranged),
      { kind: "known", containers: this.#context.otherContainers ?? [] },
    ];
  }

  get #previousId(): string | undefined {
    return previousId({ ...this.#context, response: this.#response });
  }

  /**
   * Retrieves the previous response, at most once, and returns its containers. Rejects if the id of that response is `.` or `..`.
   * Returns no containers if there is no valid id.
   */
  async retrievePrevious(signal: AbortSignal): Promise<readonly string[]> {
    const { getResponse } = this.#context;
    const id = this.#previousId;
    if (getResponse && isDotSegment(id)) {
      throw new Error(`the previous response's id is ${JSON.stringify(id)}, which cannot be part of a URL`);
    }
    if (!getResponse || !isId(id)) return [];
    if (!this.#previous) {
      this.#lists.requests++;
      this.#previous = getResponse(id, signal)
        .then((previous) => {
          if (!isRecord(previous) || !Array.isArray(previous.output)) return [];
          const named = [...latestOf(itemsIn(previous.output, [])), ...containersOfTools(previous.tools)];
          this.#found ??= named.slice(0, MOST_CONTAINERS);
          return this.#found;
        })
        .finally(() => {
          this.#found ??= [];
        });
    }
    return this.#previous;
  }
}

function citedGroups(ids: readonly string[]): ContainerGroup[] {
  return ids.slice(0, MOST_CONTAINERS).map((id) => ({ kind: "cited", containers: [id] }));
}

function itemsIn(items: unknown, roots: readonly string[]): ItemsBefore {
  const history = new ItemsBefore(roots);
  if (Array.isArray(items)) for (const item of items) history.add(item);
  return history;
}

/**
 * Returns the containers in which calls of the latest turn ran. If there are none, returns those that citations and tool outputs
 * of this turn name. If there are none either, returns the containers of the turns before it.
 */
function latestOf(items: ItemsBefore): readonly string[] {
  if (items.called.length > 0) return items.called;
  return items.named.length > 0 ? items.named : items.earlier;
}
