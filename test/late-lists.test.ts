/** A list that lacks what a call wrote is late: nothing older, and nothing that only looks like it, takes its place. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type ContainerFile, repairResponse, repairResponseStream } from "../src/index.js";
import { call, file, message, response, streamOf } from "./upstream.js";

const PATH = "/mnt/data/a.csv";
const WROTE = `df.to_csv('${PATH}')`;
const written = file(PATH, { id: "cfile_new" });

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Lists by container: each time it is asked the next one, the last one from then on. */
function lateLists(lists: Record<string, readonly (readonly ContainerFile[])[]>) {
  const asked: string[] = [];
  const list = async (id: string): Promise<readonly ContainerFile[]> => {
    const before = asked.filter((other) => other === id).length;
    asked.push(id);
    return lists[id]!.at(Math.min(before, lists[id]!.length - 1))!;
  };
  return { asked, list };
}

/** The files that are cited, plain and streamed: they must be the same. */
async function citedIn(
  output: Record<string, unknown>[],
  lists: Record<string, readonly (readonly ContainerFile[])[]>,
) {
  const plain = lateLists(lists);
  const repairing = repairResponse(response(output), plain.list);
  await vi.runAllTimersAsync();
  const { report } = await repairing;
  const ids = report.citations.map(({ annotation }) => annotation.file_id);

  const streamed = lateLists(lists);
  const streamedIds: unknown[] = [];
  const streaming = (async () => {
    for await (const { type, annotation } of repairResponseStream(streamOf(output), streamed.list)) {
      if (type === "response.output_text.annotation.added")
        streamedIds.push((annotation as { file_id: unknown }).file_id);
    }
  })();
  await vi.runAllTimersAsync();
  await streaming;
  expect(streamedIds).toEqual(ids);
  expect(streamed.asked).toEqual(plain.asked);
  return { ids, asked: plain.asked, report };
}

describe("what a call wrote and its container's list lacks is asked for again", () => {
  it.each([
    [
      "an upload that was called so",
      `[a](sandbox:${PATH})`,
      { path: "/mnt/data/file-Ab12-a.csv", source: "user" },
    ],
    ["a file in another folder", `At ${PATH}`, { path: "/mnt/data/out/a.csv" }],
    ["a file in another case", `At ${PATH}`, { path: "/mnt/data/A.csv" }],
    ["a file in a folder of the path", "At /mnt/data/a.csv?x", { path: "/mnt/data/a/a.csv" }],
  ])("before %s takes its place", async (_, text, { path, ...more }) => {
    const alike = file(path, more);
    const { ids, asked } = await citedIn([call(WROTE), message(text)], {
      cntr_1: [[alike], [alike, written]],
    });
    expect(ids).toEqual(["cfile_new"]);
    expect(asked).toEqual(["cntr_1", "cntr_1"]);
  });

  it.each(["I made a.csv for you.", "I made [the table](a.csv) for you."])("for a name: %s", async (text) => {
    const { ids, asked } = await citedIn([call(WROTE), message(text)], { cntr_1: [[], [written]] });
    expect(ids).toEqual(["cfile_new"]);
    expect(asked).toEqual(["cntr_1", "cntr_1"]);
  });

  it("for a name that a file elsewhere has", async () => {
    const old = file("/mnt/data/old/a.csv");
    const output = [call("df.to_csv('/mnt/data/new/a.csv')"), message("I made a.csv for you.")];
    const { ids, asked, report } = await citedIn(output, {
      cntr_1: [[old], [old, file("/mnt/data/new/a.csv")]],
    });
    expect(ids).toEqual([]);
    expect(report.unresolved.map(({ reason }) => reason)).toEqual(["ambiguous"]);
    expect(asked).toEqual(["cntr_1", "cntr_1"]);
  });

  it("and if it never comes, what looks like it is cited, as without any sign of another", async () => {
    const upload = file("/mnt/data/file-Ab12-a.csv", { source: "user", id: "cfile_upload" });
    const { ids, asked } = await citedIn([call(`open('${PATH}')`), message(`[a](sandbox:${PATH})`)], {
      cntr_1: [[upload]],
    });
    expect(ids).toEqual(["cfile_upload"]);
    expect(asked).toEqual(["cntr_1", "cntr_1", "cntr_1"]);
  });

  it("not where no call wrote just that path", async () => {
    const moved = file("/mnt/data/out/a.csv", { id: "cfile_moved" });
    const output = [
      call("df.to_csv('/mnt/data/out/a.csv'); open(f'{folder}/b.csv')"),
      message(`At ${PATH}, b.csv`),
    ];
    const { ids, asked } = await citedIn(output, { cntr_1: [[moved]] });
    expect(ids).toEqual(["cfile_moved"]);
    expect(asked).toEqual(["cntr_1"]);
  });
});

