/** The entry point `openai-file-citations`: exports the public names. */
export { type ReplaceOptions, replaceFileLinks } from "./citations/links/replace.js";
export type { LinkUrl } from "./citations/links/writing.js";
export { type Resolution, type ResolveOptions, resolveFileCitations } from "./citations/resolve.js";
export { type OpenAIClient, withFileCitations } from "./client.js";
export type { FileSource, FileSourceFunction } from "./containers/listing.js";
export type { ContainerFilesClient } from "./containers/pages.js";
export {
  type CitedFile,
  type CodeImage,
  type CollectedFile,
  collectFiles,
  type GeneratedImage,
} from "./files/collect.js";
export type { ContainerContentClient } from "./files/content.js";
export type { Sink } from "./files/copy.js";
export {
  type FailedFile,
  type SavedFile,
  type SaveOptions,
  type SaveResult,
  saveFiles,
} from "./files/save.js";
export type { FileStore, FoundFile, StoredFile } from "./files/store.js";
export { createFileCitationsFetch, type FileCitationsFetchOptions } from "./http/fetch.js";
export type {
  FileCitationsOptions,
  Instruction,
  LinkOptions,
  LinkRoute,
  LinkToUrl,
  OriginalText,
  ReplacedText,
} from "./options.js";
export { addLinkInstruction } from "./responses/instruction.js";
export { type RepairOptions, repairResponse } from "./responses/repair.js";
export { FileCitationsError } from "./responses/report.js";
export { repairResponseStream } from "./stream/stream.js";
export type * from "./types.js";
