/** Tests that wrong options and arguments throw a `TypeError` that names the option or the argument. */
import { describe, expect, it } from "vitest";
import {
  addLinkInstruction,
  createFileCitationsFetch,
  repairResponse,
  repairResponseStream,
} from "../src/index.js";
import { BASE, call, json, message, response } from "./upstream.js";

describe("a wrong option throws a TypeError with its name, its value and what is accepted", () => {
  it.each([
    [
      { timeoutMs: "5s" },
      'options.timeoutMs must be a number of milliseconds above 0, 2147483647 at most, got "5s"',
    ],
    [
      { timeoutMs: 0 },
      "options.timeoutMs must be a number of milliseconds above 0, 2147483647 at most, got 0",
    ],
    [
      { timeoutMs: 1e12 },
      "options.timeoutMs must be a number of milliseconds above 0, 2147483647 at most, got 1000000000000",
    ],
    [
      { timeoutMs: Number.NaN },
      "options.timeoutMs must be a number of milliseconds above 0, 2147483647 at most, got NaN",
    ],
    [{ retries: 1.5 }, "options.retries must be an integer from 0 to 100, got 1.5"],
    [{ retries: -1 }, "options.retries must be an integer from 0 to 100, got -1"],
    [{ unmentioned: "drop" }, 'options.unmentioned must be "report", "cite" or a function, got "drop"'],
    [{ unmentioned: /\.docx$/ }, 'options.unmentioned must be "report", "cite" or a function, got {}'],
    [{ unmentioned: true }, 'options.unmentioned must be "report", "cite" or a function, got true'],
    [{ indexUnit: "bytes" }, 'options.indexUnit must be "auto", "code-point" or "utf-16", got "bytes"'],
    [{ onFailure: null }, 'options.onFailure must be "pass-through" or "throw", got null'],
    [
      { timeoutMs: () => 5000 },
      "options.timeoutMs must be a number of milliseconds above 0, 2147483647 at most, got a function",
    ],
    [
      { unmentioned: "x".repeat(61) },
      `options.unmentioned must be "report", "cite" or a function, got "${"x".repeat(60)}…"`,
    ],
    [{ onReport: console }, /^options\.onReport must be a function, got an object with /],
    [{ includeOutputs: 1 }, "options.includeOutputs must be a boolean, got 1"],
    [{ instruction: "" }, 'options.instruction must be a sentence that is not empty, got ""'],
    [{ instruction: { txt: "x" } }, "options.instruction has no property txt; it accepts text, placement"],
    [null, "options must be an object, got null"],
    [5, "options must be an object, got 5"],
    [[], "options must be an object, got an array of 0"],
    [{ instruction: 7 }, "options.instruction must be a boolean, a sentence, or { text, placement }, got 7"],
    [
      { instruction: { placement: "system" } },
      "options.instruction must be a boolean, a sentence, or { text, placement }, got an object with placement",
    ],
    [{ roots: "/mnt/data" }, 'options.roots must be an array of absolute paths, got "/mnt/data"'],
    [
      { roots: ["mnt/data"] },
      'options.roots.0 must be an absolute path without a slash at the end, got "mnt/data"',
    ],
    [{ roots: [] }, "options.roots must be an array of at least one absolute path, got an array of 0"],
    [{ timeout: 5 }, /^options has no property timeout; it accepts instruction, includeOutputs, /],
    [{ fetch: "x" }, 'options.fetch must be a fetch function, got "x"'],
    [{ client: {} }, "options.client must be an OpenAI client, with containers.files.list, got {}"],
  ])("%j", (options, message) => {
    expect(() => createFileCitationsFetch(options as never)).toThrow(TypeError);
    expect(() => createFileCitationsFetch(options as never)).toThrow(message);
  });

  it.each([
    [7, "options must be an object, got 7"],
    [null, "options must be an object, got null"],
    [["timeoutMs"], "options must be an object, got an array of 1"],
  ])("%j instead of options", (options, message) => {
    expect(() => addLinkInstruction({}, options as never)).toThrow(new TypeError(message));
  });

  it("but undefined is accepted for every option", () => {
    expect(() =>
      createFileCitationsFetch({
        instruction: undefined,
        includeOutputs: undefined,
        unmentioned: undefined,
        indexUnit: undefined,
        roots: undefined,
        timeoutMs: undefined,
        retries: undefined,
        onFailure: undefined,
        onReport: undefined,
      }),
    ).not.toThrow();
  });
});

