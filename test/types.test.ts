/**
 * Checks the types of every public name with openai 5, 6 and 7. `npm run typecheck` does the checks. The functions in these tests
 * are never called. The last test fails if a public name has no test here. This file is long because it covers every public name.
 */
import { readFile } from "node:fs/promises";
import type OpenAI from "openai";
import type { AzureOpenAI } from "openai";
import type { Stream } from "openai/core/streaming";
import type { ParsedResponse } from "openai/resources/responses/responses";
import type OpenAI5 from "openai-5";
import type { AzureOpenAI as AzureOpenAI5 } from "openai-5";
import type { Stream as Stream5 } from "openai-5/core/streaming";
import type OpenAI7 from "openai-7";
import type { AzureOpenAI as AzureOpenAI7 } from "openai-7";
import type { Stream as Stream7 } from "openai-7/core/streaming";
import { describe, expect, expectTypeOf, it } from "vitest";
import * as route from "../src/files/route.js";
import * as main from "../src/index.js";
import * as node from "../src/node.js";
import * as testing from "../src/testing/index.js";
import * as webhook from "../src/webhook.js";

type Fetch = typeof globalThis.fetch;
type Clients = OpenAI5 | OpenAI | OpenAI7 | AzureOpenAI5 | AzureOpenAI | AzureOpenAI7;
type Response5 = OpenAI5.Responses.Response;
type Response6 = OpenAI.Responses.Response;
type Response7 = OpenAI7.Responses.Response;
type Event5 = OpenAI5.Responses.ResponseStreamEvent;
type Event6 = OpenAI.Responses.ResponseStreamEvent;
type Event7 = OpenAI7.Responses.ResponseStreamEvent;
type File5 = OpenAI5.Containers.FileListResponse;
type File6 = OpenAI.Containers.FileListResponse;
type File7 = OpenAI7.Containers.FileListResponse;
type Text5 = OpenAI5.Responses.ResponseOutputText;
type Text6 = OpenAI.Responses.ResponseOutputText;
type Text7 = OpenAI7.Responses.ResponseOutputText;

/** Stands for a value of a type. It is used in functions that are never called. */
function some<Type>(): Type {
  throw new Error("nothing in here is called");
}

describe("withFileCitations", () => {
  const { withFileCitations } = main;

  it("returns the type of client that it gets, in each version", () => {
    expectTypeOf(() => withFileCitations(some<OpenAI5>())).returns.toEqualTypeOf<OpenAI5>();
    expectTypeOf(() => withFileCitations(some<OpenAI>())).returns.toEqualTypeOf<OpenAI>();
    expectTypeOf(() => withFileCitations(some<OpenAI7>())).returns.toEqualTypeOf<OpenAI7>();
    expectTypeOf(() => withFileCitations(some<AzureOpenAI5>())).returns.toEqualTypeOf<AzureOpenAI5>();
    expectTypeOf(() => withFileCitations(some<AzureOpenAI>())).returns.toEqualTypeOf<AzureOpenAI>();
    expectTypeOf(() => withFileCitations(some<AzureOpenAI7>())).returns.toEqualTypeOf<AzureOpenAI7>();
  });

  it("returns the type of a subclass", () => {
    interface Own5 extends OpenAI5 {
      tenant: string;
    }
    interface Own6 extends OpenAI {
      tenant: string;
    }
    interface Own7 extends OpenAI7 {
      tenant: string;
    }
    expectTypeOf(() => withFileCitations(some<Own5>())).returns.toEqualTypeOf<Own5>();
    expectTypeOf(() => withFileCitations(some<Own6>())).returns.toEqualTypeOf<Own6>();
    expectTypeOf(() => withFileCitations(some<Own7>())).returns.toEqualTypeOf<Own7>();
  });

  it("accepts links as a function, as an object and as a route", () => {
    type Links = NonNullable<main.FileCitationsOptions["links"]>;
    expectTypeOf<Links>().toEqualTypeOf<main.LinkToUrl | main.LinkOptions | main.LinkRoute>();
    expectTypeOf<route.FileRoute>().toExtend<main.LinkRoute>();
    expectTypeOf<main.LinkToUrl>().parameter(1).toEqualTypeOf<main.ReplacedText>();
    expectTypeOf<NonNullable<main.LinkRoute["originals"]>>().returns.resolves.toEqualTypeOf<
      readonly main.OriginalText[]
    >();
    // @ts-expect-error a URL is not a function
    () => withFileCitations(some<OpenAI>(), { links: "https://example.com" });
  });

  it("accepts only a client and valid options", () => {
    expectTypeOf<Clients>().toExtend<main.OpenAIClient>();
    expectTypeOf(withFileCitations).parameter(1).toEqualTypeOf<main.FileCitationsOptions | undefined>();
    // @ts-expect-error a response is not a client
    () => withFileCitations(some<Response6>());
    // @ts-expect-error there is no option `timeout`
    () => withFileCitations(some<OpenAI>(), { timeout: 5000 });
    // @ts-expect-error a time is a number
    () => withFileCitations(some<OpenAI>(), { timeoutMs: "5 s" });
  });
});

