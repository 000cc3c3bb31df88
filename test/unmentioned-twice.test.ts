/** Tests `unmentioned: "cite"`: neither a second repair of the same response nor an outdated list adds a citation. */
import { describe, expect, it } from "vitest";
import { type ContainerFile, repairResponse, repairResponseStream } from "../src/index.js";
import { PLAN, sourceOf } from "./repairing.js";
import { call, cited, file, message, response, type StreamEvent, streamOf } from "./upstream.js";

const { list } = sourceOf([PLAN, file("/mnt/data/chart.png")]);
const CITE = { unmentioned: "cite", retries: 0 } as const;
/** Returns a call whose code names `plan.docx` and `chart.png`. */
const writing = (containerId: string) =>
  call("doc.save('/mnt/data/plan.docx'); plt.savefig('chart.png')", containerId);
const UNNAMED = writing("");
const SEE = message("See /mnt/data/plan.docx");

describe("a text gets no citation of an unmentioned file", () => {
  const chart = { container_id: "cntr_1", file_id: "cfile_0", filename: "x", start_index: 0, end_index: 0 };
  const annotations = [{ type: "container_file_citation", ...chart }];
  const parts = [{ type: "output_text", text: "", annotations }, ...(SEE.content as unknown[])];
  const output = JSON.stringify({ container_id: "cntr_1" });
  it.each<[string, Record<string, unknown>[], string[]]>([
    ["in a container that only another text cites", [UNNAMED, { ...SEE, content: parts }], ["x@"]],
    [
      "in a container that only a tool output after the text names",
      [UNNAMED, SEE, { type: "function_call_output", call_id: "call_1", output }],
      [],
    ],
    [
      "that a call after the next user message wrote",
      [call("", "cntr_2"), SEE, { type: "message", role: "user", content: [] }, writing("cntr_1")],
      [],
    ],
  ])("%s", async (_, items, expected) => {
    const { response: once } = await repairResponse(response(items), list, CITE);
    expect(cited(once)).toEqual(expected);
    expect((await repairResponse(once, list, CITE)).response).toBe(once);
  });
});

it("if no call names a container, an unmentioned file is cited together with a mentioned file of its container", async () => {
  const options = { ...CITE, request: { tools: [{ type: "code_interpreter", container: "cntr_1" }] } };
  const { response: once } = await repairResponse(response([UNNAMED, SEE]), list, options);
  expect(cited(once)).toEqual(["chart.png@", "plan.docx@/mnt/data/plan.docx"]);
  expect((await repairResponse(once, list, options)).response).toBe(once);
});

it("a file is not cited without a mention if a later call may have replaced it and the list after that call fails", async () => {
  const output = [
    call("a.to_csv('/mnt/data/report.csv'); b.save('/mnt/data/plan.docx')"),
    SEE,
    call("b.save('/mnt/data/plan.docx'); a.to_csv('/mnt/data/report.csv')"),
  ];
  const files = [PLAN, file("/mnt/data/report.csv", { id: "cfile_first" })];
  for (const isFailing of [true, false]) {
    let asked = 0;
    const source = async (): Promise<ContainerFile[]> => {
      if (asked++ > 0 && isFailing) throw new Error("the list breaks off");
      return files;
    };
    let last: StreamEvent | undefined;
    for await (const event of repairResponseStream(streamOf(output), source, CITE)) last = event;
    const ids = JSON.stringify(last!.response).match(/cfile_first/g) ?? [];
    expect(asked).toBe(2);
    expect(ids).toHaveLength(isFailing ? 0 : 1);
  }
});
