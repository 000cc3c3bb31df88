import { ApiError, notFound } from "./api-error.js";
import { type ListPage, page } from "./paging.js";
import { describe, type Ids, type JsonObject } from "./wire.js";

/** What a file holds: its bytes, or a text that is stored as UTF-8. */
export type FileContent = string | Uint8Array;

/** A file in an emulated container. */
export interface EmulatedFile {
  /** `cfile_` and 32 hex digits. */
  readonly id: string;
  /** The absolute path, such as `/mnt/data/report.csv`. */
  readonly path: string;
  /** Who put it there: `assistant` for what the model wrote, `user` for an upload. */
  readonly source: "assistant" | "user";
  readonly bytes: Uint8Array;
  /** When it was written, in seconds since 1970. */
  readonly createdAt: number;
}

/** A container's settings that its maker may choose. */
export interface ContainerSettings {
  /** Default `""`. */
  readonly name?: string;
  /** How long it lives without being used, in minutes. Default 20. */
  readonly idleMinutes?: number;
  readonly memoryLimit?: string;
}

/** A container, as a test sees it. */
export interface EmulatedContainer {
  /** `cntr_` and 48 hex digits. */
  readonly id: string;
  readonly name: string;
  /** When it was made, in seconds since 1970. */
  readonly createdAt: number;
  /** `expired` once it has been idle for its time, or was expired by hand. Looking does not keep it alive. */
  readonly status: "running" | "expired";
  /** The files in it, oldest first. */
  readonly files: readonly EmulatedFile[];
  /**
   * Puts a file into it. A path holds one file: writing it again replaces the file, and the new one has a new id.
   *
   * ```ts
   * const container = emulator.createContainer();
   * const { id } = container.write("report.csv", "day,total\n1,7\n");
   * ```
   *
   * @param path absolute, or below `/mnt/data`.
   * @param content bytes, or text.
   * @param source default `assistant`.
   * @param id default: a new one. The same id may be in two containers, as it may be in the service's.
   * @throws TypeError for a path without a file name, or content that is neither text nor bytes.
   */
  write(path: string, content: FileContent, source?: EmulatedFile["source"], id?: string): EmulatedFile;
}

/** Milliseconds since 1970. */
export type Clock = () => number;

const IDLE_MINUTES = 20;
const ROOT = "/mnt/data/";

export function toBytes(content: FileContent): Uint8Array {
  return typeof content === "string" ? new TextEncoder().encode(content) : content;
}

/** A relative path is one below `/mnt/data`, as it is for code that runs in the container. */
export function absolutePath(path: string): string {
  return path.startsWith("/") ? path : ROOT + path;
}

/** A container and its files, as the emulator holds them. */
export class Container implements EmulatedContainer {
  readonly id: string;
  readonly name: string;
  readonly createdAt: number;
  readonly #ids: Ids;
  readonly #now: Clock;
  readonly #idleMinutes: number;
  readonly #memoryLimit: string;
  readonly #files = new Map<string, EmulatedFile & { readonly listedAfter: number }>();
  /** The files that are listed by now, and where each is: there may be very many, page by page. */
  #listed: { files: readonly EmulatedFile[]; positions: ReadonlyMap<string, number> } | undefined;
  #lastActive: number;
  #expired = false;
  #listings = 0;

