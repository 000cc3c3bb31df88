/**
 * Tests how container ids are found in tool outputs: on the output item, in the item's entries, or in the item's JSON. Also tests
 * which files of these containers a text can mean. This file is long because its table has a row for each place of an id.
 */
import { describe, expect, it, vi } from "vitest";
import {
  containersCitedBy,
  containersNamedBy,
  containersOfItems,
  containersOfOutputs,
} from "../src/containers/named-containers.js";
import { type ContainerFile, repairResponse } from "../src/index.js";
import { call, cited, file, message, response } from "./upstream.js";

const ID = "cntr_out/1==";
const output = (value: unknown, type = "function_call_output") => ({
  type,
  call_id: "call_1",
  output: value,
});
const asJson = (value: unknown, type?: string) => output(JSON.stringify(value), type);

const meta = { _meta: { container_id: ID } };
const citations = {
  _meta: { container_file_citations: [{ container_id: ID, file_id: "f", filename: "a" }] },
};

const naming: [string, unknown][] = [
  ["container_id on a function's output", { ...output("done"), container_id: ID }],
  ["container_id on a shell's output", { ...output([], "shell_call_output"), container_id: ID }],
  ["container_id on an output's entry", output([{ stdout: "", container_id: ID }], "shell_call_output")],
  ["container_id on a custom tool's output", { ...output("", "custom_tool_call_output"), container_id: ID }],
  ["container_id on an unknown tool's output", { ...output("", "python_call_output"), container_id: ID }],
  ["container_id on an MCP call", { ...output(null, "mcp_call"), container_id: ID }],
  ["container_id in the JSON", asJson({ container_id: ID })],
  ["_meta of a function's JSON", asJson(meta)],
  ["_meta of an MCP call's JSON", asJson(meta, "mcp_call")],
  ["_meta beside the output", { ...output("text", "mcp_call"), ...meta }],
  ["_meta of an output that is an object", output(meta)],
  ["citations in _meta", asJson({ content: [{ type: "text", text: "a" }], ...citations }, "mcp_call")],
  ["JSON behind white space", output(`\n  ${JSON.stringify(citations)}\n`)],
  ["an array in JSON", asJson([{ type: "text", text: "x" }, meta])],
  ["a text part's JSON", output([{ type: "input_text", text: JSON.stringify(meta) }])],
  ["an output text's JSON", output([{ type: "output_text", text: JSON.stringify(citations) }])],
  [
    "a text part's JSON, in JSON",
    asJson({ content: [{ type: "text", text: JSON.stringify(meta) }] }, "mcp_call"),
  ],
  ["a text part's JSON in an array in JSON", asJson([{ type: "text", text: JSON.stringify(citations) }])],
];

const silent: [string, unknown][] = [
  [
    "an item that is not an output",
    { type: "function_call", arguments: JSON.stringify(meta), container_id: ID },
  ],
  ["a message", { ...message(JSON.stringify(meta)), container_id: ID }],
  ["JSON that is broken", output(`${JSON.stringify(meta)}}`)],
  ["prose around the JSON", output(`Result: ${JSON.stringify(meta)}`)],
  ["JSON of a string", asJson(JSON.stringify(ID))],
  ["a container_id deeper in a tool's own data", asJson({ result: { container_id: ID } })],
  ["what a shell printed", output([{ stdout: JSON.stringify(meta), stderr: "" }], "shell_call_output")],
  ["more than 1 MB of JSON", asJson({ ...meta, more: "x".repeat(2 ** 20) })],
  ["a container_id that is a number", asJson({ container_id: 7, _meta: { container_id: { id: ID } } })],
  ["a container_id with a line feed", asJson({ container_id: `${ID}\n` })],
  [
    "a container_id that is empty or too long",
    asJson([{ container_id: "" }, { container_id: "x".repeat(513) }]),
  ],
  ["_meta that is not an object", asJson({ _meta: null, container_file_citations: 7 })],
  ["nothing", { type: "mcp_call" }],
  ["no item", null],
];

describe("a container is named by", () => {
  it.each(naming)("%s", (_, item) => {
    expect(containersOfOutputs(item)).toEqual([ID]);
    expect(containersCitedBy(item)).toEqual([]);
    expect(containersNamedBy(item)).toEqual([ID]);
  });

  const annotations = [{ container_id: ID }, { container_id: ID }];
  const part = { type: "output_text", text: "a", annotations };

  it.each([
    ["a message", message(part)],
    ["another agent's answer", output([part], "multi_agent_call_output")],
  ])("the citations in %s, without duplicates", (_, item) => {
    expect(containersCitedBy(item)).toEqual([ID]);
    expect(containersOfOutputs(item)).toEqual([]);
    expect(containersNamedBy(item)).toEqual([ID]);
  });
});

