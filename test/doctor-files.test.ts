/** Tests the checks of `doctor` that need Python: Code Interpreter, file list, citation, index unit, download. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { BYTES, PATH } from "../src/cli/doctor/task.js";
import type { EmulatorOptions, Script } from "../src/testing/index.js";
import {
  AZURE,
  answering,
  apiError,
  BARE,
  doctorModel,
  examined,
  FOUNDRY,
  GATEWAY,
  LINK,
  OPENAI,
} from "./examining.js";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
});
afterEach(() => {
  vi.useRealTimers();
});

const containing = (text: string): unknown => expect.stringContaining(text);

describe("Code Interpreter", () => {
  it.each<[string, Script, string, string]>([
    ["writes no code", doctorModel({ runs: false }), "without running Python", "drop the tool"],
    [
      "fails",
      ({ body }) => (body.tools?.length ? [{ type: "fail" }] : [{ type: "message", text: "ok" }]),
      "the response is failed (server_error)",
      "another model",
    ],
    [
      "stops too early",
      ({ body }) => (body.tools?.length ? [{ type: "incomplete" }] : [{ type: "message", text: "ok" }]),
      "the response is incomplete (max_output_tokens)",
      "another model",
    ],
  ])("the model %s", async (_, script, seen, advice) => {
    const { checks, paths } = await examined({ script });
    expect(checks["Code Interpreter"]).toMatchObject({ mark: "failed", seen: containing(seen) });
    expect(checks["Code Interpreter"]!.advice).toContain(advice);
    expect(checks.streaming!.seen).toBe("not checked: no Python ran");
    expect(paths.filter((path) => path.startsWith("POST"))).toHaveLength(2);
  });

  it("the tool is refused", async () => {
    let posts = 0;
    const wrap = answering((route) =>
      route.startsWith("POST") && ++posts === 2 ? apiError(400, "Tool not supported") : undefined,
    );
    const { checks } = await examined({}, { wrap });
    expect(checks["Code Interpreter"]).toMatchObject({
      mark: "failed",
      seen: "the API answered 400: Tool not supported",
      advice: containing("supports Code Interpreter"),
    });
  });
});

describe("the list", () => {
  it.each<[string, string, EmulatorOptions, string, string]>([
    ["401", OPENAI, { listFault: 401 }, "answered 401: Incorrect", "Give it this permission"],
    [
      "403",
      OPENAI,
      { listFault: 403 },
      "answered 403: You have insufficient",
      "repairResponse(response, client)",
    ],
    ["403", AZURE, { listFault: 403 }, "answered 403", "key of the resource"],
    ["403", FOUNDRY, { listFault: 403 }, "answered 403", "Microsoft Entra token"],
    ["403", GATEWAY, { listFault: 403 }, "answered 403", "admin key"],
    ["404", OPENAI, { listFault: 404 }, "answered 404: Container is expired.", "OPENAI_PROJECT_ID"],
    ["404", AZURE, { listFault: 404 }, "answered 404", "another resource or project"],
    ["404", FOUNDRY, { listFault: 404 }, "answered 404", "/api/projects/PROJECT/openai/v1"],
    ["404", GATEWAY, { listFault: 404 }, "answered 404", "does not know the container's id"],
    [
      "no routes",
      OPENAI,
      NO_ROUTES(),
      "has no containers: GET /containers answers 404",
      "https://api.openai.com/v1",
    ],
    ["no routes", AZURE, NO_ROUTES(), "has no containers", "https://RESOURCE.openai.azure.com/openai/v1"],
    ["no routes", FOUNDRY, NO_ROUTES(), "has no containers", "A container belongs to its project"],
    ["no routes", GATEWAY, NO_ROUTES(), "has no containers", "has no container routes"],
    [
      "get-container not supported",
      AZURE,
      { gateway: { containerRoutes: "unsupported" } },
      "get-container not supported",
      "without an api-version",
    ],
    ["HTML", GATEWAY, { listFault: "html" }, "invalid JSON", "has no container routes"],
    ["another shape", GATEWAY, { listFault: "wrong-shape" }, "is not a list", "has no container routes"],
    ["500", OPENAI, { listFault: 500 }, "answered 500", "Run the command again later"],
    ["429", OPENAI, { listFault: 429 }, "answered 429", "Run the command again later"],
  ])("%s at %s", async (_, baseURL, options, seen, advice) => {
    const { checks } = await examined(options, { baseURL });
    expect(checks["file list"]).toMatchObject({ mark: "failed", seen: containing(seen) });
    expect(checks["file list"]!.advice).toContain(advice);
    // The API cited the file itself, so these two checks need no file list.
    expect(checks.citation!.mark).toBe("ok");
    expect(checks["index unit"]!.mark).toBe("ok");
    const hasContainers = !checks["file list"]!.seen.includes("no containers");
    expect(checks.download!.mark).toBe(hasContainers ? "ok" : "skipped");
  });

  function NO_ROUTES(): EmulatorOptions {
    return { gateway: { containerRoutes: "missing" } };
  }

  it("is named in the checks that fail because of it", async () => {
    const script = doctorModel({ text: BARE });
    const { checks } = await examined({ script, listFault: 403 });
    expect(checks.citation).toMatchObject({ mark: "failed", seen: containing("answered 403") });
    expect(checks.download).toMatchObject({ mark: "skipped", seen: containing("not checked") });
    expect(checks.streaming).toMatchObject({ mark: "failed", seen: containing("answered 403") });
  });

  it("lacks the file: the checks of files are skipped", async () => {
    const other = { "/mnt/data/other.txt": BYTES };
    const { checks, paths } = await examined({ script: doctorModel({ text: BARE, files: other }) });
    expect(checks["file list"]).toMatchObject({
      mark: "failed",
      seen: "can be read, but has no doctor 1.txt (1 other file)",
      advice: containing("The model's code wrote no such file"),
    });
    expect(checks.citation!.seen).toBe("not checked: the model wrote no file");
    expect(paths.filter((path) => path.startsWith("POST"))).toHaveLength(2);
  });

  it("lags behind the container", async () => {
    const { checks } = await examined({ listLag: 2 });
    expect(checks["file list"]).toMatchObject({ mark: "ok", seen: `can be read: ${PATH}` });
  });

  it("has other files too", async () => {
    const files = { [PATH]: BYTES, "/mnt/data/a.txt": BYTES };
    const { checks } = await examined({ script: doctorModel({ files }) });
    expect(checks["file list"]!.seen).toBe(`can be read: ${PATH}, and 1 other file`);
  });

  it("has relative paths, as OpenRouter's list has", async () => {
    const { checks } = await examined(
      { gateway: { ids: "openrouter", relativePaths: true } },
      { baseURL: GATEWAY },
    );
    expect(checks["file list"]).toMatchObject({ mark: "warning", advice: containing("roots") });
    expect(checks.download!.mark).toBe("ok");
  });

  it("is read with a gateway's ids", async () => {
    const gateway = { ids: "litellm", nativeIdsInLists: true, emptyPages: 1 } as const;
    const { checks } = await examined({ gateway }, { baseURL: GATEWAY });
    for (const name of ["file list", "citation", "download", "streaming"])
      expect(checks[name]!.mark).toBe("ok");
  });
});

describe("the citation", () => {
  const start = LINK.indexOf("sandbox:");
  const end = start + `sandbox:${PATH}`.length;

  it("is the API's, with the range that the library would have written", async () => {
    const { checks } = await examined();
    expect(checks.citation!.seen).toBe(`the API sent it, at ${start - 1}..${end - 1}, as expected`);
  });

  it("is recovered", async () => {
    const { checks } = await examined({ script: doctorModel({ text: BARE }) });
    expect(checks.citation).toEqual({
      ...{ name: "citation", mark: "ok" },
      seen: `the API sent none; recovered at 2..${2 + PATH.length}: ${PATH}`,
    });
    expect(checks["index unit"]).toMatchObject({ mark: "skipped", seen: containing("sent no range") });
  });

  it("is missing, because the text does not mention the file", async () => {
    const { checks } = await examined({ script: doctorModel({ text: "Done." }) });
    expect(checks.citation).toMatchObject({ mark: "warning", advice: containing('unmentioned: "cite"') });
  });

  it("is missing, because the text names another file", async () => {
    const { checks } = await examined({ script: doctorModel({ text: "📄 /mnt/data/doctor 2.txt" }) });
    expect(checks.citation).toMatchObject({ mark: "failed", seen: containing("not-found") });
    expect(checks.citation!.advice).toContain("docs/troubleshooting.md");
  });

  type Part = { text: string; annotations: object[] };

  /**
   * Returns a wrapper of `fetch`. In plain responses, the wrapper sets the fields of `change` in each citation, and replaces the
   * text if `text` is given.
   */
  const changing =
    (change: object, text?: string) =>
    (fetch: typeof globalThis.fetch): typeof globalThis.fetch =>
    async (input, init) => {
      const answer = await fetch(input, init);
      if (!answer.headers.get("content-type")?.startsWith("application/json")) return answer;
      const body = (await answer.json()) as { output?: { content?: Part[] }[] };
      for (const part of body.output?.at(-1)?.content ?? []) {
        part.annotations = part.annotations.map((citation) => ({ ...citation, ...change }));
        part.text = text ?? part.text;
      }
      return Response.json(body, { status: answer.status });
    };

  it.each<[string, object, string | undefined, string]>([
    ["another range", { start_index: 2 }, undefined, `at 2..${end - 1}; expected ${start - 1}..${end - 1}`],
    ["no place", { start_index: 0, end_index: 0 }, "Done.", "stands for no place"],
    ["a place without a mention", {}, "Done, and a long text after it that has no link", "expected none"],
    ["another file", { file_id: "cfile_other" }, undefined, "but not of the file that the list has"],
  ])("is the API's, with %s", async (_, change, text, seen) => {
    const { checks } = await examined({}, { wrap: changing(change, text) });
    expect(checks.citation).toMatchObject({ mark: "warning", seen: containing(seen) });
    expect(checks.citation!.advice).toBeDefined();
    expect(checks["index unit"]!.mark === "skipped").toBe(seen !== "but not of the file that the list has");
  });
});

