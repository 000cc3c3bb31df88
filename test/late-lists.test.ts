/**
 * Tests late lists: a list is late if it lacks a file that a call wrote. Neither an older file nor a file with a similar path may
 * be cited instead. This file is long because each way to write a file is a case of its own.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type ContainerFile, repairResponse, repairResponseStream } from "../src/index.js";
import { call, file, message, response, streamOf } from "./upstream.js";

const PATH = "/mnt/data/a.csv";
const WROTE = `df.to_csv('${PATH}')`;
const written = file(PATH, { id: "cfile_new" });

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Each call of `list` returns the container's next list. The last list is repeated. `asked` has the id from each call. */
function lateLists(lists: Record<string, readonly (readonly ContainerFile[])[]>) {
  const asked: string[] = [];
  const list = async (id: string): Promise<readonly ContainerFile[]> => {
    const before = asked.filter((other) => other === id).length;
    asked.push(id);
    return lists[id]!.at(Math.min(before, lists[id]!.length - 1))!;
  };
  return { asked, list };
}

/** Returns the ids of the cited files and of the listed containers. A plain and a streamed response must have the same result. */
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

describe("requests the list again if it lacks a file that a call wrote", () => {
  it.each([
    [
      "an upload with that former name",
      `[a](sandbox:${PATH})`,
      { path: "/mnt/data/file-Ab12-a.csv", source: "user" },
    ],
    ["a file in another folder", `At ${PATH}`, { path: "/mnt/data/out/a.csv" }],
    ["a file in another case", `At ${PATH}`, { path: "/mnt/data/A.csv" }],
    ["a file elsewhere, for a path with ?x", "At /mnt/data/a.csv?x", { path: "/mnt/data/a/a.csv" }],
  ])("instead of citing %s", async (_, text, { path, ...more }) => {
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

  it("for a name that a listed file in another folder has; if both files are listed, the name is ambiguous", async () => {
    const old = file("/mnt/data/old/a.csv");
    const output = [call("df.to_csv('/mnt/data/new/a.csv')"), message("I made a.csv for you.")];
    const { ids, asked, report } = await citedIn(output, {
      cntr_1: [[old], [old, file("/mnt/data/new/a.csv")]],
    });
    expect(ids).toEqual([]);
    expect(report.unresolved.map(({ reason }) => reason)).toEqual(["ambiguous"]);
    expect(asked).toEqual(["cntr_1", "cntr_1"]);
  });

  it.each([
    ["an upload with that former name", { path: "/mnt/data/file-Ab12-a.csv", source: "user" }],
    ["a file in another case", { path: "/mnt/data/A.csv" }],
    ["a file in another folder", { path: "/mnt/data/out/a.csv" }],
  ])("and does not cite %s if the file never comes", async (_, { path, ...more }) => {
    const { ids, asked, report } = await citedIn([call(WROTE), message(`[a](sandbox:${PATH})`)], {
      cntr_1: [[file(path, more)]],
    });
    expect(ids).toEqual([]);
    expect(asked).toEqual(["cntr_1", "cntr_1", "cntr_1"]);
    expect(report.unresolved.map(({ reason }) => reason)).toEqual(["not-found"]);
  });

  it.each([
    ["a path object", "(Path('/mnt/data') / 'a.csv').write_text(x)"],
    ["os.path.join", "open(os.path.join(folder, 'a.csv'), 'w')"],
    ["an f-string", "df.to_csv(f'{folder}/{name}.csv')"],
    ["a relative name", "os.chdir('/mnt/data'); open('a.csv', 'w')"],
    ["nothing", null],
  ])("whatever the code says: %s", async (_, code) => {
    const output = [call(code as string), message(`At ${PATH}`)];
    const { ids, asked } = await citedIn(output, { cntr_1: [[file("/mnt/data/A.csv")], [written]] });
    expect(ids).toEqual(["cfile_new"]);
    expect(asked).toEqual(["cntr_1", "cntr_1"]);
  });

  it("then cites a file with a similar path that the response wrote", async () => {
    const moved = file("/mnt/data/out/a.csv", { id: "cfile_moved" });
    const output = [call("open(f'{folder}/b.csv')"), message(`At ${PATH}, b.csv`)];
    const { ids, asked } = await citedIn(output, { cntr_1: [[moved]] });
    expect(ids).toEqual(["cfile_moved"]);
    expect(asked).toEqual(["cntr_1", "cntr_1", "cntr_1"]);
  });

  it("cites an older file with a similar path only if a call names that path", async () => {
    const older = file("/mnt/data/out/a.csv", { id: "cfile_moved", created_at: 1_750_000_000 });
    const citing = (code: string) => citedIn([call(code), message(`At ${PATH}`)], { cntr_1: [[older]] });
    expect((await citing("df.to_csv('/mnt/data/out/a.csv')")).ids).toEqual(["cfile_moved"]);
    expect((await citing("df.to_csv(folder / 'a.csv')")).ids).toEqual([]);
    expect((await citing("open('/mnt/data/out/a.csv'); df.to_csv('/mnt/data/a.csv')")).ids).toEqual([]);
  });

  it("but not for a word that only looks like a file name, nor for an upload that a call reads", async () => {
    const upload = file("/mnt/data/0123456789abcdef0123456789abcdef-in.csv", { source: "user" });
    const output = [
      call("import scipy.stats\nx = np.float64(pd.read_csv('in.csv').sum())"),
      message("I read in.csv with scipy.stats, as np.float64."),
    ];
    const { asked } = await citedIn(output, { cntr_1: [[upload]] });
    expect(asked).toEqual(["cntr_1"]);
  });
});

describe("with several agents", () => {
  const of = (agent: string, item: Record<string, unknown>) => ({ ...item, agent: { agent_name: agent } });
  const output = [
    of("alice", call(WROTE)),
    of("bob", { ...call(WROTE, "cntr_2"), id: "ci_2" }),
    of("alice", message(`At ${PATH}`)),
  ];
  const bobs = file(PATH, { container_id: "cntr_2", id: "cfile_of_bob" });

  it("requests the list of the text's own agent again, although another agent's list has the path", async () => {
    const { ids, asked } = await citedIn(output, { cntr_1: [[], [written]], cntr_2: [[bobs]] });
    expect(ids).toEqual(["cfile_new"]);
    expect(asked.filter((id) => id === "cntr_1")).toHaveLength(2);
  });

  it("does not cite another agent's file if the file of the text's own agent never comes", async () => {
    const { ids } = await citedIn(output, { cntr_1: [[]], cntr_2: [[bobs]] });
    expect(ids).toEqual([]);
  });

  const carols = [...output.slice(0, 2), of("carol", message(`At ${PATH}`))];

  it.each([
    ["comes late", [[], [written]]],
    ["never comes", [[]]],
  ])("cites no file if two other agents wrote the path, and the file of one of them %s", async (_, late) => {
    const { ids, asked } = await citedIn(carols, { cntr_1: late, cntr_2: [[bobs]] });
    expect(ids).toEqual([]);
    expect(asked.filter((id) => id === "cntr_1").length).toBeGreaterThan(1);
  });

  it("cites another agent's file if only this agent wrote the path", async () => {
    const items = [of("alice", call("print(1)")), ...carols.slice(1)];
    expect((await citedIn(items, { cntr_1: [[]], cntr_2: [[bobs]] })).ids).toEqual(["cfile_of_bob"]);
  });
});

describe("with several containers", () => {
  const older = file(PATH, { container_id: "cntr_2", id: "cfile_old" });

  it("the farther container is listed only if the nearer container lacks a file", async () => {
    const output = [call("x", "cntr_2"), call(WROTE), message(`At ${PATH}`)];
    expect((await citedIn(output, { cntr_1: [[written]], cntr_2: [[older]] })).asked).toEqual(["cntr_1"]);
    const both = [call("x", "cntr_2"), call(WROTE), message(`At ${PATH} and /mnt/data/b.csv`)];
    const other = file("/mnt/data/b.csv", { container_id: "cntr_2", id: "cfile_b" });
    const { ids, asked } = await citedIn(both, { cntr_1: [[written]], cntr_2: [[older, other]] });
    expect(ids).toEqual(["cfile_new", "cfile_b"]);
    expect(asked).toEqual(["cntr_1", "cntr_1", "cntr_1", "cntr_2"]);
  });

  it("a name that no list has is searched only in the containers of the output", async () => {
    const output = [call("np.float64", "cntr_2"), call("x"), message("It is a np.float64.")];
    expect((await citedIn(output, { cntr_1: [[]], cntr_2: [[]] })).asked).toEqual(["cntr_1", "cntr_2"]);
    const input = [call("x", "cntr_2")];
    const { asked, list } = lateLists({ cntr_1: [[]], cntr_2: [[]] });
    const given = response([call("np.float64"), message("It is a np.float64.")]);
    await repairResponse(given, list, { request: { input } });
    expect(asked).toEqual(["cntr_1"]);
  });

  it("an older file of the farther container is not cited for a file that a call in the nearer container wrote", async () => {
    const output = [call(WROTE, "cntr_2"), call(WROTE), message(`At ${PATH}`)];
    const late = await citedIn(output, { cntr_1: [[], [written]], cntr_2: [[older]] });
    expect(late.ids).toEqual(["cfile_new"]);
    const never = await citedIn(output, { cntr_1: [[]], cntr_2: [[older]] });
    expect(never.ids).toEqual([]);
    expect(never.report.unresolved.map(({ text, reason }) => `${reason}:${text}`)).toEqual([
      `not-found:${PATH}`,
    ]);
  });

  it("a file is cited from the container whose call printed its path, even if later calls ran elsewhere", async () => {
    const shell = (id: string, command: string): Record<string, unknown> => ({
      ...{ type: "shell_call", id: `sh_${id}`, call_id: `call_${id}`, status: "completed" },
      action: { commands: [command] },
      environment: { type: "container_reference", container_id: id },
    });
    const printed = { type: "shell_call_output", output: [{ stdout: PATH, stderr: "" }] };
    const output = [shell("cntr_2", "ls"), printed, call("x"), message(`At ${PATH}`)];
    const { ids, asked } = await citedIn(output, { cntr_1: [[]], cntr_2: [[older]] });
    expect(ids).toEqual(["cfile_old"]);
    expect(asked).toEqual(["cntr_1", "cntr_1", "cntr_1", "cntr_2"]);
  });

  it("an older file of the farther container is not cited if the nearer call may have written the file", async () => {
    const before = { ...older, created_at: 1_750_000_000 };
    for (const code of ["df = pd.read_csv('/mnt/data/a.csv')", "os.listdir('/mnt/data')"]) {
      for (const since of ["df.to_csv(out)", null]) {
        const output = [call(code, "cntr_2"), call(since as string), message(`At ${PATH}`)];
        expect((await citedIn(output, { cntr_1: [[]], cntr_2: [[before]] })).ids).toEqual([]);
      }
      const reading = [call(code, "cntr_2"), call("print(7)"), message(`At ${PATH}`)];
      expect((await citedIn(reading, { cntr_1: [[]], cntr_2: [[before]] })).ids).toEqual(["cfile_old"]);
    }
  });

  it("a container that only the request names is not listed for a text after a call", async () => {
    const output = [call(), message(`At ${PATH}`)];
    for (const request of [
      { input: [call(WROTE, "cntr_2")] },
      { tools: [{ type: "code_interpreter", container: "cntr_2" }] },
    ]) {
      const { asked, list } = lateLists({ cntr_1: [[]], cntr_2: [[older]] });
      const repairing = repairResponse(response(output), list, { request });
      await vi.runAllTimersAsync();
      expect((await repairing).report.citations).toEqual([]);
      expect(asked).toEqual(["cntr_1", "cntr_1", "cntr_1"]);
    }
  });
});

describe("a file that a text announces before the call that writes it", () => {
  const announcing = message("Next I write /mnt/data/a.csv");
  const types = (events: readonly { type: string }[]) => events.map(({ type }) => type);

  it("is cited in a plain response, and in a stream right before the final event", async () => {
    const output = [{ ...announcing, id: "msg_0" }, call(WROTE), { ...message("Done."), id: "msg_2" }];
    const { ids } = await citedIn(output, { cntr_1: [[written]] });
    expect(ids).toEqual(["cfile_new"]);
    const events = streamOf(output);
    const out = [];
    for await (const event of repairResponseStream(events, async () => [written])) out.push(event);
    expect(types(out)).toEqual([
      ...types(events.slice(0, -1)),
      "response.output_text.annotation.added",
      "response.completed",
    ]);
  });

  it("is not a file of an older container", async () => {
    const older = file(PATH, { container_id: "cntr_2", id: "cfile_old" });
    const request = { input: [call(WROTE, "cntr_2")] };
    const lists = { cntr_1: [[]], cntr_2: [[older]] };
    const output = [announcing, call(WROTE)];
    const repairing = repairResponse(response(output), lateLists(lists).list, { request });
    await vi.runAllTimersAsync();
    expect((await repairing).report.citations).toEqual([]);
    const out: string[] = [];
    const streaming = (async () => {
      for await (const { type } of repairResponseStream(streamOf(output), lateLists(lists).list, { request }))
        out.push(type);
    })();
    await vi.runAllTimersAsync();
    await streaming;
    expect(out).toEqual(types(streamOf(output)));
  });

  it("is the older container's file if the response has no call, and is cited right before the text's end", async () => {
    const older = file(PATH, { container_id: "cntr_2", id: "cfile_old" });
    const request = { input: [call(WROTE, "cntr_2")] };
    const events = streamOf([message(`Again: ${PATH}`)]);
    const out = [];
    for await (const event of repairResponseStream(events, async () => [older], { request })) out.push(event);
    const at = types(events).indexOf("response.output_text.done");
    expect(types(out)).toEqual(types(events).toSpliced(at, 0, "response.output_text.annotation.added"));
  });
});

describe("`a.csv-Export` is not `a.csv` if a call names a file `a.csv-Export`", () => {
  const longer = file("/mnt/data/a.csv-Export", { id: "cfile_longer" });

  it.each([
    ["a path", `df.to_csv('${PATH}-Export')`, `Hier: ${PATH}-Export`],
    ["a name", "os.chdir('/mnt/data'); df.to_csv('a.csv-Export')", `Hier: ${PATH}-Export`],
  ])("in a text with the path, if the code writes %s", async (_, code, text) => {
    const output = [call(code), message(text)];
    const late = await citedIn(output, { cntr_1: [[written], [written, longer]] });
    expect(late).toMatchObject({ ids: ["cfile_longer"], asked: ["cntr_1", "cntr_1"] });
    const missing = await citedIn(output, { cntr_1: [[written]] });
    expect(missing.ids).toEqual([]);
    expect(missing.report.unresolved).toMatchObject([{ text: `${PATH}-Export`, reason: "not-found" }]);
  });

  it("in a text with the name only", async () => {
    const output = [call(`df.to_csv('${PATH}')\ndf.to_csv('a.csv-Export')`), message("Hier: a.csv-Export")];
    expect((await citedIn(output, { cntr_1: [[written]] })).ids).toEqual([]);
  });

  it("but `a.csv` is cited if no call names `a.csv-Export`", async () => {
    const output = [call(WROTE), message("Der a.csv-Export ist fertig.")];
    expect((await citedIn(output, { cntr_1: [[written]] })).ids).toEqual(["cfile_new"]);
  });
});
