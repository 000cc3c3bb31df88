/**
 * What the compiler knows of every public name, with openai 5, 6 and 7. `npm run typecheck` is what checks it: nothing
 * in here is ever called. Only the last test does something: it finds a name that was forgotten. Long, as no public name
 * is left out.
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

/** A value of a type, in what is never called. */
function some<Type>(): Type {
  throw new Error("nothing in here is called");
}

describe("withFileCitations", () => {
  const { withFileCitations } = main;

  it("returns the very type that it was given, in each version", () => {
    expectTypeOf(() => withFileCitations(some<OpenAI5>())).returns.toEqualTypeOf<OpenAI5>();
    expectTypeOf(() => withFileCitations(some<OpenAI>())).returns.toEqualTypeOf<OpenAI>();
    expectTypeOf(() => withFileCitations(some<OpenAI7>())).returns.toEqualTypeOf<OpenAI7>();
    expectTypeOf(() => withFileCitations(some<AzureOpenAI5>())).returns.toEqualTypeOf<AzureOpenAI5>();
    expectTypeOf(() => withFileCitations(some<AzureOpenAI>())).returns.toEqualTypeOf<AzureOpenAI>();
    expectTypeOf(() => withFileCitations(some<AzureOpenAI7>())).returns.toEqualTypeOf<AzureOpenAI7>();
  });

  it("also where that is a class of your own", () => {
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

  it("takes a client and its options, and nothing else", () => {
    expectTypeOf<Clients>().toExtend<main.OpenAIClient>();
    expectTypeOf(withFileCitations).parameter(1).toEqualTypeOf<main.FileCitationsOptions | undefined>();
    // @ts-expect-error a response is no client
    () => withFileCitations(some<Response6>());
    // @ts-expect-error there is no such option
    () => withFileCitations(some<OpenAI>(), { timeout: 5000 });
    // @ts-expect-error a time is a number
    () => withFileCitations(some<OpenAI>(), { timeoutMs: "5 s" });
  });
});

describe("createFileCitationsFetch", () => {
  const { createFileCitationsFetch } = main;

  it("is a fetch, for every version's client", () => {
    expectTypeOf(createFileCitationsFetch).returns.toEqualTypeOf<Fetch>();
    expectTypeOf<Fetch>().toExtend<NonNullable<ConstructorParameters<typeof OpenAI5>[0]>["fetch"]>();
    expectTypeOf<Fetch>().toExtend<NonNullable<ConstructorParameters<typeof OpenAI>[0]>["fetch"]>();
    expectTypeOf<Fetch>().toExtend<NonNullable<ConstructorParameters<typeof OpenAI7>[0]>["fetch"]>();
  });

  it("takes the options, a fetch and a client, all of them optional", () => {
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

  it("takes the files that each version lists, and the annotations that it reads", () => {
    expectTypeOf<File5 | File6 | File7>().toExtend<main.ContainerFile>();
    expectTypeOf<Text5 | Text6 | Text7>().toExtend<{ annotations: main.Annotation[] }>();
    expectTypeOf(resolveFileCitations).parameter(0).toEqualTypeOf<string>();
    expectTypeOf(resolveFileCitations).parameter(1).toEqualTypeOf<readonly main.ContainerFile[]>();
    expectTypeOf(resolveFileCitations).parameter(2).toEqualTypeOf<main.ResolveOptions | undefined>();
    expectTypeOf<main.ResolveOptions["indexUnit"]>().toEqualTypeOf<main.IndexUnit | undefined>();
    expectTypeOf<main.IndexUnit>().toEqualTypeOf<"auto" | "code-point" | "utf-16">();
    // @ts-expect-error an upload's `purpose` makes no container file
    () => resolveFileCitations("", [{ id: "file_1", purpose: "assistants" }]);
  });

  it("gives annotations that each version takes for its own", () => {
    expectTypeOf(resolveFileCitations).returns.toEqualTypeOf<main.Resolution>();
    expectTypeOf<main.Resolution["annotations"]>().toEqualTypeOf<main.ContainerFileCitation[]>();
    expectTypeOf<main.ContainerFileCitation>().toEqualTypeOf<OpenAI5.Responses.ResponseOutputText.ContainerFileCitation>();
    expectTypeOf<main.ContainerFileCitation>().toEqualTypeOf<OpenAI.Responses.ResponseOutputText.ContainerFileCitation>();
    expectTypeOf<main.ContainerFileCitation>().toEqualTypeOf<OpenAI7.Responses.ResponseOutputText.ContainerFileCitation>();
  });

  it("and says how each mention was matched, or why it was not", () => {
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

  it("gives back the very type of response, and a report", () => {
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
    // @ts-expect-error a text is no response
    () => repairResponse("text", source());
  });

  it("takes files, functions and clients as a source", () => {
    expectTypeOf(repairResponse).parameter(1).toEqualTypeOf<main.FileSource>();
    expectTypeOf<Clients>().toExtend<main.FileSource>();
    expectTypeOf<(File5 | File6 | File7)[]>().toExtend<main.FileSource>();
    expectTypeOf<(containerId: string) => main.ContainerFile[]>().toExtend<main.FileSource>();
    expectTypeOf<main.FileSourceFunction>().parameter(1).toEqualTypeOf<{ signal: AbortSignal }>();
    expectTypeOf<() => Promise<File6[]>>().toExtend<main.FileSourceFunction>();
  });

  it("takes the request and a signal beside the options", () => {
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
  it("tells what became of a response", () => {
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

  it("and of each citation whose it is: only a recovered one says how it matched", () => {
    expectTypeOf<main.Report["citations"][number]>().toEqualTypeOf<main.ReportedCitation>();
    type Recovered = Extract<main.ReportedCitation, { origin: "recovered" }>;
    expectTypeOf<Recovered["match"]>().toEqualTypeOf<main.MatchKind>();
    expectTypeOf<Extract<main.ReportedCitation, { origin: "api" }>>().not.toHaveProperty("match");
  });

  it("comes with the error, where one is thrown", () => {
    expectTypeOf<main.FileCitationsError>().toExtend<Error>();
    expectTypeOf<main.FileCitationsError["report"]>().toEqualTypeOf<main.Report>();
  });
});

describe("repairResponseStream", () => {
  const { repairResponseStream } = main;

  it("gives the very events of each version's stream", () => {
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
    // @ts-expect-error a response is no stream
    () => repairResponseStream(some<Response6>(), source());
  });
});

describe("addLinkInstruction", () => {
  const { addLinkInstruction } = main;

  it("gives back the very type of request", () => {
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
    // @ts-expect-error a prompt is no request
    () => addLinkInstruction("a prompt");
  });

  it("takes a sentence of yours, and its place", () => {
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

  it("gives a text at once for URLs, and later for promises of them", () => {
    const { annotations } = {} as Text6;
    expectTypeOf(() =>
      replaceFileLinks("", annotations, ({ file_id }) => `/${file_id}`),
    ).returns.toEqualTypeOf<string>();
    expectTypeOf(() => replaceFileLinks("", annotations, async () => "/")).returns.toEqualTypeOf<
      string | Promise<string>
    >();
    expectTypeOf<main.LinkUrl>().toEqualTypeOf<string | null | undefined>();
    // @ts-expect-error a number is no URL
    () => replaceFileLinks("", annotations, () => 7);
  });

  it("takes each version's annotations, and what stays unresolved in a report", () => {
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

  it("save through each version's client, and say what the sink said", () => {
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
    // @ts-expect-error a folder's path is no sink; `directory` makes one of it
    () => saveFiles(some<OpenAI>(), some<Response6>(), "downloads");
  });

  it("into a folder, by directory", () => {
    expectTypeOf(node.directory).returns.toEqualTypeOf<main.Sink<string>>();
    expectTypeOf(node.directory).parameter(0).toEqualTypeOf<string>();
    expectTypeOf<{ overwrite: true }>().toExtend<Parameters<typeof node.directory>[1]>();
  });
});

describe("createFileRoute", () => {
  const { createFileRoute } = route;

  it("takes each version's client and a secret", () => {
    expectTypeOf<Clients>().toExtend<route.ContainerContentClient>();
    expectTypeOf(createFileRoute).parameter(1).toEqualTypeOf<route.FileRouteOptions>();
    expectTypeOf<{ secret: Uint8Array[]; basePath: "/files" }>().toExtend<route.FileRouteOptions>();
    // @ts-expect-error without a secret anybody could make links
    () => createFileRoute(some<OpenAI>(), {});
  });

  it("answers requests, and links what each of the others calls a file", () => {
    expectTypeOf(createFileRoute).returns.toEqualTypeOf<route.FileRoute>();
    expectTypeOf<route.FileRoute["handler"]>().toEqualTypeOf<(request: Request) => Promise<Response>>();
    expectTypeOf<main.ContainerFileCitation | main.CitedFile | main.ContainerFile>().toExtend<
      Parameters<route.FileRoute["urlFor"]>[0]
    >();
    expectTypeOf<Text6["annotations"][number] & { type: "container_file_citation" }>().toExtend<
      Parameters<route.FileRoute["urlFor"]>[0]
    >();
    // @ts-expect-error an image of the response itself has no link: it has its bytes
    () => some<route.FileRoute>().urlFor(some<main.GeneratedImage>());
  });
});

describe("createWebhookHandler", () => {
  const { createWebhookHandler } = webhook;

  it("takes each version's client, and hands over its own responses", () => {
    expectTypeOf<Clients>().toExtend<webhook.WebhookClient>();
    expectTypeOf<webhook.ResponseOf<OpenAI5>>().toExtend<Response5>();
    expectTypeOf<webhook.ResponseOf<OpenAI>>().toExtend<Response6>();
    expectTypeOf<webhook.ResponseOf<OpenAI7>>().toExtend<Response7>();
    expectTypeOf<webhook.ResponseOf<AzureOpenAI>>().toExtend<Response6>();
    // @ts-expect-error it is one response, not a stream of one
    expectTypeOf<Stream<Event6>>().toExtend<webhook.ResponseOf<OpenAI>>();
    expectTypeOf<webhook.WebhookOptions<Response7>["onResponse"]>().parameters.toEqualTypeOf<
      [response: Response7, report: main.Report, deliveryId: string]
    >();
    const onResponse = ({ output_text }: Response7) => output_text;
    expectTypeOf(() => createWebhookHandler(some<OpenAI7>(), { onResponse })).returns.toEqualTypeOf<
      (request: Request) => Promise<Response>
    >();
    // @ts-expect-error the request was made long ago: there is nothing to instruct
    () => createWebhookHandler(some<OpenAI>(), { onResponse: () => {}, instruction: true });
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

  it("shows its requests, containers and files", () => {
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

  it("plays scripts: yours, and those that come with it", () => {
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

  it("in steps", () => {
    expectTypeOf<testing.Step>().toEqualTypeOf<
      | testing.ReasoningStep
      | testing.PythonStep
      | testing.ShellStep
      | testing.MessageStep
      | testing.RefusalStep
      | testing.ImageStep
      | testing.FailStep
      | testing.IncompleteStep
    >();
    expectTypeOf<401 | 429 | 503>().toExtend<testing.ListFault>();
    expectTypeOf<200>().not.toExtend<testing.ListFault>();
    expectTypeOf<testing.PythonStep | testing.ShellStep>().toExtend<testing.ContainerStep>();
    expectTypeOf<testing.MessageStep["text"]>().toEqualTypeOf<string | readonly testing.TextPart[]>();
    expectTypeOf<testing.TextPart["chunks"]>().toEqualTypeOf<testing.Chunks | undefined>();
  });
});

/** What a module and those whose all it exports again give to others: its own list says so. */
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
  const passed = await Promise.all(all.map(([, other]) => namesOf(`${other}.ts`)));
  return [...listed, ...own, ...passed.flat()];
}

it.each([
  ["main", "index.ts"],
  ["node", "node.ts"],
  ["route", "files/route.ts"],
  ["webhook", "webhook.ts"],
  ["testing", "testing/index.ts"],
])("each public name of %s is in here", async (module, path) => {
  const text = await readFile(new URL(import.meta.url), "utf8");
  const names = await namesOf(path);
  expect(names.length).toBeGreaterThan(0);
  const isTold = (name: string): boolean =>
    new RegExp(`\\b${module}\\.${name}\\b|\\{[^}]*\\b${name}\\b[^}]*\\} = ${module};`).test(text);
  expect(names.filter((name) => !isTold(name))).toEqual([]);
});