  constructor(
    ids: Ids,
    now: Clock,
    { name = "", idleMinutes = IDLE_MINUTES, memoryLimit = "1g" }: ContainerSettings,
  ) {
    this.id = ids.next("cntr_");
    this.name = name;
    this.#ids = ids;
    this.#now = now;
    this.#idleMinutes = idleMinutes;
    this.#memoryLimit = memoryLimit;
    this.#lastActive = now();
    this.createdAt = Math.floor(this.#lastActive / 1000);
  }

  get status(): "running" | "expired" {
    this.#expired ||= this.#now() - this.#lastActive >= this.#idleMinutes * 60_000;
    return this.#expired ? "expired" : "running";
  }

  get files(): readonly EmulatedFile[] {
    return [...this.#files.values()];
  }

  write(
    path: string,
    content: FileContent,
    source: EmulatedFile["source"] = "assistant",
    id: string = this.#ids.next("cfile_"),
  ): EmulatedFile {
    checkFile(path, content);
    return this.#put(id, absolutePath(path), content, source, 0);
  }

  /** A file the model writes. It stays out of the container's next `lag` lists. */
  writeLate(path: string, content: FileContent, lag: number): EmulatedFile {
    return this.#put(this.#ids.next("cfile_"), absolutePath(path), content, "assistant", lag);
  }

  /** A chart that was shown: a file named after its own id. */
  writeChart(content: FileContent): EmulatedFile {
    const id = this.#ids.next("cfile_");
    return this.#put(id, `${ROOT}${id}.png`, content, "assistant", 0);
  }

  /** An upload: its name gets a prefix that keeps uploads of one name apart. */
  upload(name: string, content: FileContent, prefix?: string): EmulatedFile {
    const id = this.#ids.next("cfile_");
    return this.#put(id, `${ROOT}${prefix ?? id.slice("cfile_".length)}-${name}`, content, "user", 0);
  }

  expire(): void {
    this.#expired = true;
  }

  /** Counts as use of the container. */
  touch(): void {
    this.#lastActive = this.#now();
  }

  file(id: string): EmulatedFile {
    const file = this.files.find((candidate) => candidate.id === id);
    if (file === undefined) throw notFound("Container file", id);
    return file;
  }

  remove(id: string): void {
    this.#files.delete(this.file(id).path);
    this.#listed = undefined;
  }

  list(query: URLSearchParams): ListPage<JsonObject & { id: string }> {
    // Only a first page counts as a list of its own: a file must not turn up in the middle of a paged listing.
    if (!query.has("after")) {
      this.#listings += 1;
      this.#listed = undefined;
    }
    if (this.#listed === undefined) {
      const files = [...this.#files.values()].filter((file) => file.listedAfter < this.#listings);
      this.#listed = { files, positions: new Map(files.map(({ id }, position) => [id, position])) };
    }
    const { files, positions } = this.#listed;
    const listed = page(files, query, (id) => positions.get(id) ?? -1);
    return { ...listed, data: listed.data.map((file) => this.fileResource(file)) };
  }

  fileResource({ id, createdAt, bytes, path, source }: EmulatedFile) {
    return {
      id,
      object: "container.file",
      created_at: createdAt,
      bytes: bytes.byteLength,
      container_id: this.id,
      path,
      source,
    };
  }

  resource() {
    return {
      id: this.id,
      object: "container",
      created_at: this.createdAt,
      status: this.status,
      expires_after: { anchor: "last_active_at", minutes: this.#idleMinutes },
      last_active_at: Math.floor(this.#lastActive / 1000),
      memory_limit: this.#memoryLimit,
      name: this.name,
    };
  }

  #put(
    id: string,
    path: string,
    content: FileContent,
    source: EmulatedFile["source"],
    lag: number,
  ): EmulatedFile {
    const createdAt = Math.floor(this.#now() / 1000);
    const file = { id, path, source, bytes: toBytes(content), createdAt, listedAfter: this.#listings + lag };
    this.#files.delete(path);
    this.#files.set(path, file);
    this.#listed = undefined;
    return file;
  }
}

/** Every container of an emulator. */
export class Containers {
  readonly all = new Map<string, Container>();
  readonly #ids: Ids;
  readonly #now: Clock;

  constructor(ids: Ids, now: Clock) {
    this.#ids = ids;
    this.#now = now;
  }

  create(settings: ContainerSettings = {}): Container {
    const container = new Container(this.#ids, this.#now, settings);
    this.all.set(container.id, container);
    return container;
  }

  /** The container that a call names; the call keeps it alive. */
  use(id: string): Container {
    const container = this.all.get(id);
    if (container === undefined) throw notFound("Container", id);
    if (container.status === "expired") throw new ApiError(404, "Container is expired.");
    container.touch();
    return container;
  }
}

export function checkFile(path: string, content: unknown): void {
  if (typeof path !== "string" || path === "" || path.endsWith("/")) {
    throw new TypeError(`A file's path must be a string that ends in a file name, got ${describe(path)}.`);
  }
  if (typeof content !== "string" && !(content instanceof Uint8Array)) {
    throw new TypeError(
      `The content of ${describe(path)} must be a string or a Uint8Array, got ${describe(content)}.`,
    );
  }
}