describe("options.links", () => {
  const toUrl = (): string => "/files/1";
  const onMissing = (): string => "(gone)";
  const originals = async () => [];
  const accepted = "a function that takes a citation, { toUrl, onMissing, originals }, or a file route";

  it.each([
    [toUrl],
    [{ toUrl }],
    [{ toUrl, onMissing }],
    [{ toUrl, originals, onMissing }],
    [{ toUrl, originals: undefined, onMissing: undefined }],
    [{ urlFor: toUrl, toUrl, originals, restore: originals, keep: originals, handler: originals }],
  ])("accepts %j", (links) => {
    expect(() => createFileCitationsFetch({ links })).not.toThrow();
  });

  it.each([
    [{ toUrl, originals: "x" }, "an object with toUrl, originals"],
    [{ toUrl, onMissing: "(gone)" }, "an object with toUrl, onMissing"],
    [{ toUrl, onmissing: () => "x" }, "an object with toUrl, onmissing"],
    [{ originals }, "an object with originals"],
    ["/files", '"/files"'],
  ])("refuses %j", (links, got) => {
    expect(() => createFileCitationsFetch({ links: links as never })).toThrow(
      new TypeError(`options.links must be ${accepted}, got ${got}`),
    );
  });

  it("with notes and a route's originals, writes notes and restores the input", async () => {
    const bodies: string[] = [];
    const repairing: typeof fetch = createFileCitationsFetch({
      instruction: false,
      fetch: async (_, init): Promise<Response> => {
        bodies.push(String(init?.body));
        return json(response([call(), message("See sandbox:/mnt/data/no.csv")]));
      },
      client: { containers: { files: { list: async () => ({ data: [] }) } } } as never,
      retries: 0,
      links: {
        toUrl,
        onMissing,
        originals: async (text) => {
          const start = text.indexOf("/files/1");
          return start < 0 ? [] : [{ start, end: start + 8, text: "sandbox:/mnt/data/a.csv" }];
        },
      },
    });
    const body = JSON.stringify({ input: "You said [a](/files/1)" });
    const answer = await repairing(`${BASE}/responses`, { method: "POST", body });
    expect(JSON.stringify(await answer.json())).toContain("See (gone)");
    expect(JSON.parse(bodies[0]!).input).toBe("You said [a](sandbox:/mnt/data/a.csv)");
  });
});

describe("a wrong argument throws a TypeError", () => {
  it.each([
    [undefined, "undefined"],
    ["resp_1", '"resp_1"'],
    [{ id: "resp_1", object: "response" }, "an object with id, object"],
    [{ output: "text" }, "an object with output"],
    [[response([])], "an array of 1"],
  ])("response %j", async (value, shown) => {
    await expect(repairResponse(value as never, [])).rejects.toThrow(
      new TypeError(`response must be a response of the Responses API, with an output array, got ${shown}`),
    );
  });

  it.each([
    [undefined, "undefined"],
    ["events", '"events"'],
    [{ type: "response.created" }, "an object with type"],
  ])("events %j", (value, shown) => {
    expect(() => repairResponseStream(value as never, [])).toThrow(
      new TypeError(`events must be an iterable or async iterable of response events, got ${shown}`),
    );
  });

  it.each([
    [undefined, /^source must be container files, a function .*, got undefined$/],
    ["cntr_1", /^source must be container files, .*, got "cntr_1"$/],
    [["plan.docx"], /^source\[0\] must be a container file \(id, .*\), got "plan.docx"$/],
    [
      [{ id: "cfile_1", path: "/mnt/data/a" }],
      /^source\[0\] must be a container file .*, got an object with id, path$/,
    ],
    [
      [{ id: "cfile_1", path: "/mnt/data/a", source: "assistant", created_at: 1 }],
      /^source\[0\] must be a container file \(id, container_id, .*, got an object with id, path, source, created_at$/,
    ],
  ])("source %j", async (source, message) => {
    await expect(repairResponse(response([]), source as never)).rejects.toThrow(message);
    await expect(repairResponse(response([]), source as never)).rejects.toThrow(TypeError);
    expect(() => repairResponseStream([], source as never)).toThrow(message);
  });
});
