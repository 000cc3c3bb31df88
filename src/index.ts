export { type LinkUrl, type ReplaceOptions, replaceFileLinks } from "./citations/links.js";
export { type Resolution, type ResolveOptions, resolveFileCitations } from "./citations/resolve.js";
export { type OpenAIClient, withFileCitations } from "./client.js";
export {
  type CitedFile,
  type CodeImage,
  type CollectedFile,
  collectFiles,
  type GeneratedImage,
} from "./files/collect.js";
export type { ContainerContentClient } from "./files/content.js";
export {
  type FailedFile,
  type SavedFile,
  type SaveOptions,
  type SaveResult,
  type Sink,
  saveFiles,
} from "./files/save.js";
export { createFileCitationsFetch, type FileCitationsFetchOptions } from "./http/fetch.js";
export type { FileCitationsOptions, Instruction } from "./options.js";
export { addLinkInstruction } from "./responses/instruction.js";
export type { ContainerFilesClient } from "./responses/list-pages.js";
export type { FileSource, FileSourceFunction } from "./responses/lookup.js";
export { type RepairOptions, repairResponse } from "./responses/repair.js";
export { FileCitationsError } from "./responses/report.js";
export { repairResponseStream } from "./responses/stream.js";
export type * from "./types.js";