describe("no container is named by", () => {
  it.each(silent)("%s", (_, item) => {
    expect(containersOfOutputs(item)).toEqual([]);
    expect(containersNamedBy(item)).toEqual([]);
  });
});

it("JSON without the text container_id is not parsed", () => {
  const parse = vi.spyOn(JSON, "parse");
  const items = [{ rows: [1, 2, 3] }, ["a"], {}].map((value) => asJson(value));
  parse.mockClear();
  for (const item of items) containersOfOutputs(item);
  expect(parse).not.toHaveBeenCalled();
  parse.mockRestore();
});

it("JSON that is nested 100,000 levels deep causes no error", () => {
  const deep = `${"[".repeat(1e5)}{"container_id":"x"}${"]".repeat(1e5)}`;
  expect(containersOfOutputs(output(deep))).toEqual([]);
});

it("containers that outputs name come after those of calls and citations, the last one first", () => {
  const items = [
    asJson({ container_id: "out_1" }),
    call("", "cntr_1"),
    message({ text: "a", annotations: [{ container_id: "cntr_2" }] }),
    asJson({ _meta: { container_id: "out_2" } }, "mcp_call"),
    asJson({ container_id: "cntr_1" }),
  ];
  expect(containersOfItems(items)).toEqual(["cntr_2", "cntr_1", "out_2", "out_1"]);
});

describe("after a call that may have written the path, a tool's file of that path is not cited", () => {
  const tool = { ...output(JSON.stringify(meta), "mcp_call"), id: "mcp_1" };
  const path = "/mnt/data/report.csv";
  const older = file(path, { container_id: ID, created_at: 1_759_000_000 });
  const newer = file(path, { container_id: ID, created_at: 1_760_000_005 });
  it.each([
    ["an older file, a call that names the path", older, `df.to_csv('${path}')`],
    ["a new file, a call that names the path", newer, `df.to_csv('${path}')`],
    ["an older file, a call that builds the path", older, "df.to_csv(out)"],
  ])("%s", async (_, ofTool, code) => {
    await expectUncited([tool, call(code), message(`[it](sandbox:${path})`)], ofTool);
  });

  it.each(["df.to_csv('/mnt/data/report.csv')", "cp /tmp/result '/mnt/data/report.csv'"])(
    "although the API cites a chart of the tool's container from 0 to 0: %s",
    async (code) => {
      const chart = {
        ...{ type: "container_file_citation", container_id: ID, file_id: "cfile_9" },
        ...{ filename: "cfile_9.png", start_index: 0, end_index: 0 },
      };
      const text = { text: `[it](sandbox:${path})`, annotations: [chart] };
      await expectUncited([tool, call(code), message(text)], newer);
      await expectUncited([call(code), message(text)], newer);
    },
  );

  async function expectUncited(items: unknown[], ofTool: ContainerFile): Promise<void> {
    const list = async (id: string) => (id === ID ? [ofTool] : []);
    const { report } = await repairResponse(response(items), list, { retries: 0 });
    expect(report.citations.filter(({ origin }) => origin === "recovered")).toEqual([]);
    expect(report.unresolved.map(({ reason }) => reason)).toEqual(["not-found"]);
  }

  it("a new file, if an earlier call's container has an older file of that path", async () => {
    const items = [
      tool,
      { ...call("df.to_csv('/mnt/data/a.csv')", "cntr_far"), id: "ci_far" },
      { ...call("df.to_csv('/mnt/data/b.csv')", "cntr_near"), id: "ci_near" },
      message(`[it](sandbox:${path})`),
    ];
    const inFar = file(path, { id: "far", container_id: "cntr_far", created_at: 1_759_000_000 });
    const list = async (id: string) => [newer, inFar].filter((one) => one.container_id === id);
    const { report } = await repairResponse(response(items), list, { retries: 0 });
    expect(report.citations).toEqual([]);
    expect(report.unresolved.map(({ reason }) => reason)).toEqual(["ambiguous"]);
  });

  it("but a new file is cited if no call names its path", async () => {
    const items = [tool, call("print(1)"), message(`[it](sandbox:${path})`)];
    const list = async (id: string) => (id === ID ? [newer] : []);
    const { report } = await repairResponse(response(items), list, { retries: 0 });
    expect(report.citations).toHaveLength(1);
  });
});

