/** Emulates the endpoints for containers, their files and uploads. */
import { ApiError, invalidType, notFound } from "./api-error.js";
import { streamBody } from "./body.js";
import type { Call } from "./call.js";
import { type Clock, Containers } from "./containers.js";
import type { Gateway } from "./gateway.js";
import { faultyList, type ListFault } from "./list-faults.js";
import { page } from "./paging.js";
import { type Ids, isObject, type JsonObject } from "./wire.js";

/** A file uploaded to `POST /files`. */
export interface Upload {
  readonly id: string;
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly resource: JsonObject;
}

const CHUNK_BYTES = 64 * 1024;
const MAX_IDLE_MINUTES = 20;

/** Handles the endpoints below `/containers` and `/files`. */
export class ContainersApi {
  readonly containers: Containers;
  readonly #uploads = new Map<string, Upload>();
  readonly #ids: Ids;
  readonly #now: Clock;
  readonly #gateway: Gateway;
  readonly #listFault: ListFault | undefined;

  constructor(ids: Ids, now: Clock, gateway: Gateway, listFault?: ListFault) {
    this.#ids = ids;
    this.#now = now;
    this.#gateway = gateway;
    this.#listFault = listFault;
    this.containers = new Containers(ids, now, gateway);
  }

  /** Returns the upload with an id. Throws an `ApiError` 404 if there is none. */
  upload(id: string): Upload {
    const upload = this.#uploads.get(id);
    if (upload === undefined) throw notFound("File", id);
    return upload;
  }

  readonly createUpload = async (call: Call) => {
    const { name, bytes } = await readFile(await call.form());
    const id = this.#ids.next("file-");
    const created_at = Math.floor(this.#now() / 1000);
    const resource = {
      object: "file",
      id,
      purpose: "user_data",
      filename: name,
      bytes: bytes.byteLength,
      created_at,
      expires_at: null,
      status: "processed",
      status_details: null,
    };
    this.#uploads.set(id, { id, name, bytes, resource });
    return Response.json(resource);
  };

  readonly retrieveUpload = (_: Call, id: string) => Response.json(this.upload(id).resource);

  readonly uploadContent = (call: Call, id: string) => streamContent(call, this.upload(id).bytes);

  readonly create = (call: Call) => {
    const { name = "", expires_after, file_ids = [], memory_limit } = call.jsonObject();
    if (typeof name !== "string") throw invalidType("name", "a string", name);
    if (!Array.isArray(file_ids)) throw invalidType("file_ids", "an array of strings", file_ids);
    const uploads = file_ids.map((id) => this.upload(String(id)));
    const container = this.containers.create({
      name,
      ...(expires_after == null ? {} : { idleMinutes: readIdleMinutes(expires_after) }),
      ...(typeof memory_limit === "string" ? { memoryLimit: memory_limit } : {}),
    });
    for (const upload of uploads) container.upload(upload.name, upload.bytes, upload.id);
    return Response.json(container.resource());
  };

  readonly list = (call: Call) => {
    const resources = [...this.containers.all.values()].map((container) => container.resource());
    return Response.json(page(resources, call.query));
  };

  readonly retrieve = (_: Call, id: string) => Response.json(this.containers.use(id).resource());

  readonly remove = (_: Call, id: string) => {
    this.containers.use(id);
    this.containers.all.delete(id);
    return Response.json({ id, object: "container.deleted", deleted: true });
  };

  readonly listFiles = (call: Call, id: string) => {
    const readPage = (query: URLSearchParams) => {
      const container = this.containers.use(id);
      return this.#gateway.page(query, (listQuery) => container.list(listQuery));
    };
    if (this.#listFault !== undefined) return faultyList(this.#listFault, readPage, call.query, call.signal);
    return Response.json(readPage(call.query));
  };

  readonly createFile = async (call: Call, id: string) => {
    const container = this.containers.use(id);
    // Some clients send the file's id as JSON, others in a form.
    const form = call.isUpload ? await call.form() : undefined;
    if (form?.has("file")) {
      const { name, bytes } = await readFile(form);
      return Response.json(container.fileResource(container.upload(name, bytes)));
    }
    const file_id = form === undefined ? call.jsonObject().file_id : form.get("file_id");
    if (typeof file_id !== "string") throw invalidType("file_id", "a string", file_id);
    const upload = this.upload(file_id);
    return Response.json(container.fileResource(container.upload(upload.name, upload.bytes, upload.id)));
  };

  readonly retrieveFile = (_: Call, id: string, fileId: string) => {
    const container = this.containers.use(id);
    return Response.json(container.fileResource(container.file(fileId)));
  };

  readonly fileContent = (call: Call, id: string, fileId: string) =>
    streamContent(call, this.containers.use(id).file(fileId).bytes);

  readonly removeFile = (_: Call, id: string, fileId: string) => {
    this.containers.use(id).remove(fileId);
    return Response.json({ id: fileId, object: "container.file.deleted", deleted: true });
  };
}

async function readFile(form: FormData): Promise<{ name: string; bytes: Uint8Array }> {
  const file = form.get("file");
  if (file !== null && typeof file !== "string") {
    return { name: file.name, bytes: new Uint8Array(await file.arrayBuffer()) };
  }
  throw new ApiError(400, "'file' is a required property", {
    param: "file",
    code: "missing_required_parameter",
  });
}

function readIdleMinutes(expiresAfter: unknown): number {
  const minutes = isObject(expiresAfter) ? expiresAfter.minutes : undefined;
  if (typeof minutes !== "number" || !Number.isInteger(minutes)) {
    throw invalidType("expires_after.minutes", "an integer", minutes);
  }
  if (minutes >= 1 && minutes <= MAX_IDLE_MINUTES) return minutes;
  throw new ApiError(
    400,
    `Invalid 'expires_after.minutes': expected a value from 1 to ${MAX_IDLE_MINUTES}, but got ${minutes} instead.`,
    { param: "expires_after.minutes", code: "invalid_value" },
  );
}

function streamContent(call: Call, bytes: Uint8Array): Response {
  let offset = 0;
  const body = streamBody(() => {
    if (offset >= bytes.byteLength) return undefined;
    const chunk = bytes.slice(offset, offset + CHUNK_BYTES);
    offset += CHUNK_BYTES;
    return chunk;
  }, call.signal);
  const headers = { "content-type": "application/octet-stream", "content-length": String(bytes.byteLength) };
  return new Response(body, { headers });
}
