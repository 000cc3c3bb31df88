/** The entry point `openai-file-citations/testing`: exports an emulator of the API. */
export type { RecordedRequest } from "./call.js";
export type { EmulatedContainer, EmulatedFile, FileContent } from "./containers.js";
export {
  type CreateContainerOptions,
  createResponsesEmulator,
  type EmulatorOptions,
  type ResponsesEmulator,
} from "./emulator.js";
export type { GatewayOptions } from "./gateway.js";
export type { ListFault } from "./list-faults.js";
export type { ListeningServer, ListenOptions } from "./listen.js";
export {
  chartModel,
  compliantModel,
  type ModelOptions,
  structuredModel,
  stubbornModel,
  twoContainersModel,
  twoFilesModel,
} from "./scripts.js";
export type {
  AgentStep,
  Chunks,
  ContainerStep,
  FailStep,
  ImageStep,
  IncompleteStep,
  MessageStep,
  MultiAgentCallStep,
  PreviousTurn,
  PythonStep,
  ReasoningStep,
  RefusalStep,
  Script,
  ScriptRequest,
  ShellStep,
  Step,
  TextPart,
} from "./steps.js";
export type { StreamEvent } from "./wire.js";
