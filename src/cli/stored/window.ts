/** Runs work in parallel, and outputs the results in the order in which the items were added. */

/** How many bytes of records may be held while an earlier record waits for its list or for a later event. */
const MOST_BYTES = 64 * 2 ** 20;

interface Entry<Item, Result> {
  item: Item;
  size: number;
  result: Result | undefined;
}

/**
 * A result that depends on items that are added later. It does not count toward the limit `concurrency`. If it did, the window
 * could be full, and the later items could not be added.
 */
export interface Later<Result> {
  later: Promise<Result>;
}

export class Window<Item, Result extends object> {
  readonly #concurrency: number;
  readonly #put: (item: Item, result: Result) => void;
  readonly #entries: (Entry<Item, Result> | undefined)[] = [];
  /**
   * The index of the first entry that was not output. Earlier entries are removed many at a time, because each removal is slow.
   */
  #first = 0;
  #bytes = 0;
  #waiting = 0;
  #wake: () => void = () => {};
  #failure: { error: unknown } | undefined;

  /** `put` receives each item with its result, in the order in which the items were added. */
  constructor(concurrency: number, put: (item: Item, result: Result) => void) {
    this.#concurrency = concurrency;
    this.#put = put;
  }

  get isEmpty(): boolean {
    return this.#first === this.#entries.length;
  }

  /** True if the window is full. Then wait for `settled` and call `drain` before the next `add`. */
  get isFull(): boolean {
    return this.#waiting >= this.#concurrency || this.#bytes >= MOST_BYTES;
  }

  /** True if all results that are still missing depend on items that were not added yet. */
  get isStuck(): boolean {
    return this.#waiting === 0 && !this.isEmpty;
  }

  add(item: Item, size: number, result: Result | Promise<Result | Later<Result>>): void {
    if (!(result instanceof Promise)) {
      if (this.isEmpty) this.#put(item, result);
      else this.#push({ item, size, result });
      return;
    }
    const entry: Entry<Item, Result> = { item, size, result: undefined };
    this.#push(entry);
    this.#waiting++;
    const settle = (value: Result): void => {
      entry.result = value;
      this.#wake();
    };
    result
      .then(
        (value) => {
          if ("later" in value) void value.later.then(settle);
          else settle(value);
        },
        (error: unknown) => {
          this.#failure = { error };
        },
      )
      .finally(() => {
        this.#waiting--;
        this.#wake();
      });
  }

  /**
   * Resolves when the next pending result settles. If this method is called again before that, only the newest promise resolves.
   */
  settled(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  /** Outputs the results in order, until the first one that is still pending. Throws if a result was rejected. */
  drain(): void {
    if (this.#failure) throw this.#failure.error;
    for (
      let entry = this.#entries[this.#first];
      entry?.result !== undefined;
      entry = this.#entries[this.#first]
    ) {
      this.#entries[this.#first++] = undefined; // frees the memory of the record
      this.#bytes -= entry.size;
      this.#put(entry.item, entry.result);
    }
    if (this.#first * 2 < this.#entries.length) return;
    this.#entries.splice(0, this.#first);
    this.#first = 0;
  }

  #push(entry: Entry<Item, Result>): void {
    this.#entries.push(entry);
    this.#bytes += entry.size;
  }
}
