/** Emulates containers and their files. Containers expire, and their lists may lack the newest files. */
import { ApiError, notFound } from "./api-error.js";
import { type Gateway, idsFailed } from "./gateway.js";
import { type ListPage, page } from "./paging.js";
import { describe, type Ids, type JsonObject } from "./wire.js";

/** The content of a file: bytes, or text that is stored as UTF-8. */
export type FileContent = string | Uint8Array;

/** A file in an emulated container. */
export interface EmulatedFile {
  /** `cfile_` and 32 hex digits, or the id that `gateway.ids` returns. */
  readonly id: string;
  /** The absolute path, such as `/mnt/data/report.csv`. */
  readonly path: string;
  /** Who created the file: `assistant` for files that the model wrote, `user` for uploads. */
  readonly source: "assistant" | "user";
  readonly bytes: Uint8Array;
  /** When the file was written, in seconds since 1970. */
  readonly createdAt: number;
}

/** The settings of a new container. */
export interface ContainerSettings {
  /** Default `""`. */
  readonly name?: string;
  /** The container expires this many minutes after its last use. Default 20. */
  readonly idleMinutes?: number;
  readonly memoryLimit?: string;
}

/** An emulated container, as tests see it. */
export interface EmulatedContainer {
  /** `cntr_` and 48 hex digits, or the id that `gateway.ids` returns. */
  readonly id: string;
  readonly name: string;
  /** When the container was created, in seconds since 1970. */
  readonly createdAt: number;
  /**
   * `expired` after the idle time or after `expireContainer`. Reading this property does not count as use of the
   * container.
   */
  readonly status: "running" | "expired";
  /** The files in the container, oldest first. */
  readonly files: readonly EmulatedFile[];
  /**
   * Writes a file into the container and returns the file. Writing to the same path again replaces the file, and the
   * new file has a new id.
   *
   * ```ts
   * const container = emulator.createContainer();
   * const { id } = container.write("report.csv", "day,total\n1,7\n");
   * ```
   *
   * @param path an absolute path, or a path relative to `/mnt/data`.
   * @param content bytes, or text.
   * @param source default `assistant`.
   * @param id default: a new id. Two containers may have files with the same id, as in the service.
   * @throws TypeError if the path has no file name, or the content is neither a string nor a `Uint8Array`.
   */
  write(path: string, content: FileContent, source?: EmulatedFile["source"], id?: string): EmulatedFile;
}

/** Milliseconds since 1970. */
export type Clock = () => number;

const IDLE_MINUTES = 20;
const ROOT = "/mnt/data/";

function toBytes(content: FileContent): Uint8Array {
  return typeof content === "string" ? new TextEncoder().encode(content) : content;
}

/** Returns the absolute form of a path. A relative path is below `/mnt/data`, the working directory of code in the container. */
export function absolutePath(path: string): string {
  return path.startsWith("/") ? path : ROOT + path;
}

/** Holds a container's settings and files. */
export class Container implements EmulatedContainer {
  readonly id: string;
  /** OpenAI's id of the container. Equals `id` if there is no gateway. */
  readonly nativeId: string;
  readonly name: string;
  readonly createdAt: number;
  readonly #ids: Ids;
  readonly #now: Clock;
  readonly #gateway: Gateway;
  readonly #idleMinutes: number;
  readonly #memoryLimit: string;
  readonly #files = new Map<string, EmulatedFile & { readonly listedAfter: number }>();
  /** Caches the current listing: its files, and the index of each file's id. This keeps paging through many files fast. */
  #listed: { files: readonly EmulatedFile[]; positions: ReadonlyMap<string, number> } | undefined;
  #lastActive: number;
  #expired = false;
  #listings = 0;

  constructor(
    ids: Ids,
    now: Clock,
    gateway: Gateway,
    { name = "", idleMinutes = IDLE_MINUTES, memoryLimit = "1g" }: ContainerSettings,
  ) {
    this.nativeId = ids.next("cntr_");
    this.id = gateway.idOf(this.nativeId);
    this.name = name;
    this.#ids = ids;
    this.#now = now;
    this.#gateway = gateway;
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
    id?: string,
  ): EmulatedFile {
    checkFile(path, content);
    const absolute = absolutePath(path);
    return this.#put(id ?? this.#fileId(absolute), absolute, content, source, 0);
  }

  /** Writes a file as the model does. The container's next `lag` listings do not contain the file yet. */
  writeLate(path: string, content: FileContent, lag: number): EmulatedFile {
    const absolute = absolutePath(path);
    return this.#put(this.#fileId(absolute), absolute, content, "assistant", lag);
  }

  /** Writes a chart that the code shows. The file is named after its own id. */
  writeChart(content: FileContent): EmulatedFile {
    const nativeId = this.#ids.next("cfile_");
    const path = `${ROOT}${nativeId}.png`;
    return this.#put(this.#fileId(path, nativeId), path, content, "assistant", 0);
  }

  /** Adds an upload. A prefix in its path keeps uploads with the same name apart. */
  upload(name: string, content: FileContent, prefix?: string): EmulatedFile {
    const nativeId = this.#ids.next("cfile_");
    const path = `${ROOT}${prefix ?? nativeId.slice("cfile_".length)}-${name}`;
    return this.#put(this.#fileId(path, nativeId), path, content, "user", 0);
  }

  expire(): void {
    this.#expired = true;
  }

  /** Records a use of the container, which restarts its idle time. */
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

  /** Returns the page of the file list that a query asks for. */
  list(query: URLSearchParams): ListPage<JsonObject & { id: string }> {
    // A request for the first page starts a new listing. Later pages belong to the same listing, so no new file appears on them.
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
      container_id: this.#gateway.containerIdInLists(this),
      path: this.#gateway.pathInLists(path),
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

  /** Returns the id that clients see for a new file. */
  #fileId(path: string, nativeId = this.#ids.next("cfile_")): string {
    return this.#gateway.idOf(nativeId, path);
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

/** Creates and finds the containers of an emulator. */
export class Containers {
  readonly all = new Map<string, Container>();
  readonly #ids: Ids;
  readonly #now: Clock;
  readonly #gateway: Gateway;

  constructor(ids: Ids, now: Clock, gateway: Gateway) {
    this.#ids = ids;
    this.#now = now;
    this.#gateway = gateway;
  }

  create(settings: ContainerSettings = {}): Container {
    const container = new Container(this.#ids, this.#now, this.#gateway, settings);
    if (this.all.has(container.id)) {
      throw idsFailed(`It returned ${describe(container.id)} for two containers.`);
    }
    this.all.set(container.id, container);
    return container;
  }

  /**
   * Returns the container with an id and restarts its idle time.
   *
   * @throws ApiError 404 if there is no such container or it has expired.
   */
  use(id: string): Container {
    const container = this.all.get(id);
    if (container === undefined) throw notFound("Container", id);
    if (container.status === "expired") throw new ApiError(404, "Container is expired.");
    container.touch();
    return container;
  }
}

/** Throws a `TypeError` if the path has no file name, or the content is neither a string nor a `Uint8Array`. */
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