it.each([
  ["a 0..0 citation", [], { start_index: 0, end_index: 0, container_id: ID }],
  ["a tool's output", [{ ...output(JSON.stringify(meta), "mcp_call"), id: "mcp_1" }], undefined],
])("a second repair cites nothing more in a container that %s names", async (_, before, annotation) => {
  const commands = ["cp /tmp/a.csv /mnt/data/a.csv"];
  const local = { type: "shell_call", id: "sh_1", action: { commands }, environment: { type: "local" } };
  const chart = { type: "container_file_citation", file_id: "chart", filename: "chart", ...annotation };
  const text = {
    text: "[a](sandbox:/mnt/data/a.csv), [b](sandbox:/mnt/data/b.csv)",
    annotations: annotation ? [chart] : [],
  };
  const old = { container_id: ID, created_at: 1_759_000_000 };
  const files = ["a.csv", "b.csv"].map((name) => file(`/mnt/data/${name}`, old));
  const given = response([...before, local, message(text)]);
  const once = (await repairResponse(given, () => files, { retries: 0 })).response;
  expect(cited(once).filter((one) => one.includes("sandbox"))).toEqual(["b.csv@sandbox:/mnt/data/b.csv"]);
  expect((await repairResponse(once, () => files, { retries: 0 })).response).toBe(once);
});

it.each([
  ["a new", 1_760_000_005],
  ["an old", 1_759_999_999],
])(
  "a path before a call that names it does not mean an older file if a tool's container has %s one",
  async (_, created_at) => {
    const path = "/mnt/data/report.csv";
    const tool = { ...output(JSON.stringify(meta), "mcp_call"), id: "mcp_1" };
    const items = [tool, message(`[it](sandbox:${path})`), call(`df.to_csv('${path}')`)];
    const files = [file(path, { container_id: ID, created_at }), file(path, { created_at: 1_759_000_000 })];
    const list = async (id: string) => files.filter((one) => one.container_id === id);
    const request = { tools: [{ type: "code_interpreter", container: "cntr_1" }] };
    const { report } = await repairResponse(response(items), list, { retries: 0, request });
    expect(report.citations).toEqual([]);
    expect(report.unresolved.map(({ reason }) => reason)).toEqual(["ambiguous"]);
  },
);

it.each([
  ["in time", 0],
  ["late", 1],
])(
  "a name without a path does not mean a file of a tool's container, if the list of the call's container is %s",
  async (_, late) => {
    const tool = { ...output(JSON.stringify(meta), "mcp_call"), id: "mcp_1" };
    const items = [
      tool,
      call("df.to_csv('/mnt/data/data.csv')"),
      message("[it](sandbox:/mnt/data/data.csv). I saved report.csv."),
    ];
    const ofTool = file("/mnt/data/report.csv", { container_id: ID, created_at: 1_760_000_005 });
    const written = file("/mnt/data/data.csv", { created_at: 1_760_000_005 });
    let rounds = 0;
    const list = async (id: string) => {
      if (id === ID) return [ofTool];
      return rounds++ < late ? [] : [written];
    };
    const { report } = await repairResponse(response(items), list, { retries: 0 });
    const names = report.citations.map(({ annotation }) => annotation.filename);
    expect(names).toEqual(late > 0 ? [] : ["data.csv"]);
  },
);

it("a text's file is found in the container that an MCP call's output names", async () => {
  const tool = asJson({ content: [{ type: "text", text: "saved plan.docx" }], ...citations }, "mcp_call");
  const plan = file("/mnt/data/plan.docx", { container_id: "native" });
  const given = response([{ ...tool, id: "mcp_1" }, message("Here: /mnt/data/plan.docx")]);
  const asked: string[] = [];
  const { response: repaired } = await repairResponse(given, (id) => {
    asked.push(id);
    return [plan];
  });
  expect(asked).toEqual([ID]);
  expect(cited(repaired)).toEqual(["plan.docx@/mnt/data/plan.docx"]);
});