describe("of several containers", () => {
  const older = file(PATH, { container_id: "cntr_2", id: "cfile_old" });

  it("the farther one is asked only for what the nearer one does not have", async () => {
    const output = [call("x", "cntr_2"), call(WROTE), message(`At ${PATH}`)];
    expect((await citedIn(output, { cntr_1: [[written]], cntr_2: [[older]] })).asked).toEqual(["cntr_1"]);
    const both = [call("x", "cntr_2"), call(WROTE), message(`At ${PATH} and /mnt/data/b.csv`)];
    const other = file("/mnt/data/b.csv", { container_id: "cntr_2", id: "cfile_b" });
    const { ids, asked } = await citedIn(both, { cntr_1: [[written]], cntr_2: [[older, other]] });
    expect(ids).toEqual(["cfile_new", "cfile_b"]);
    expect(asked).toEqual(["cntr_1", "cntr_2"]);
  });

  it("a name that no list has is looked for in those of the output, and no farther", async () => {
    const output = [call("np.float64", "cntr_2"), call("x"), message("It is a np.float64.")];
    expect((await citedIn(output, { cntr_1: [[]], cntr_2: [[]] })).asked).toEqual(["cntr_1", "cntr_2"]);
    const input = [call("x", "cntr_2")];
    const { asked, list } = lateLists({ cntr_1: [[]], cntr_2: [[]] });
    const given = response([call("np.float64"), message("It is a np.float64.")]);
    await repairResponse(given, list, { request: { input } });
    expect(asked).toEqual(["cntr_1"]);
  });

  it("an older file of the farther one is none that the nearer one's call wrote", async () => {
    const output = [call(WROTE, "cntr_2"), call(WROTE), message(`At ${PATH}`)];
    const late = await citedIn(output, { cntr_1: [[], [written]], cntr_2: [[older]] });
    expect(late.ids).toEqual(["cfile_new"]);
    const never = await citedIn(output, { cntr_1: [[]], cntr_2: [[older]] });
    expect(never.ids).toEqual([]);
    expect(never.report.unresolved.map(({ text, reason }) => `${reason}:${text}`)).toEqual([
      `not-found:${PATH}`,
    ]);
  });

  it("one whose call wrote it has it, whatever ran elsewhere since", async () => {
    const shell = (id: string, command: string): Record<string, unknown> => ({
      ...{ type: "shell_call", id: `sh_${id}`, call_id: `call_${id}`, status: "completed" },
      action: { commands: [command] },
      environment: { type: "container_reference", container_id: id },
    });
    const printed = { type: "shell_call_output", output: [{ stdout: PATH, stderr: "" }] };
    const output = [shell("cntr_2", "ls"), printed, call("x"), message(`At ${PATH}`)];
    const { ids, asked } = await citedIn(output, { cntr_1: [[]], cntr_2: [[older]] });
    expect(ids).toEqual(["cfile_old"]);
    expect(asked).toEqual(["cntr_1", "cntr_2"]);
  });
});
