/** Keeps order: what is done waits for what came before it. */

/** So much may be held behind a record that waits for its list: the records after it need not wait as well. */
const MOST_BYTES = 64 * 2 ** 20;

interface Entry<Item, Result> {
  item: Item;
  size: number;
  result: Result | undefined;
}

export class Window<Item, Result> {
  readonly #concurrency: number;
  readonly #put: (item: Item, result: Result) => void;
  readonly #entries: Entry<Item, Result>[] = [];
  #bytes = 0;
  #waiting = 0;
  #wake: () => void = () => {};
  #failure: { error: unknown } | undefined;

  /** `put` gets the items in the order in which they were added, each with its result. */
  constructor(concurrency: number, put: (item: Item, result: Result) => void) {
    this.#concurrency = concurrency;
    this.#put = put;
  }

  get isEmpty(): boolean {
    return this.#entries.length === 0;
  }

  /** Nothing may be added, until something is done. */
  get isFull(): boolean {
    return this.#waiting >= this.#concurrency || this.#bytes >= MOST_BYTES;
  }

  add(item: Item, size: number, result: Result | Promise<Result>): void {
    if (!(result instanceof Promise)) {
      if (this.isEmpty) this.#put(item, result);
      else this.#push({ item, size, result });
      return;
    }
    const entry: Entry<Item, Result> = { item, size, result: undefined };
    this.#push(entry);
    this.#waiting++;
    result
      .then(
        (value) => {
          entry.result = value;
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

  /** Resolves when the next one is done that was waited for. */
  settled(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  /** Puts out what is done, up to what is not. */
  drain(): void {
    if (this.#failure) throw this.#failure.error;
    for (let entry = this.#entries[0]; entry?.result !== undefined; entry = this.#entries[0]) {
      this.#entries.shift();
      this.#bytes -= entry.size;
      this.#put(entry.item, entry.result);
    }
  }

  #push(entry: Entry<Item, Result>): void {
    this.#entries.push(entry);
    this.#bytes += entry.size;
  }
}