describe("a link's name", () => {
  const writes = (path: string, id: string, container: string) => ({
    ...call(`open('${path}', 'w')`, container),
    id,
  });
  const read = async (paths: ContainerFile[], text: string, nearest = "print(1)") => {
    const items = [
      writes("/mnt/data/report.csv", "ci_far", "cntr_far"),
      { ...call(nearest, "cntr_near"), id: "ci_near" },
      message(text),
    ];
    const list = async (id: string) => paths.filter((one) => one.container_id === id);
    const { report } = await repairResponse(response(items), list, { retries: 0 });
    return [
      report.citations.map(({ annotation }) => annotation.file_id),
      report.unresolved.map(({ reason }) => reason),
    ];
  };
  const inFar = file("/mnt/data/report.csv", {
    id: "far",
    container_id: "cntr_far",
    created_at: 1_760_000_003,
  });
  const near = (path: string, more: Partial<ContainerFile> = {}) =>
    file(path, { id: path, container_id: "cntr_near", created_at: 1_760_000_004, ...more });

  it("is ambiguous if the nearest container has a new file of that name in a folder, and both are listed", async () => {
    const written = near("/mnt/data/out/report.csv");
    const text = "[it](report.csv) and [more](sandbox:/mnt/data/none.csv)";
    expect(await read([written, inFar], text, "open('/mnt/data/out/report.csv', 'w')")).toEqual([
      [],
      ["ambiguous", "not-found"],
    ]);
  });

  it.each([
    ["an old file in a folder", near("/mnt/data/old/report.csv", { created_at: 1_759_000_000 })],
    ["a file of an installed package", near("/mnt/data/node_modules/a/report.csv")],
    ["an upload in a folder", near("/mnt/data/in/report.csv", { source: "user" })],
  ])("means the farther container's file if the nearest one has only %s", async (_, other) => {
    expect(await read([other, inFar], "[it](report.csv)")).toEqual([["far"], []]);
  });

  it("is cited as a similar name although a farther container has expired", async () => {
    const similar = near("/mnt/data/Report.csv");
    const items = [
      { ...output(JSON.stringify(meta), "mcp_call"), id: "mcp_1" },
      { ...call("open('/mnt/data/Report.csv', 'w')", "cntr_near"), id: "ci_near" },
      message("I saved report.csv for you."),
    ];
    const expired = Object.assign(new Error("gone"), { status: 404, headers: new Headers() });
    const list = async (id: string) => {
      if (id === ID) throw expired;
      return [similar];
    };
    const client = { containers: { files: { list: async (id: string) => ({ data: await list(id) }) } } };
    const { report } = await repairResponse(response(items), client as never, { retries: 0 });
    expect(report.citations.map(({ annotation }) => annotation.file_id)).toEqual([similar.id]);
    expect(report.error).toBeUndefined();
  });
});

describe("a link's name that a farther container has exactly is not cited as a similar name of the nearest one", () => {
  const exact = "q3-report.csv";
  const similar = "q3\u2011report.csv";
  const similarFile = file(`/mnt/data/${similar}`, { container_id: "cntr_near", created_at: 1_760_000_005 });
  const tool = { ...output(JSON.stringify(meta), "mcp_call"), id: "mcp_1" };
  const FAR_CALL = { ...call("df.to_csv(out)", "cntr_far"), id: "ci_0" };

  it.each([
    ["a new file of a container that a tool's output names", ID, tool, 1_760_000_003],
    ["an old file of a container that a tool's output names", ID, tool, 1_759_000_000],
    ["a new file of an earlier call's container", "cntr_far", FAR_CALL, 1_760_000_003],
    ["an old file of an earlier call's container", "cntr_far", FAR_CALL, 1_759_000_000],
  ])("%s", async (_, far, first, created_at) => {
    const items = [first, call(`df.to_csv('${similar}')`, "cntr_near"), message(`[it](${exact})`)];
    const exactFile = file(`/mnt/data/${exact}`, { container_id: far, created_at });
    const list = async (id: string) => [exactFile, similarFile].filter((one) => one.container_id === id);
    const { report } = await repairResponse(response(items), list, { retries: 0 });
    expect(report.citations.map(({ annotation }) => annotation.filename)).not.toContain(similar);
  });

  it("nor if the exact name is in a folder, and a path in the text caused the request for that list", async () => {
    const items = [
      tool,
      call("print(1)", "cntr_near"),
      message(`[it](${exact}) and [it](sandbox:/mnt/data/out/Q3-report.csv)`),
      { ...call(`df.to_csv('${similar}')`, "cntr_near"), id: "ci_2" },
      { ...message("Done."), id: "msg_2" },
    ];
    const exactFile = file(`/mnt/data/out/${exact}`, { container_id: ID, created_at: 1_760_000_003 });
    const list = async (id: string) => [exactFile, similarFile].filter((one) => one.container_id === id);
    const { report } = await repairResponse(response(items), list, { retries: 0 });
    expect(report.citations.map(({ annotation }) => annotation.filename)).not.toContain(similar);
  });

  it("nor if that container's list fails", async () => {
    const items = [tool, call(`df.to_csv('${similar}')`, "cntr_near"), message(`[it](${exact})`)];
    const list = async (id: string) => {
      if (id === ID) throw new Error("no list");
      return [similarFile];
    };
    const { report } = await repairResponse(response(items), list, { retries: 0 });
    expect(report.citations).toEqual([]);
  });

  it("but is cited as the similar name if no other container has the exact name", async () => {
    const items = [tool, call(`df.to_csv('${similar}')`, "cntr_near"), message(`[it](${exact})`)];
    const list = async (id: string) => (id === "cntr_near" ? [similarFile] : []);
    const { report } = await repairResponse(response(items), list, { retries: 0 });
    expect(report.citations.map(({ annotation }) => annotation.filename)).toEqual([similar]);
  });
});
