/**
 * Tests link destinations without a folder, such as `sandbox:a.csv`. A new file with exactly this name is cited at once, unless a
 * call names a file with this name in another folder.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type ContainerFile, type Report, repairResponse, repairResponseStream } from "../src/index.js";
import { call, file, message, response, streamOf } from "./upstream.js";

const WROTE = "df.to_csv('/mnt/data/a.csv')";
const OLD = 1_750_000_000;
const written = file("/mnt/data/a.csv", { id: "new" });

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

type Lists = readonly (readonly ContainerFile[])[];

/**
 * Runs a repair with fake timers. The first request for the file list gets the first of `lists`, and so on. Returns the ids of the
 * cited files, the reasons of the mentions without a citation, the number of list requests and the time in milliseconds.
 */
async function measured(
  lists: Lists,
  repair: (list: () => Promise<readonly ContainerFile[]>) => Promise<Report>,
) {
  let requests = 0;
  const begin = Date.now();
  const repairing = repair(async () => lists[Math.min(requests++, lists.length - 1)]!).then((report) => ({
    ids: report.citations.map(({ annotation }) => annotation.file_id),
    reasons: report.unresolved.map(({ reason }) => reason),
    ms: Date.now() - begin,
  }));
  await vi.runAllTimersAsync();
  return { ...(await repairing), requests };
}

/** Repairs an output as a plain response and as a stream. Both must have the same result. */
async function repaired(output: Record<string, unknown>[], lists: Lists) {
  const plain = await measured(lists, async (list) => (await repairResponse(response(output), list)).report);
  const streamed = await measured(lists, async (list) => {
    const reports: Report[] = [];
    const options = { onReport: (report: Report) => void reports.push(report) };
    for await (const _ of repairResponseStream(streamOf(output), list, options));
    return reports[0]!;
  });
  expect(streamed).toEqual(plain);
  return plain;
}

const AT_ONCE = { ids: ["new"], reasons: [], requests: 1, ms: 0 };
const LATE = { ids: ["new"], reasons: [], requests: 3, ms: 750 };
const MISSING = { ids: [], reasons: ["not-found"], requests: 3, ms: 750 };

describe.each(["sandbox:a.csv", "sandbox:/a.csv"])("%s", (destination) => {
  const text = message(`Here: [t](${destination})`);

  it.each([
    ["the path", WROTE],
    ["a relative path", "os.chdir('/mnt/data'); df.to_csv('a.csv')"],
    ["a path after another path", "!cp /mnt/data/in.csv /mnt/data/a.csv"],
    ["a computed path", "df.to_csv(f'{folder}/{name}.csv')"],
    ["nothing", null],
  ])("is cited after one request if a call names %s", async (_, code) => {
    expect(await repaired([call(code as string), text], [[written]])).toEqual(AT_ONCE);
  });

  it("is cited at once in a folder, if the call names the file there", async () => {
    const inFolder = file("/mnt/data/out/a.csv", { id: "new" });
    const output = [call("df.to_csv('/mnt/data/out/a.csv')"), text];
    expect(await repaired(output, [[inFolder]])).toEqual(AT_ONCE);
  });

  it("is cited as soon as a late list has the file", async () => {
    expect(await repaired([call(WROTE), text], [[], [written]])).toEqual({ ...LATE, requests: 2, ms: 250 });
  });

  it.each([
    ["an absolute path", "df.to_csv('/mnt/data/out/a.csv')"],
    ["a relative path", "df.to_csv('out/a.csv')"],
    ["a relative path that it reads", "df = pd.read_csv('out/a.csv')"],
  ])("waits for a late list if a call names a file with this name in another folder: %s", async (_, code) => {
    const output = [call(`${WROTE}\n${code}`), text];
    expect(await repaired(output, [[written]])).toEqual(LATE);
    const other = file("/mnt/data/out/a.csv", { id: "other" });
    const late = await repaired(output, [[written], [written, other]]);
    expect(late).toMatchObject({ ids: [], reasons: ["ambiguous"] });
  });

  it.each([
    ["older", { created_at: OLD }, ["new"]],
    ["in another case", { path: "/mnt/data/A.csv" }, []],
    ["an upload with this former name", { path: "/mnt/data/file-Ab12-a.csv", source: "user" }, []],
  ])("waits for a late list if the only file is %s", async (_, more, ids) => {
    const alike = file("/mnt/data/a.csv", { id: "alike", ...more });
    const output = [call("df.to_csv(path)"), text];
    const reasons = ids.length > 0 ? [] : ["ambiguous"];
    expect(await repaired(output, [[alike], [alike, written]])).toEqual({
      ids,
      reasons,
      requests: 2,
      ms: 250,
    });
    expect(await repaired(output, [[alike]])).toMatchObject({ requests: 3, ms: 750 });
  });

  it("does not mean an upload with this former name if a call names another file with the name", async () => {
    const upload = file("/mnt/data/file-Ab12-a.csv", { source: "user" });
    const hidden = file("/mnt/data/.trash/a.csv", { container_id: "cntr_2" });
    const output = [call("print(1)"), call("df.to_csv('/mnt/data/.trash/a.csv')", "cntr_2"), text];
    expect(await repaired(output, [[upload], [hidden]])).toMatchObject({ ids: [], reasons: ["not-found"] });
  });

  it("does not mean an older file that no call names", async () => {
    const older = { ...written, created_at: OLD };
    expect(await repaired([call("df.to_csv(path)"), text], [[older]])).toEqual(MISSING);
  });

  describe("in an answer without a call", () => {
    const older = { ...written, created_at: OLD };
    const reported = async (files: readonly ContainerFile[], input: unknown[] = []) => {
      const request = { tools: [{ type: "code_interpreter", container: "cntr_1" }], input };
      const options = { request, retries: 0 };
      const { report } = await repairResponse(response([text]), () => files, options);
      const reports: Report[] = [];
      const onReport = (it: Report) => void reports.push(it);
      for await (const _ of repairResponseStream(streamOf([text]), () => files, { ...options, onReport }));
      const [plain, streamed] = [report, reports[0]!].map(({ citations, unresolved }) => ({
        ids: citations.map(({ annotation }) => annotation.file_id),
        reasons: unresolved.map(({ reason }) => reason),
      }));
      expect(streamed).toEqual(plain);
      return plain;
    };

    it.each(["/mnt/data/a.csv", "/mnt/data/out/a.csv"])(
      "is cited, though no known call names it: %s",
      async (path) => {
        expect(await reported([{ ...older, path }])).toEqual({ ids: ["new"], reasons: [] });
      },
    );

    it("is not-found if a known call names a path with this name in another folder", async () => {
      const earlier = [call("df.to_csv('/mnt/data/out/a.csv')")];
      expect(await reported([older], earlier)).toEqual({ ids: [], reasons: ["not-found"] });
    });
  });

  it("is not-found if the calls read a file with this name and write another one", async () => {
    const older = { ...written, created_at: OLD };
    const code = "df = pd.read_csv('/mnt/data/a.csv')\ndf.to_csv('/mnt/data/out/a.csv')";
    expect(await repaired([call(code), text], [[older]])).toEqual(MISSING);
  });

  it("waits for a late list before it means an older file that a call names", async () => {
    const older = { ...written, created_at: OLD };
    expect(await repaired([call("pd.read_csv('/mnt/data/a.csv')"), text], [[older]])).toEqual(LATE);
  });
});

