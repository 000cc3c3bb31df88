/** Tests item types of the newest openai SDK: which types are evidence that a call wrote a file, and which types are not. */
import type { OpenAI } from "openai-7";
import { describe, expect, it } from "vitest";
import { createFileCitationsFetch, repairResponse } from "../src/index.js";
import {
  BASE,
  call,
  cited,
  eventsIn,
  file,
  frames,
  message,
  response,
  type StreamEvent,
  sse,
  streamOf,
  upstream,
} from "./upstream.js";

type Item = OpenAI.Responses.ResponseOutputItem;

const FILES = [file("/mnt/data/notes.md"), file("/mnt/data/model.bin")];

/**
 * Repairs a response that has `items` before its text, and returns the citations. The text names files without their paths. A
 * file is cited only if one of the items is evidence that a call wrote the file.
 */
async function citedIn(items: readonly object[], text: string): Promise<string[]> {
  const given = response([call(), ...items, message(text)]);
  const { response: repaired } = await repairResponse(given, FILES);
  expect(repaired.output.slice(0, -1)).toEqual(given.output.slice(0, -1));
  return cited(repaired);
}

describe("apply_patch", () => {
  type Operation = Extract<Item, { type: "apply_patch_call" }>["operation"];
  const patch = (operation: Operation) =>
    ({ type: "apply_patch_call", id: "ap_1", call_id: "c_1", status: "completed", operation }) satisfies Item;
  const output = (text: string, status: "completed" | "failed" = "completed") =>
    ({
      type: "apply_patch_call_output",
      id: "apo_1",
      call_id: "c_1",
      status,
      output: text,
    }) satisfies Item;

  it.each<[string, Operation, string]>([
    ["creates", { type: "create_file", path: "/mnt/data/notes.md", diff: "+x" }, "notes.md"],
    ["updates", { type: "update_file", path: "/mnt/data/notes.md", diff: "+x" }, "notes.md"],
    ["creates by a relative path", { type: "create_file", path: "notes.md", diff: "" }, "notes.md"],
    [
      "creates with an unusual extension",
      { type: "create_file", path: "out/model.bin", diff: "" },
      "model.bin",
    ],
  ])("cites a file that a patch %s", async (_, operation, name) => {
    expect(await citedIn([patch(operation)], `It is in ${name}.`)).toEqual([`${name}@${name}`]);
  });

  it("does not take a deleted file or the content of the diff as evidence", async () => {
    const patches = [
      patch({ type: "delete_file", path: "/mnt/data/notes.md" }),
      patch({ type: "create_file", path: "/mnt/data/other.md", diff: "+see /mnt/data/notes.md" }),
    ];
    expect(await citedIn(patches, "It was in notes.md.")).toEqual([]);
  });

  it("takes the output of a patch as evidence, unless it failed", async () => {
    const text = "It is in notes.md.";
    expect(await citedIn([output("Created /mnt/data/notes.md")], text)).toEqual(["notes.md@notes.md"]);
    expect(await citedIn([output("No such file: /mnt/data/notes.md", "failed")], text)).toEqual([]);
  });

  it.each([
    [{ type: "apply_patch_call" }],
    [{ type: "apply_patch_call", operation: { type: "create_file", path: 7 } }],
    [{ type: "apply_patch_call_output", output: null }],
  ])("ignores %j", async (item) => {
    expect(await citedIn([item], "It is in notes.md.")).toEqual([]);
  });
});

describe("the shell", () => {
  const shell = {
    type: "shell_call",
    id: "sh_1",
    call_id: "c_1",
    status: "completed",
    action: { commands: ["make"], max_output_length: null, timeout_ms: null },
    environment: { type: "container_reference", container_id: "cntr_1" },
  } satisfies Item;
  const content = [
    { stdout: "wrote notes.md\n", stderr: "", outcome: { type: "exit" as const, exit_code: 0 } },
    { stdout: "", stderr: "see /mnt/data/model.bin", outcome: { type: "timeout" as const } },
  ];
  const output = {
    type: "shell_call_output",
    id: "sho_1",
    call_id: "c_1",
    status: "completed",
    max_output_length: null,
    output: content,
  } satisfies Item;
  const TEXT = "It is in notes.md and model.bin.";
  const FOUND = ["notes.md@notes.md", "model.bin@model.bin"];

  it("takes its output as evidence", async () => {
    expect(await citedIn([shell, output], TEXT)).toEqual(FOUND);
  });

  it("passes its streamed output on at once, and reads it when the item ends", async () => {
    const events = streamOf([shell, output, message(TEXT)]);
    const at = events.findIndex(({ type, output_index }) => type.endsWith("item.done") && output_index === 1);
    const of = { item_id: "sho_1", output_index: 1, command_index: 0 };
    const printed = [
      { type: "response.shell_call_output_content.delta", ...of, delta: { stdout: "wrote notes.md\n" } },
      { type: "response.shell_call_output_content.done", ...of, output: content },
    ];
    events.splice(at, 0, ...(printed as unknown as StreamEvent[]));
    for (const [sequence_number, event] of events.entries()) Object.assign(event, { sequence_number });
    const { fetch } = upstream({ answer: () => sse(frames(events), 7), files: FILES });
    const init = { method: "POST", body: JSON.stringify({ model: "gpt-6", input: "x" }) };
    const answer = await createFileCitationsFetch({ fetch })(`${BASE}/responses`, init);
    const out = eventsIn(await answer.text());
    expect(out.slice(0, at + 2)).toEqual(events.slice(0, at + 2));
    expect(cited(out.at(-1)!.response)).toEqual(FOUND);
  });
});

describe("programs", () => {
  const program = {
    type: "program",
    id: "pr_1",
    call_id: "c_1",
    code: "await tools.python(\"open('/mnt/data/notes.md', 'w')\")",
    fingerprint: "f",
  } satisfies Item;
  const output = {
    type: "program_output",
    id: "pro_1",
    call_id: "c_1",
    status: "completed",
    result: "wrote /mnt/data/notes.md",
  } satisfies Item;
  const caller = { type: "program" as const, caller_id: "c_1" };

  it("are not evidence themselves", async () => {
    expect(await citedIn([program, output], "It is in notes.md.")).toEqual([]);
  });

  it("make calls that count like other calls, although they have a `caller`", async () => {
    const patch = {
      type: "apply_patch_call",
      id: "ap_1",
      call_id: "c_2",
      status: "completed",
      operation: { type: "create_file", path: "/mnt/data/notes.md", diff: "" },
      caller,
    } satisfies Item;
    const python = { ...call("open('model.bin', 'wb')"), caller };
    const items = [program, patch, python, output];
    expect(await citedIn(items, "It is in notes.md and model.bin.")).toEqual([
      "notes.md@notes.md",
      "model.bin@model.bin",
    ]);
  });

  it("pass with unchanged bytes", async () => {
    const sent = JSON.stringify(response([program, { ...call(), caller }, output, message("Done.")]));
    const { fetch, lists } = upstream({
      answer: () => new Response(sent, { headers: { "content-type": "application/json" } }),
    });
    const answer = await createFileCitationsFetch({ fetch })(`${BASE}/responses`, { method: "POST" });
    expect(await answer.text()).toBe(sent);
    expect(lists()).toEqual([]);
  });
});
