// What the web process and the workers share.
import { Redis } from "ioredis";

export const QUEUE = "openai-files";

/** A connection to Redis. */
export const connect = (options) => new Redis(process.env.REDIS_URL ?? "redis://127.0.0.1:6379", options);