describe("createFileCitationsFetch", () => {
  const { createFileCitationsFetch } = main;

  it("returns a fetch that every version's client accepts", () => {
    expectTypeOf(createFileCitationsFetch).returns.toEqualTypeOf<Fetch>();
    expectTypeOf<Fetch>().toExtend<NonNullable<ConstructorParameters<typeof OpenAI5>[0]>["fetch"]>();
    expectTypeOf<Fetch>().toExtend<NonNullable<ConstructorParameters<typeof OpenAI>[0]>["fetch"]>();
    expectTypeOf<Fetch>().toExtend<NonNullable<ConstructorParameters<typeof OpenAI7>[0]>["fetch"]>();
  });

  it("accepts options, a fetch and a client, all of them optional", () => {
    expectTypeOf(createFileCitationsFetch)
      .parameter(0)
      .toEqualTypeOf<main.FileCitationsFetchOptions | undefined>();
    expectTypeOf<main.FileCitationsFetchOptions>().toExtend<main.FileCitationsOptions>();
    expectTypeOf<{ client: Clients; fetch: Fetch }>().toExtend<main.FileCitationsFetchOptions>();
    expectTypeOf<Clients>().toExtend<main.ContainerFilesClient>();
  });
});

describe("resolveFileCitations", () => {
  const { resolveFileCitations } = main;

  it("accepts the files and the annotations of each version", () => {
    expectTypeOf<File5 | File6 | File7>().toExtend<main.ContainerFile>();
    expectTypeOf<Text5 | Text6 | Text7>().toExtend<{ annotations: main.Annotation[] }>();
    expectTypeOf(resolveFileCitations).parameter(0).toEqualTypeOf<string>();
    expectTypeOf(resolveFileCitations).parameter(1).toEqualTypeOf<readonly main.ContainerFile[]>();
    expectTypeOf(resolveFileCitations).parameter(2).toEqualTypeOf<main.ResolveOptions | undefined>();
    expectTypeOf<main.ResolveOptions["indexUnit"]>().toEqualTypeOf<main.IndexUnit | undefined>();
    expectTypeOf<main.IndexUnit>().toEqualTypeOf<"auto" | "code-point" | "utf-16">();
    // @ts-expect-error an uploaded file with a `purpose` is not a container file
    () => resolveFileCitations("", [{ id: "file_1", purpose: "assistants" }]);
  });

  it("returns annotations that each version accepts", () => {
    expectTypeOf(resolveFileCitations).returns.toEqualTypeOf<main.Resolution>();
    expectTypeOf<main.Resolution["annotations"]>().toEqualTypeOf<main.ContainerFileCitation[]>();
    expectTypeOf<main.ContainerFileCitation>().toEqualTypeOf<OpenAI5.Responses.ResponseOutputText.ContainerFileCitation>();
    expectTypeOf<main.ContainerFileCitation>().toEqualTypeOf<OpenAI.Responses.ResponseOutputText.ContainerFileCitation>();
    expectTypeOf<main.ContainerFileCitation>().toEqualTypeOf<OpenAI7.Responses.ResponseOutputText.ContainerFileCitation>();
  });

  it("returns how each mention was matched, or why it was not", () => {
    expectTypeOf<main.Resolution["citations"]>().toEqualTypeOf<main.RecoveredCitation[]>();
    expectTypeOf<main.RecoveredCitation>().toEqualTypeOf<{
      annotation: main.ContainerFileCitation;
      match: main.MatchKind;
      text: string;
      start: number;
      end: number;
    }>();
    expectTypeOf<main.MatchKind>().toEqualTypeOf<
      "path" | "written-differently" | "moved" | "upload" | "filename" | "unmentioned"
    >();
    expectTypeOf<main.Resolution["unresolved"]>().toEqualTypeOf<main.UnresolvedMention[]>();
    expectTypeOf<main.UnresolvedMention>().toEqualTypeOf<{
      text: string;
      start: number;
      end: number;
      reason: main.UnresolvedReason;
      candidates?: main.ContainerFile[];
    }>();
    expectTypeOf<main.UnresolvedReason>().toEqualTypeOf<
      "not-found" | "ambiguous" | "directory" | "pattern" | "container-unavailable"
    >();
  });
});