it("a percent-encoded name that a call writes with the same escape waits for a late list", async () => {
  const alike = file("/mnt/data/a b.csv", { id: "alike" });
  const meant = file("/mnt/data/out/a%20b.csv", { id: "meant" });
  const output = [call("df.to_csv('/mnt/data/out/a%20b.csv')"), message("[t](sandbox:a%20b.csv)")];
  expect((await repaired(output, [[alike], [alike, meant]])).requests).toBeGreaterThan(1);
});

it("a path whose folder does not exist waits for a late list before it means a new file in another folder", async () => {
  const output = [call("df.to_csv(path)"), message("[t](sandbox:/mnt/data/out/a.csv)")];
  expect(await repaired(output, [[written]])).toMatchObject({ requests: 3, ms: 750 });
});

describe("an ambiguous name whose container another citation of the text names", () => {
  const upload = `/mnt/data/${"0123456789abcdef".repeat(2)}-a.csv`;
  const files = [
    file(upload, { id: "upload", container_id: "cntr_2", source: "user" }),
    written,
    file("/mnt/data/out/b.csv", { id: "b" }),
  ];

  it("means the file of this container", async () => {
    const repair = (text: string) => repairResponse(response([message(text)]), files);
    expect((await repair("See sandbox:a.csv.")).report.unresolved).toMatchObject([{ reason: "ambiguous" }]);
    const text = "See sandbox:a.csv and /mnt/data/out/b.csv.";
    const { report, response: once } = await repair(text);
    expect(report.citations.map(({ annotation }) => annotation.file_id)).toEqual(["new", "b"]);
    expect(report.unresolved).toEqual([]);
    expect((await repairResponse(once, files)).response).toBe(once);
    const reports: Report[] = [];
    const options = { onReport: (one: Report) => void reports.push(one) };
    for await (const _ of repairResponseStream(streamOf([message(text)]), files, options));
    expect(reports[0]!.citations).toEqual(report.citations);
  });

  it("gets a link in the first repair", async () => {
    const options = {
      links: { toUrl: ({ file_id: id }: { file_id: string }) => `u:${id}`, onMissing: () => "missing" },
    };
    const given = message("See [x](sandbox:a.csv) and /mnt/data/out/b.csv.");
    const { response: once } = await repairResponse(response([given]), files, options);
    expect(JSON.stringify(once.output)).toContain("See [x](u:new) and [b.csv](u:b).");
    expect((await repairResponse(once, files, options)).response).toBe(once);
    const events = [];
    for await (const event of repairResponseStream(streamOf([given]), files, options)) events.push(event);
    expect(events.at(-1)).toMatchObject({ response: { output: once.output } });
  });
});
