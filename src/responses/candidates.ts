/** Which containers the texts of one response can mean, in groups: the next one counts if those before have no such file. */
import { isRecord } from "../bad-input.js";
import type { ContainerLists } from "./container-lists.js";
import {
  type ContainerSources,
  containersBefore,
  containersOfItems,
  containersOfTools,
  MOST_CONTAINERS,
  previousId,
} from "./containers.js";
import { isId } from "./ids.js";

/** Where containers are looked for that the response itself does not name. */
export interface OtherContainers extends Omit<ContainerSources, "response"> {
  /** Containers to try when nothing names one. */
  otherContainers?: readonly string[] | undefined;
  /** The last resort: an earlier response, by its id, which may stand in a URL. */
  getResponse?: ((id: string, signal: AbortSignal) => Promise<unknown>) | undefined;
}

export class ContainerCandidates {
  readonly #context: OtherContainers;
  readonly #lists: ContainerLists;
  #response: Record<string, unknown> = {};
  #known: readonly string[] | undefined;
  #previous: Promise<readonly string[]> | undefined;

  constructor(context: OtherContainers, lists: ContainerLists) {
    this.#context = context;
    this.#lists = lists;
  }

  noteResponse(response: Record<string, unknown>): void {
    this.#response = response;
    this.#known = undefined;
  }

  /** The containers that were there before the response. */
  get known(): readonly string[] {
    this.#known ??= containersBefore({ ...this.#context, response: this.#response });
    return this.#known;
  }

  /** The groups, nearest first, for a text that is near to some: each of those is one by itself. */
  async *groups(near: readonly string[], signal: AbortSignal): AsyncGenerator<readonly string[]> {
    const { otherContainers = [] } = this.#context;
    const tried = new Set<string>();
    for (const group of [
      ...near.slice(0, MOST_CONTAINERS).map((id) => [id]),
      this.known.slice(0, MOST_CONTAINERS),
      otherContainers,
    ]) {
      const containers = [...new Set(group)].filter((id) => !tried.has(id));
      for (const id of containers) tried.add(id);
      if (containers.length > 0) yield containers;
    }
    if (tried.size > 0) return;
    const previous = await this.#ofPrevious(signal);
    if (previous.length > 0) yield previous;
  }

  /** The containers of the response before this one, which has to be asked for. */
  #ofPrevious(signal: AbortSignal): Promise<readonly string[]> {
    const { getResponse } = this.#context;
    const id = previousId({ ...this.#context, response: this.#response });
    if (!getResponse || !isId(id)) return Promise.resolve([]);
    if (!this.#previous) {
      this.#lists.requests++;
      this.#previous = getResponse(id, signal).then((previous) => {
        if (!isRecord(previous) || !Array.isArray(previous.output)) return [];
        const named = [...containersOfItems(previous.output), ...containersOfTools(previous.tools)];
        return named.slice(0, MOST_CONTAINERS);
      });
    }
    return this.#previous;
  }
}