describe("repairResponse", () => {
  const { repairResponse } = main;

  it("returns the type of response that it gets, and a report", () => {
    const source = some<OpenAI>;
    expectTypeOf(() => repairResponse(some<Response5>(), source())).returns.resolves.toEqualTypeOf<{
      response: Response5;
      report: main.Report;
    }>();
    expectTypeOf(() => repairResponse(some<Response6>(), source())).returns.resolves.toEqualTypeOf<{
      response: Response6;
      report: main.Report;
    }>();
    expectTypeOf(() => repairResponse(some<Response7>(), source())).returns.resolves.toEqualTypeOf<{
      response: Response7;
      report: main.Report;
    }>();
    expectTypeOf(() => repairResponse(some<ParsedResponse<{ total: number }>>(), source()))
      .returns.resolves.toHaveProperty("response")
      .toEqualTypeOf<ParsedResponse<{ total: number }>>();
    // @ts-expect-error a string is not a response
    () => repairResponse("text", source());
  });

  it("accepts files, functions and clients as a source", () => {
    expectTypeOf(repairResponse).parameter(1).toEqualTypeOf<main.FileSource>();
    expectTypeOf<Clients>().toExtend<main.FileSource>();
    expectTypeOf<(File5 | File6 | File7)[]>().toExtend<main.FileSource>();
    expectTypeOf<(containerId: string) => main.ContainerFile[]>().toExtend<main.FileSource>();
    expectTypeOf<main.FileSourceFunction>().parameter(1).toEqualTypeOf<{ signal: AbortSignal }>();
    expectTypeOf<() => Promise<File6[]>>().toExtend<main.FileSourceFunction>();
  });

  it("accepts a request and a signal in addition to the options", () => {
    expectTypeOf(repairResponse).parameter(2).toEqualTypeOf<main.RepairOptions | undefined>();
    expectTypeOf<main.RepairOptions>().toExtend<main.FileCitationsOptions>();
    type Request =
      | OpenAI5.Responses.ResponseCreateParams
      | OpenAI.Responses.ResponseCreateParams
      | OpenAI7.Responses.ResponseCreateParams;
    expectTypeOf<{ request: Request; signal: AbortSignal }>().toExtend<main.RepairOptions>();
  });
});

describe("a report", () => {
  it("has the outcome of a response", () => {
    expectTypeOf<main.Report["outcome"]>().toEqualTypeOf<
      "nothing-to-do" | "recovered" | "unchanged" | "failed"
    >();
    expectTypeOf<main.Report["unresolved"][number]>().toExtend<main.PartPosition & main.UnresolvedMention>();
    expectTypeOf<main.PartPosition>().toEqualTypeOf<{ outputIndex: number; contentIndex: number }>();
    expectTypeOf<main.Report["error"]>().toEqualTypeOf<Error | undefined>();
    expectTypeOf<main.FileCitationsOptions["onReport"]>().toEqualTypeOf<
      ((report: main.Report) => void) | undefined
    >();
  });

  it("has the origin of each citation, and how it matched if it was recovered", () => {
    expectTypeOf<main.Report["citations"][number]>().toEqualTypeOf<main.ReportedCitation>();
    type Recovered = Extract<main.ReportedCitation, { origin: "recovered" }>;
    expectTypeOf<Recovered["match"]>().toEqualTypeOf<main.MatchKind>();
    expectTypeOf<Extract<main.ReportedCitation, { origin: "api" }>>().not.toHaveProperty("match");
  });

  it("is attached to the error that is thrown", () => {
    expectTypeOf<main.FileCitationsError>().toExtend<Error>();
    expectTypeOf<main.FileCitationsError["report"]>().toEqualTypeOf<main.Report>();
  });
});

