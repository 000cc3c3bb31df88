/**
 * Lists the containers that a text can mean, in groups. A group is used only if the groups before it do not have the file.
 *
 * If no call comes before the text, the last group can have the containers of the previous response. The previous response is
 * retrieved only if the other groups have no container, except containers of calls after the text. With the option `links`,
 * a stream retrieves the previous response earlier: when a path begins (see `findContainers` in responses/response-repair.ts).
 */
import { isRecord } from "../errors.js";
import type { Evidence } from "./evidence.js";
import { isDotSegment, isId } from "./ids.js";
import { ItemsBefore } from "./items-before.js";
import { type ContainerSources, containersBefore, previousId } from "./known.js";
import type { ContainerLists } from "./lists.js";
import { containersOfTools, MOST_CONTAINERS } from "./named-containers.js";

/** Where to look for containers that the response itself does not name. */
export interface OtherContainers extends Omit<ContainerSources, "response" | "history"> {
  /**
   * More containers to try, such as those of a fixed list of files. For a text without a call before it, they are tried last. For
   * a text after a call, they are tried only if nothing says where the calls ran.
   */
  otherContainers?: readonly string[] | undefined;
  /** Retrieves an earlier response by its id. The comment at the top of this file says when it is called. */
  getResponse?: ((id: string, signal: AbortSignal) => Promise<unknown>) | undefined;
}

/** The facts that decide which containers a text can mean. */
export interface TextScope {
  /** True if a call of the same turn comes before the text. */
  hasCall: boolean;
  /** The containers of the calls before the text, in groups, nearest first. */
  called: readonly (readonly string[])[];
  /** The place of the latest call before the text: a container, the caller's own machine (`LOCAL`), or unknown. */
  latest: string | undefined;
  /** The containers in which a call before the text may have written a file. */
  writing: readonly string[];
  /** True if one of the calls before the text used the caller's own machine. */
  hasLocalCall: boolean;
  /**
   * The containers of the calls after the text. Empty if a call comes before the text. Also empty while a call may still
   * follow the text.
   */
  later: readonly string[];
  /** The containers of the latest earlier turn that has containers. Empty if the list of items holds only one turn. */
  earlier: readonly string[];
  /**
   * The containers of the text's own citations that have a range. If a call comes before the text, a container is left out if a
   * 0..0 citation or a tool output names it too.
   */
  cited: readonly string[];
  /**
   * The other containers of the text's own citations. Such citations do not show that the text means a file of the container.
   * The container of a 0..0 citation is left out if only later calls ran in it.
   */
  weaklyCited: readonly string[];
  /** The containers that are named in tool outputs before the text. */
  outputs: readonly string[];
}

/**
 * A group of containers. `kind` says how the containers relate to the text:
 * - `called`: containers of the calls before the text.
 * - `cited`: containers that the text's own citations name. If no call comes before the text, this kind is also used for
 *   containers that are named in tool outputs before the text.
 * - `output`: containers that are named in tool outputs before the text, or in 0..0 citations of the text. This kind is used
 *   only if a call comes before the text.
 * - `later`: containers of the calls after the text.
 * - `known`: containers that existed before the response, or that the caller named.
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
  /** The containers of the previous response. `undefined` until it has been retrieved. Empty if it could not be retrieved. */
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

  /** True if a container is known without retrieving the previous response. */
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
   * Yields the groups for a text, nearest first. If a call comes before the text, the order is: the containers of the calls
   * before the text, the containers in the text's own citations, the containers in tool outputs.
   *
   * If a call comes before the text, containers of earlier turns and responses get no group. An automatic container is reused
   * until it expires. So if the call ran in another container, the old container has expired or is not meant.
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

  #afterCall({ called, latest, cited, weaklyCited, outputs }: TextScope): ContainerGroup[] {
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
    const named = [...weaklyCited, ...outputs].map(
      (id): ContainerGroup => ({ kind: "output", containers: [id] }),
    );
    return [...groups, ...citedGroups(cited), ...named.slice(0, MOST_CONTAINERS)];
  }

  #withoutCall({ later, earlier, cited, weaklyCited, outputs }: TextScope): ContainerGroup[] {
    const known = [...earlier, ...this.known].slice(0, MOST_CONTAINERS);
    const isLater = (id: string): boolean => later.includes(id);
    return [
      ...citedGroups([...cited, ...outputs]),
      // Leaves out containers that existed before the response. They are in the group `known` below, where the text may also
      // mean older files. In the group `later`, the text can mean only files that the response wrote.
      { kind: "later", containers: later.filter((id) => !known.includes(id)) },
      { kind: "known", containers: [...known.filter(isLater), ...known.filter((id) => !isLater(id))] },
      ...citedGroups(weaklyCited),
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
 * Returns the containers of the first source in this list that has containers:
 * - the calls of the latest turn,
 * - the citations and tool outputs of the latest turn,
 * - the latest earlier turn that has containers.
 */
function latestOf(items: ItemsBefore): readonly string[] {
  if (items.called.length > 0) return items.called;
  return items.named.length > 0 ? items.named : items.earlier;
}