describe("the index unit", () => {
  const start = LINK.indexOf("sandbox:");

  it("is code points", async () => {
    const { checks } = await examined();
    expect(checks["index unit"]!.seen).toContain(`code points: the range begins at ${start - 1}`);
  });

  it("is UTF-16", async () => {
    const { checks } = await examined({ indexUnit: "utf-16" });
    expect(checks["index unit"]).toMatchObject({
      mark: "warning",
      advice: containing('indexUnit: "utf-16"'),
    });
    expect(checks["index unit"]!.seen).toContain(`UTF-16 units: the range begins at ${start}`);
    expect(checks.citation!.mark).toBe("ok");
  });

  it("stays unknown if the model wrote no emoji", async () => {
    const { checks } = await examined({ script: doctorModel({ text: LINK.slice("📄 ".length) }) });
    expect(checks["index unit"]).toMatchObject({ mark: "skipped", seen: containing("no 📄") });
  });
});

describe("the download", () => {
  const served = (body: string | Uint8Array<ArrayBuffer>) =>
    answering((route) => (route.endsWith("/content") ? new Response(body) : undefined));
  const asText = new TextDecoder().decode(BYTES);

  it.each([
    ["read as text", asText, "failed", "Python should have written 256"],
    ["cut off", BYTES.slice(0, 100), "failed", "100 bytes"],
    ["changed", BYTES.with(9, 1), "failed", "starting with byte 10"],
  ])("is %s", async (_, body, mark, seen) => {
    const { checks } = await examined({}, { wrap: served(body) });
    expect(checks.download).toMatchObject({
      mark,
      seen: containing(seen),
      advice: containing("changes files"),
    });
  });

  it("is what Python wrote, although Python did not write the requested bytes", async () => {
    const files = { [PATH]: BYTES.slice(0, 3) };
    const { checks } = await examined({ script: doctorModel({ files }) });
    expect(checks.download).toMatchObject({ mark: "warning", seen: containing("the list also says 3") });
  });

  it.each([
    [404, "has expired", "no route for the content"],
    [403, "403", "may not download"],
    [500, "500", "again later"],
  ])("fails with %d", async (status, seen, advice) => {
    const wrap = answering((route) => (route.endsWith("/content") ? apiError(status, "no") : undefined));
    const { checks } = await examined({}, { wrap });
    expect(checks.download).toMatchObject({ mark: "failed", seen: containing(seen) });
    expect(checks.download!.advice).toContain(advice);
    expect(checks.streaming!.mark).toBe("ok");
  });
});

it("rejects if the user interrupts", async () => {
  const interrupted = new AbortController();
  const wrap = answering((route) => {
    if (route.endsWith("/files")) interrupted.abort(new Error("interrupted"));
    return undefined;
  });
  await expect(examined({}, { wrap, signal: interrupted.signal })).rejects.toThrow("interrupted");
});
