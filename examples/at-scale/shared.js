// Shared by the web process and the workers: the queue's name, the connection to Redis, and the store.
import { Redis } from "ioredis";
import { directoryStore } from "openai-file-citations/node";

export const QUEUE = "openai-files";

/** Connects to Redis. */
export const connect = (options) => new Redis(process.env.REDIS_URL ?? "redis://127.0.0.1:6379", options);

/** Keeps the files after their containers have expired. All processes must use the same folder. */
export const store = directoryStore(process.env.FILES ?? "files");