describe("repairResponseStream", () => {
  const { repairResponseStream } = main;

  it("yields the events of each version's stream", () => {
    const source = some<main.FileSource>;
    expectTypeOf(() => repairResponseStream(some<Stream5<Event5>>(), source())).returns.toEqualTypeOf<
      AsyncGenerator<Event5, void, undefined>
    >();
    expectTypeOf(() => repairResponseStream(some<Stream<Event6>>(), source())).returns.toEqualTypeOf<
      AsyncGenerator<Event6, void, undefined>
    >();
    expectTypeOf(() => repairResponseStream(some<Stream7<Event7>>(), source())).returns.toEqualTypeOf<
      AsyncGenerator<Event7, void, undefined>
    >();
    expectTypeOf(() => repairResponseStream(some<Event6[]>(), source())).returns.toEqualTypeOf<
      AsyncGenerator<Event6, void, undefined>
    >();
    // @ts-expect-error a response is not a stream
    () => repairResponseStream(some<Response6>(), source());
  });
});

describe("addLinkInstruction", () => {
  const { addLinkInstruction } = main;

  it("returns the type of request that it gets", () => {
    type Streaming5 = OpenAI5.Responses.ResponseCreateParamsStreaming;
    type Streaming = OpenAI.Responses.ResponseCreateParamsStreaming;
    type Plain7 = OpenAI7.Responses.ResponseCreateParamsNonStreaming;
    expectTypeOf(() => addLinkInstruction(some<Streaming5>())).returns.toEqualTypeOf<Streaming5>();
    expectTypeOf(() => addLinkInstruction(some<Streaming>())).returns.toEqualTypeOf<Streaming>();
    expectTypeOf(() => addLinkInstruction(some<Plain7>())).returns.toEqualTypeOf<Plain7>();
    expectTypeOf(() => addLinkInstruction({ model: "gpt-5", input: "…" })).returns.toEqualTypeOf<{
      model: string;
      input: string;
    }>();
    // @ts-expect-error a prompt is not a request
    () => addLinkInstruction("a prompt");
  });

  it("accepts a custom sentence and its placement", () => {
    expectTypeOf<main.FileCitationsOptions["instruction"]>().toEqualTypeOf<
      boolean | string | main.Instruction | undefined
    >();
    expectTypeOf<main.Instruction["placement"]>().toEqualTypeOf<
      "last-user-message" | "instructions" | undefined
    >();
  });
});

describe("replaceFileLinks", () => {
  const { replaceFileLinks } = main;

  it("returns a string for URLs, and a promise for promises of URLs", () => {
    const { annotations } = {} as Text6;
    expectTypeOf(() =>
      replaceFileLinks("", annotations, ({ file_id }) => `/${file_id}`),
    ).returns.toEqualTypeOf<string>();
    expectTypeOf(() => replaceFileLinks("", annotations, async () => "/")).returns.toEqualTypeOf<
      string | Promise<string>
    >();
    expectTypeOf<main.LinkUrl>().toEqualTypeOf<string | null | undefined>();
    // @ts-expect-error a number is not a URL
    () => replaceFileLinks("", annotations, () => 7);
  });

  it("accepts each version's annotations, and a report's unresolved mentions", () => {
    expectTypeOf<Text5["annotations"] | Text6["annotations"] | Text7["annotations"]>().toExtend<
      Parameters<typeof replaceFileLinks>[1]
    >();
    expectTypeOf(replaceFileLinks).parameter(3).toEqualTypeOf<main.ReplaceOptions | undefined>();
    expectTypeOf<main.Report["unresolved"]>().toExtend<main.ReplaceOptions["unresolved"]>();
  });
});

