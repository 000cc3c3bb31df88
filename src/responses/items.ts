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

  /** Whether an item names a container. */
  get nameContainers(): boolean {
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

/** What the first so many items tell. */
class ItemsBefore {
  count = 0;
  readonly #evidence: string[] = [];
  /** What looks like a file's name in what the calls say, as far as that was read. */
  readonly #names = new Set<string>();
  readonly #nameLengths = new Set<number>();
  #readCount = 0;
  /** The latest ones, the oldest first. */
  readonly #containers = new Set<string>();

  add(item: unknown): void {
    this.count++;
    for (const text of evidenceIn(item)) this.#evidence.push(text);
    for (const id of containersOfItems([item]).reverse()) {
      this.#containers.delete(id);
      this.#containers.add(id);
      const [oldest] = this.#containers;
      if (this.#containers.size > MOST_CONTAINERS) this.#containers.delete(oldest!);
    }
  }

  /** The containers that the items name, the last one first. */
  get containers(): string[] {
    return [...this.#containers].reverse();
  }

  /** What reads all that the calls say, now or later: their code, what they printed, their commands. */
  get readEvidence(): () => readonly string[] {
    const evidence = this.#evidence;
    const { length } = evidence;
    return () => evidence.slice(0, length);
  }

  get hasEvidence(): boolean {
    return this.#evidence.length > 0;
  }

  /** Whether the calls name a file so. Where words are not spaced, its name is only the end of what looks like one. */
  nameFile(name: string): boolean {
    for (; this.#readCount < this.#evidence.length; this.#readCount++) {
      for (const { name: written } of fileNamesIn(this.#evidence[this.#readCount]!)) {
        this.#names.add(written);
        this.#nameLengths.add(written.length);
      }
    }
    for (const length of this.#nameLengths) if (this.#names.has(name.slice(-length))) return true;
    return false;
  }
}

function tellsTheSame(known: unknown, item: unknown): boolean {
  if (known === item) return true;
  const containers = containersOfItems([known]);
  const evidence = evidenceIn(known);
  return isSame(containers, containersOfItems([item])) && isSame(evidence, evidenceIn(item));
}

function isSame(texts: readonly string[], others: readonly string[]): boolean {
  return texts.length === others.length && texts.every((text, at) => text === others[at]);
}
