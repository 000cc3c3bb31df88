export { type Resolution, type ResolveOptions, resolveFileCitations } from "./citations/resolve.js";
export type * from "./types.js";