describe("collectFiles and saveFiles", () => {
  const { collectFiles, saveFiles } = main;

  it("collect from each version's response", () => {
    expectTypeOf<Response5 | Response6 | Response7>().toExtend<Parameters<typeof collectFiles>[0]>();
    expectTypeOf(collectFiles).returns.toEqualTypeOf<main.CollectedFile[]>();
    expectTypeOf<main.CollectedFile>().toEqualTypeOf<main.CitedFile | main.GeneratedImage | main.CodeImage>();
    expectTypeOf<Extract<main.CollectedFile, { kind: "container-file" }>>().toEqualTypeOf<main.CitedFile>();
  });

  it("save with each version's client, and return what the sink returned", () => {
    expectTypeOf<Clients>().toExtend<main.ContainerContentClient>();
    const toRow: main.Sink<{ row: number }> = async () => ({ row: 1 });
    expectTypeOf(() => saveFiles(some<OpenAI7>(), some<Response7>(), toRow)).returns.resolves.toEqualTypeOf<
      main.SaveResult<{ row: number }>
    >();
    expectTypeOf(() => saveFiles(some<OpenAI5>(), some<Response5>(), async () => "s3://…"))
      .returns.resolves.toHaveProperty("saved")
      .toEqualTypeOf<main.SavedFile<string>[]>();
    expectTypeOf<main.SaveResult<string>["failed"]>().toEqualTypeOf<main.FailedFile[]>();
    expectTypeOf<main.FailedFile>().toEqualTypeOf<{ file: main.CollectedFile; error: Error }>();
    expectTypeOf<{ concurrency: 2; maxBytes: 10; signal: AbortSignal }>().toExtend<main.SaveOptions>();
    // @ts-expect-error a path is not a sink; `directory` returns a sink
    () => saveFiles(some<OpenAI>(), some<Response6>(), "downloads");
  });

  it("save into a folder with directory", () => {
    expectTypeOf(node.directory).returns.toEqualTypeOf<main.Sink<string>>();
    expectTypeOf(node.directory).parameter(0).toEqualTypeOf<string>();
    expectTypeOf<{ overwrite: true }>().toExtend<Parameters<typeof node.directory>[1]>();
  });

  it("save into a store, and return its keys", () => {
    expectTypeOf(() =>
      saveFiles(some<OpenAI7>(), some<Response7>(), some<main.FileStore>()),
    ).returns.resolves.toEqualTypeOf<main.SaveResult<string>>();
    expectTypeOf(node.directoryStore).toEqualTypeOf<(path: string) => node.FileStore>();
    expectTypeOf<main.FileStore>().toEqualTypeOf<node.FileStore>();
    expectTypeOf<main.FileStore>().toEqualTypeOf<route.FileStore>();
    expectTypeOf<main.FileStore>().toEqualTypeOf<webhook.FileStore>();
    expectTypeOf<main.FileStore["put"]>().toEqualTypeOf<
      (key: string, file: main.StoredFile, stream: ReadableStream<Uint8Array>) => Promise<void>
    >();
    expectTypeOf<main.FileStore["get"]>().returns.resolves.toEqualTypeOf<route.FoundFile | undefined>();
    expectTypeOf<main.FoundFile["file"]>().toEqualTypeOf<route.StoredFile>();
    expectTypeOf<node.StoredFile>().toEqualTypeOf<webhook.StoredFile>();
    expectTypeOf<node.FoundFile>().toEqualTypeOf<webhook.FoundFile>();
    expectTypeOf<main.FoundFile["stream"]>().toEqualTypeOf<
      (range?: { start: number; end: number }) => ReadableStream<Uint8Array>
    >();
  });
});

describe("createFileRoute", () => {
  const { createFileRoute } = route;

  it("accepts each version's client and a secret", () => {
    expectTypeOf<Clients>().toExtend<route.ContainerContentClient>();
    expectTypeOf(createFileRoute).parameter(1).toEqualTypeOf<route.FileRouteOptions>();
    expectTypeOf<{ secret: Uint8Array[]; basePath: "/files" }>().toExtend<route.FileRouteOptions>();
    expectTypeOf<{ secret: string; store: main.FileStore }>().toExtend<route.FileRouteOptions>();
    expectTypeOf<route.FileRoute["keep"]>().toEqualTypeOf<() => Promise<void>>();
    // @ts-expect-error the secret is required
    () => createFileRoute(some<OpenAI>(), {});
  });

  it("answers requests, and returns links for every type of file", () => {
    expectTypeOf(createFileRoute).returns.toEqualTypeOf<route.FileRoute>();
    expectTypeOf<route.FileRoute["handler"]>().toEqualTypeOf<(request: Request) => Promise<Response>>();
    expectTypeOf<main.ContainerFileCitation | main.CitedFile | main.ContainerFile>().toExtend<
      Parameters<route.FileRoute["urlFor"]>[0]
    >();
    expectTypeOf<Text6["annotations"][number] & { type: "container_file_citation" }>().toExtend<
      Parameters<route.FileRoute["urlFor"]>[0]
    >();
    // @ts-expect-error an image in a response has no link, as the bytes of the image are in the response
    () => some<route.FileRoute>().urlFor(some<main.GeneratedImage>());
  });
});

