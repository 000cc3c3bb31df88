/** The items of a response's output, and what those before a message tell: of containers, calls and files. */
import { containersOfItems, MOST_CONTAINERS, namesContainer } from "./containers.js";
import { evidenceIn, fileNamesIn, isContainerCall } from "./evidence.js";

/**
 * Items as they come, each once it begins and again when it is complete. What they tell is gathered on one way from the
 * first to the last, not anew for each text: a response may have thousands of both.
 */
export class ResponseItems {
  readonly #items: unknown[] = [];
  #callCount = 0;
  /** No item before this one names a container. */
  #firstNaming = 0;
  #before = new ItemsBefore();

  /** Takes note of an item. One that comes again replaces the one before. */
  note(index: number, item: unknown): void {
    const known = this.#items[index];
    this.#items[index] = item;
    this.#callCount += Number(isContainerCall(item)) - Number(isContainerCall(known));
    if (index < this.#firstNaming && namesContainer(item)) this.#firstNaming = index;
    if (index < this.#before.count && !tellsTheSame(known, item)) this.#before = new ItemsBefore();
  }

  /** The items by now; there may be gaps. */
  get all(): readonly unknown[] {
    return this.#items;
  }

  /** How many calls ran in a container, by now. */
  get callCount(): number {
    return this.#callCount;
  }

  /** Whether any of them names a container. */
  get hasContainers(): boolean {
    while (this.#firstNaming < this.#items.length && !namesContainer(this.#items[this.#firstNaming]))
      this.#firstNaming++;
    return this.#firstNaming < this.#items.length;
  }

  /** What the items before one tell. To be read at once: it goes on with the next one that is asked for. */
  before(index: number): ItemsBefore {
    if (index < this.#before.count) this.#before = new ItemsBefore();
    while (this.#before.count < index) this.#before.add(this.#items[this.#before.count]);
    return this.#before;
  }
}

/** How much of what the latest calls say may tell that a list is late: a list lags by seconds. */
const LATEST = 32;

/** What a call says, and where it ran, if that is told. */
interface Evidence {
  text: string;
  containerId: string | undefined;
}

/** What the first so many items tell; each is read when somebody asks, and once. */
class ItemsBefore {
  readonly #items: unknown[] = [];
  /** All that the calls say: their code, what they printed, their commands. */
  readonly #evidence: Evidence[] = [];
  #evidenceCount = 0;
  #latestContainer: string | undefined;
  /** What looks like a file's name in that. */
  readonly #names = new Set<string>();
  readonly #nameLengths = new Set<number>();
  #namesCount = 0;
  /** The latest containers, the oldest first. */
  readonly #containers = new Set<string>();
  #containersCount = 0;

  add(item: unknown): void {
    this.#items.push(item);
  }

  get count(): number {
    return this.#items.length;
  }

  /** The containers that the items name, the last one first. */
  get containers(): string[] {
    for (; this.#containersCount < this.#items.length; this.#containersCount++) {
      for (const id of containersOfItems([this.#items[this.#containersCount]]).reverse()) {
        this.#containers.delete(id);
        this.#containers.add(id);
        const [oldest] = this.#containers;
        if (this.#containers.size > MOST_CONTAINERS) this.#containers.delete(oldest!);
      }
    }
    return [...this.#containers].reverse();
  }

  /** What reads, now or later, what the latest calls in a container say: only of those may its list lack a file yet. */
  get readEvidence(): (containerId: string) => string[] {
    const evidence = this.#readOn();
    const { length } = evidence;
    return (containerId) => {
      const latest: string[] = [];
      for (let at = length - 1; at >= 0 && latest.length < LATEST; at--) {
        const { text, containerId: ranIn = containerId } = evidence[at]!;
        if (ranIn === containerId) latest.push(text);
      }
      return latest;
    };
  }

  get hasEvidence(): boolean {
    return this.#readOn().length > 0;
  }

  /** Whether the calls name a file so. Where words are not spaced, its name is only the end of what looks like one. */
  namesFile(name: string): boolean {
    const evidence = this.#readOn();
    for (; this.#namesCount < evidence.length; this.#namesCount++) {
      for (const { name: written } of fileNamesIn(evidence[this.#namesCount]!.text)) {
        this.#names.add(written);
        this.#nameLengths.add(written.length);
      }
    }
    for (const length of this.#nameLengths) if (this.#names.has(name.slice(-length))) return true;
    return false;
  }

  #readOn(): readonly Evidence[] {
    for (; this.#evidenceCount < this.#items.length; this.#evidenceCount++) {
      const item = this.#items[this.#evidenceCount];
      const texts = evidenceIn(item);
      // What a shell printed comes behind its call, and does not say again where that ran.
      if (isContainerCall(item)) [this.#latestContainer] = containersOfItems([item]);
      for (const text of texts) this.#evidence.push({ text, containerId: this.#latestContainer });
    }
    return this.#evidence;
  }
}

function tellsTheSame(known: unknown, item: unknown): boolean {
  if (known === item) return true;
  const containers = containersOfItems([known]);
  const evidence = evidenceIn(known);
  return isSame(containers, containersOfItems([item])) && isSame(evidence, evidenceIn(item));
}

/** Whether two lists hold the very same. */
export function isSame(values: readonly unknown[], others: readonly unknown[]): boolean {
  return values.length === others.length && values.every((value, at) => value === others[at]);
}