describe("createWebhookHandler", () => {
  const { createWebhookHandler } = webhook;

  it("accepts each version's client, and passes its type of response to onResponse", () => {
    expectTypeOf<Clients>().toExtend<webhook.WebhookClient>();
    expectTypeOf<webhook.ResponseOf<OpenAI5>>().toExtend<Response5>();
    expectTypeOf<webhook.ResponseOf<OpenAI>>().toExtend<Response6>();
    expectTypeOf<webhook.ResponseOf<OpenAI7>>().toExtend<Response7>();
    expectTypeOf<webhook.ResponseOf<AzureOpenAI>>().toExtend<Response6>();
    // @ts-expect-error a delivery has a response, not a stream
    expectTypeOf<Stream<Event6>>().toExtend<webhook.ResponseOf<OpenAI>>();
    expectTypeOf<webhook.WebhookOptions<Response7>["onResponse"]>().parameters.toEqualTypeOf<
      [response: Response7, report: main.Report, deliveryId: string]
    >();
    const onResponse = ({ output_text }: Response7) => output_text;
    expectTypeOf(() => createWebhookHandler(some<OpenAI7>(), { onResponse })).returns.toEqualTypeOf<
      (request: Request) => Promise<Response>
    >();
    // @ts-expect-error the request has been sent already, so there is no instruction
    () => createWebhookHandler(some<OpenAI>(), { onResponse: () => {}, instruction: true });
  });

  it("accepts a store of deliveries, synchronous or not, and none of the removed options", () => {
    type Claim = "new" | "busy" | "done";
    const rest = { done: () => {}, release: async () => true };
    expectTypeOf<webhook.WebhookOptions<Response6>["deliveries"]>().toEqualTypeOf<
      webhook.WebhookDeliveries | undefined
    >();
    expectTypeOf({
      ...rest,
      claim: (id: string): Claim => (id ? "new" : "busy"),
    }).toExtend<webhook.WebhookDeliveries>();
    expectTypeOf({
      ...rest,
      claim: async (): Promise<Claim> => "done",
    }).toExtend<webhook.WebhookDeliveries>();
    // @ts-expect-error `claim` must return a string such as "new", not a boolean
    expectTypeOf({ ...rest, claim: () => true }).toExtend<webhook.WebhookDeliveries>();
    // @ts-expect-error this option was removed
    () => createWebhookHandler(some<OpenAI>(), { onResponse: () => {}, alreadySeen: () => false });
  });
});

describe("the emulator", () => {
  it("has a fetch and a base URL for every version's client", () => {
    expectTypeOf(testing.createResponsesEmulator).returns.toEqualTypeOf<testing.ResponsesEmulator>();
    expectTypeOf(testing.createResponsesEmulator)
      .parameter(0)
      .toEqualTypeOf<testing.EmulatorOptions | undefined>();
    expectTypeOf<testing.ResponsesEmulator["fetch"]>().toEqualTypeOf<Fetch>();
    expectTypeOf<testing.ResponsesEmulator["listen"]>().toEqualTypeOf<
      (options?: testing.ListenOptions) => Promise<testing.ListeningServer>
    >();
    expectTypeOf<testing.ListeningServer["baseURL"]>().toEqualTypeOf<string>();
  });

  it("has requests, containers and files", () => {
    type Emulator = testing.ResponsesEmulator;
    expectTypeOf<Emulator["requests"]>().toEqualTypeOf<readonly testing.RecordedRequest[]>();
    expectTypeOf<Emulator["containers"]>().toEqualTypeOf<ReadonlyMap<string, testing.EmulatedContainer>>();
    expectTypeOf<testing.EmulatedContainer["files"]>().toEqualTypeOf<readonly testing.EmulatedFile[]>();
    expectTypeOf<Emulator["createContainer"]>().toEqualTypeOf<
      (options?: testing.CreateContainerOptions) => testing.EmulatedContainer
    >();
    expectTypeOf<testing.FileContent>().toEqualTypeOf<string | Uint8Array>();
    expectTypeOf<NonNullable<testing.EmulatorOptions["beforeEvent"]>>()
      .parameter(0)
      .toEqualTypeOf<testing.StreamEvent>();
  });

  it("accepts custom and predefined scripts", () => {
    type Models =
      | typeof testing.chartModel
      | typeof testing.compliantModel
      | typeof testing.structuredModel
      | typeof testing.stubbornModel
      | typeof testing.twoContainersModel
      | typeof testing.twoFilesModel;
    expectTypeOf<ReturnType<Models>>().toEqualTypeOf<testing.Script>();
    expectTypeOf<Models>().toExtend<(options?: testing.ModelOptions) => testing.Script>();
    expectTypeOf<Parameters<testing.Script>>().toEqualTypeOf<[request: testing.ScriptRequest]>();
    expectTypeOf<testing.ScriptRequest["previous"]>().toEqualTypeOf<readonly testing.PreviousTurn[]>();
    expectTypeOf<() => [{ type: "message"; text: "…" }]>().toExtend<testing.Script>();
  });

  it("accepts every type of step", () => {
    expectTypeOf<testing.Step>().toEqualTypeOf<
      | testing.ReasoningStep
      | testing.PythonStep
      | testing.ShellStep
      | testing.MessageStep
      | testing.RefusalStep
      | testing.ImageStep
      | testing.MultiAgentCallStep
      | testing.FailStep
      | testing.IncompleteStep
    >();
    expectTypeOf<testing.EmulatorOptions["gateway"]>().toEqualTypeOf<testing.GatewayOptions | undefined>();
    expectTypeOf<"litellm" | "openrouter" | ((id: string) => string)>().toExtend<
      testing.GatewayOptions["ids"]
    >();
    expectTypeOf<401 | 429 | 503>().toExtend<testing.ListFault>();
    expectTypeOf<200>().not.toExtend<testing.ListFault>();
    expectTypeOf<testing.PythonStep | testing.ShellStep>().toExtend<testing.ContainerStep>();
    expectTypeOf<
      Exclude<testing.Step, testing.FailStep | testing.IncompleteStep>
    >().toExtend<testing.AgentStep>();
    expectTypeOf<testing.MessageStep["text"]>().toEqualTypeOf<string | readonly testing.TextPart[]>();
    expectTypeOf<testing.TextPart["chunks"]>().toEqualTypeOf<testing.Chunks | undefined>();
  });
});

/** Returns the exported names of a module, including those of modules that it re-exports with `*`. */
async function namesOf(path: string): Promise<string[]> {
  const url = new URL(`../src/${path}`, import.meta.url);
  const text = (await readFile(url, "utf8")).replaceAll(/\/\*.*?\*\//gs, "");
  const lists = [...text.matchAll(/^export (?:type )?\{([^}]*)\}/gms)].flatMap(([, list]) =>
    list!.split(","),
  );
  const listed = lists.map((name) => name.trim().split(" ").at(-1)!).filter((name) => name !== "");
  const own = [...text.matchAll(/^export (?:interface|type|class|function|const) (\w+)/gm)].map(
    ([, name]) => name!,
  );
  const all = [...text.matchAll(/^export (?:type )?\* from "\.\/([^"]+)\.js"/gm)];
  const reExported = await Promise.all(all.map(([, other]) => namesOf(`${other}.ts`)));
  return [...listed, ...own, ...reExported.flat()];
}

it.each([
  ["main", "index.ts"],
  ["node", "node.ts"],
  ["route", "files/route.ts"],
  ["webhook", "webhook.ts"],
  ["testing", "testing/index.ts"],
])("each public name of %s has a type test", async (module, path) => {
  const text = await readFile(new URL(import.meta.url), "utf8");
  const names = await namesOf(path);
  expect(names.length).toBeGreaterThan(0);
  const isTested = (name: string): boolean =>
    new RegExp(`\\b${module}\\.${name}\\b|\\{[^}]*\\b${name}\\b[^}]*\\} = ${module};`).test(text);
  expect(names.filter((name) => !isTested(name))).toEqual([]);
});
