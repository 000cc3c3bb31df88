/**
 * Tests that no file from before the response is cited by mistake: no older version, no file that a call only reads or lists, and
 * no file of another container. Each output is repaired as a plain response and as a stream, and both must have the same
 * citations. This file is long because each way to cite a wrong file has a test.
 *
 * A look-alike is a file whose path or name is similar to the one in the text.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  type ContainerFile,
  type RepairOptions,
  type Report,
  repairResponse,
  repairResponseStream,
} from "../src/index.js";
import { call, file, message, response, streamOf } from "./upstream.js";

const OLD = 1_750_000_000;
const ROOT = "/mnt/data";

const old = (id: string, path: string, more: Partial<ContainerFile> = {}) =>
  file(`${ROOT}/${path}`, { id, created_at: OLD, ...more });
const fresh = (id: string, path: string, more: Partial<ContainerFile> = {}) =>
  file(`${ROOT}/${path}`, { id, ...more });

let calls = 0;
/** Returns a call with a new id. */
const run = (code: string, containerId = "cntr_1", more: Record<string, unknown> = {}) => ({
  ...call(code, containerId),
  ...{ id: `ci_run${calls++}`, ...more },
});
let messages = 0;
const says = (text: string, annotations: unknown[] = []) => ({
  ...message({ text, annotations }),
  id: `msg_says${messages++}`,
});

/** The lists of each container. Each request gets the next list. After the last list, each request gets the last list again. */
type Lists = Record<string, ContainerFile[][]>;

function listing(lists: Lists): (id: string) => ContainerFile[] {
  const asked = new Map<string, number>();
  return (id) => {
    const before = asked.get(id) ?? 0;
    asked.set(id, before + 1);
    return lists[id]?.at(Math.min(before, lists[id].length - 1)) ?? [];
  };
}

const idsIn = ({ citations }: Report): string[] =>
  citations.flatMap(({ origin, annotation }) => (origin === "api" ? [] : [annotation.file_id]));

/**
 * Returns the ids of the recovered citations. Checks that the plain and the streamed response get the same citations, and that a
 * second repair adds none.
 */
async function citedIn(
  output: Record<string, unknown>[],
  lists: Lists,
  options: RepairOptions = {},
): Promise<string[]> {
  const repairing = repairResponse(response(output), listing(lists), options);
  await vi.runAllTimersAsync();
  const plain = await repairing;
  const reports: Report[] = [];
  const streaming = (async () => {
    const onReport = (report: Report) => void reports.push(report);
    for await (const _ of repairResponseStream(streamOf(output), listing(lists), { ...options, onReport }));
  })();
  await vi.runAllTimersAsync();
  await streaming;
  expect(idsIn(reports[0]!).sort(), "streamed").toEqual(idsIn(plain.report).sort());
  const again = repairResponse(plain.response, listing(lists), options);
  await vi.runAllTimersAsync();
  expect((await again).response, "repaired twice").toBe(plain.response);
  return idsIn(plain.report);
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("the list is requested again if a call wrote a file that the list lacks or has only in an older version:", () => {
  const READ = "df = pd.read_csv('/mnt/data/in/report.csv')";
  it.each([
    ["I saved report.csv", `${READ}; df.to_csv('/mnt/data/report.csv')`],
    ["[it](report.csv)", `${READ}; df.to_csv('report.csv')`],
  ])("a file in another folder has the name: %s", async (text, code) => {
    const input = old("input", "in/report.csv");
    const written = fresh("written", "report.csv");
    const cited = await citedIn([run(code), says(text)], { cntr_1: [[input], [input, written]] });
    expect(cited).not.toContain("input");
    expect(await citedIn([run(code), says(text)], { cntr_1: [[input]] })).toEqual([]);
  });

  it.each([
    ["I updated report.csv", "df.to_csv('/mnt/data/report.csv')"],
    ["[it](report.csv)", "df.to_csv('/mnt/data/report.csv')"],
    ["[it](sandbox:/mnt/data/report.csv)", "df.to_csv('/mnt/data/report.csv')"],
    ["[it](sandbox:/mnt/data/report.csv)", "df.to_csv('report.csv')"],
    ["[it](sandbox:/mnt/data/report.csv)", "os.chdir('/mnt/data'); df.to_csv('report.csv')"],
    ["[it](sandbox:/mnt/data/report.csv)", "df.to_csv(os.path.join('/mnt/data', 'report.csv'))"],
    ["[it](sandbox:/mnt/data/report.csv)", "(Path('/mnt/data') / 'report.csv').write_text(text)"],
    ["[it](sandbox:/mnt/data/report.csv)", "open('report.csv', 'w').write(text)"],
    ["[it](sandbox:/mnt/data/report.csv)", "pdf.output('/mnt/data/report.csv')"],
  ])("the call spells the file's path or name: %s after %s", async (text, code) => {
    const lists = { cntr_1: [[old("older", "report.csv")], [fresh("newer", "report.csv")]] };
    expect(await citedIn([run(code), says(text)], lists)).toEqual(["newer"]);
  });

  it.each([
    null,
    "p = '/mnt/data/report.csv'; df.to_csv(p)",
    "df.to_csv(f'/mnt/data/{name}.csv')",
    "df.to_csv('/mnt/data/' + 'report.csv')",
    "open('/mnt/data/%s' % 'report.csv', 'w').write(text)",
    "open('/mnt/data/report\\x2ecsv', 'w').write(text)",
    "with open(path, mode='a') as log: log.write(text)",
    "(Path('/mnt/data') / 'report').with_suffix('.csv').write_text(text)",
    "Path('/mnt/data/report.csv').touch()",
    "os.rename('/mnt/data/tmp.csv', '/mnt/data/report.csv')",
    "Path('tmp.csv').replace('report.csv')",
    "shutil.copy('/mnt/data/tmp.csv', '/mnt/data/report.csv')",
    "zipfile.ZipFile('/mnt/data/in.zip').extractall('/mnt/data')",
    "urllib.request.urlretrieve(url, '/mnt/data/report.csv')",
    "subprocess.run(['mv', 'tmp.csv', 'report.csv'])",
    "!mv /mnt/data/tmp.csv /mnt/data/report.csv",
    "zipfile.ZipFile(os.path.join(folder, 'report.csv'), 'w')",
    "tarfile.open(path, 'w:gz')",
    "open(\n    path,\n    'w',\n)",
    "joblib.dump(model, path)",
    "pdf.output(path)",
    "xlsxwriter.Workbook(path)",
    "soundfile.write(path, sound, 44100)",
    "imageio.mimsave(path, frames)",
    "sqlite3.connect(path)",
    "h5py.File(path, 'w')",
    "HTML(string=text).write_pdf(path)",
  ])("the code may write the file in another way: %s", async (code) => {
    const lists = { cntr_1: [[old("older", "report.csv")], [fresh("newer", "report.csv")]] };
    const output = [run("", "cntr_1", { code }), says("[it](sandbox:/mnt/data/report.csv)")];
    expect(await citedIn(output, lists)).toEqual(["newer"]);
  });

  const shell = (command: string) => ({
    ...{ type: "shell_call", id: `sh_run${calls++}`, status: "completed", action: { commands: [command] } },
    environment: { type: "container_reference", container_id: "cntr_1" },
  });
  it.each([
    "mv t.csv /mnt/data/report.csv",
    "sed -i s/a/b/ /mnt/data/report.csv",
    "cat x | sort -o /mnt/data/report.csv",
    "python make.py",
    "curl -o /mnt/data/report.csv https://example.com",
    "OUT=/mnt/data/report.csv; echo x > $OUT",
    'echo x > "/mnt/data/$NAME.csv"',
    "echo x > /mnt/data/$NAME.csv",
    'cat x | tee "$OUT"',
    "touch $OUT",
    "for f in a b; do cp $f /mnt/data; done",
    "if python make.py; then echo ok; fi",
    "sleep 1 & python make.py",
    "echo $(python make.py)",
    "env A=1 python make.py",
    "find . -execdir python make.py {} +",
  ])("a shell command may write the file: %s", async (command) => {
    const lists = { cntr_1: [[old("older", "report.csv")], [fresh("newer", "report.csv")]] };
    const output = [shell(command), says("[it](sandbox:/mnt/data/report.csv)")];
    expect(await citedIn(output, lists)).toEqual(["newer"]);
  });

  it("a patch writes the file", async () => {
    const operation = { type: "update_file", path: "report.csv", diff: "+x" };
    const patch = { type: "apply_patch_call", id: "ap_1", status: "completed", operation };
    const lists = { cntr_1: [[old("older", "report.csv")], [fresh("newer", "report.csv")]] };
    const output = [shell("cat report.csv"), patch, says("[it](sandbox:/mnt/data/report.csv)")];
    expect(await citedIn(output, lists)).toEqual(["newer"]);
  });

  it.each([
    run("df = pd.read_csv('/mnt/data/report.csv'); print(df.head().to_string(), df.copy().size)"),
    run("df.rename(columns={'a': 'b'}).to_csv('/mnt/data/other.csv')"),
    run("df.to_csv(os.path.join('/mnt/data', 'other.csv'))"),
    run("with open('/mnt/data/other.csv', 'w') as out: out.write(text.replace('a', 'b'))"),
    run("plt.savefig(fname='/mnt/data/other.png', dpi=100)"),
    run("names = zipfile.ZipFile('all.zip').namelist(); model.eval(); df['a'].str.extract('(.)')"),
    run("wb = openpyxl.Workbook(); wb.save('/mnt/data/other.xlsx')"),
    run("pdf.output('/mnt/data/other.pdf'); counts.rename('count')"),
    shell("cat /mnt/data/report.csv | head -5 && wc -l /mnt/data/report.csv | tee /mnt/data/other.txt"),
    shell("for f in *.csv; do wc -l $f 2>&1; done; if [ -f a ]; then sed -n 1,5p report.csv; fi"),
    shell("echo $(date) > /mnt/data/other.txt; awk '$3 > 5 {print $1}' report.csv"),
  ])("but not if the calls spell the path of each file that they write: %j", async (item) => {
    let requests = 0;
    const list = () => {
      requests++;
      return [old("older", "report.csv")];
    };
    const { report } = await repairResponse(response([item, says("[it](/mnt/data/report.csv)")]), list);
    expect([idsIn(report), requests]).toEqual([["older"], 1]);
  });

  it("the file's name has spaces and ends with another file's name", async () => {
    const code = "df = pd.read_csv('/mnt/data/report.csv'); df.to_csv('/mnt/data/Final report.csv')";
    const input = old("input", "report.csv");
    const lists = { cntr_1: [[input], [input, fresh("final", "Final report.csv")]] };
    expect(await citedIn([run(code), says("I saved Final report.csv")], lists)).toEqual(["final"]);
    expect(await citedIn([run(code), says("**Final report.csv**")], lists)).toEqual(["final"]);
    expect(await citedIn([run(code), says("I saved Final report.csv")], { cntr_1: [[input]] })).toEqual([]);
  });

  it("the file's name is in a script without spaces and ends with another file's name", async () => {
    const code = "df.to_csv('/mnt/data/报告.csv'); df.to_csv('/mnt/data/最新报告.csv')";
    const short = fresh("short", "报告.csv");
    const late = { cntr_1: [[short], [short, fresh("long", "最新报告.csv")]] };
    const texts = ["已保存最新报告.csv。", '{"file": "最新报告.csv"}'];
    for (const text of texts) {
      expect(await citedIn([run(code), says(text)], late)).toEqual(["long"]);
      expect(await citedIn([run(code), says(text)], { cntr_1: [[short]] })).toEqual([]);
    }
    expect(await citedIn([run(code), says("已保存报告.csv。")], { cntr_1: [[short]] })).toEqual(["short"]);
    const relative = "import os\nos.chdir('/mnt/data')\ndf.to_csv('报告.csv'); df.to_csv('最新报告.csv')";
    expect(await citedIn([run(relative), says(texts[0]!)], { cntr_1: [[short]] })).toEqual([]);
    const printing = "df.to_csv('/mnt/data/报告.csv'); print('已保存报告.csv')";
    expect(await citedIn([run(printing), says("已保存报告.csv。")], { cntr_1: [[short]] })).toEqual([
      "short",
    ]);
  });

  it("the text announces the file before the call, in a container that the request names", async () => {
    const output = [
      says("I will overwrite /mnt/data/a.csv"),
      run("open('/mnt/data/a.csv', 'w')"),
      says("Done: [a](sandbox:/mnt/data/a.csv)"),
    ];
    const lists = { cntr_1: [[old("older", "a.csv")], [fresh("newer", "a.csv")]] };
    const request = { tools: [{ type: "code_interpreter", container: "cntr_1" }] };
    expect(await citedIn(output, lists, { request })).toEqual(["newer", "newer"]);
  });
});

it("of two versions of the same second, the one in the latest list is cited", async () => {
  const [first, second] = ["first", "second"].map((id) => fresh(id, "a.csv", { created_at: 1_760_000_100 }));
  const writes = () => run("open('/mnt/data/a.csv', 'w')");
  const events = streamOf([writes(), says("/mnt/data/a.csv"), writes(), says("/mnt/data/a.csv")]);
  const reports: Report[] = [];
  const lists = listing({ cntr_1: [[first!], [second!]] });
  for await (const _ of repairResponseStream(events, lists, { onReport: (report) => reports.push(report) }));
  expect(idsIn(reports[0]!)).toEqual(["first", "second"]);
  expect(reports[0]!.unmentioned).toEqual([]);
});

describe("a look-alike is not cited for a path that a call may have written:", () => {
  const UPLOAD = "0123456789abcdef0123456789abcdef-sales.csv";
  it.each([
    ["[x](sandbox:/mnt/data/sales.csv)", `read_csv('/mnt/data/${UPLOAD}'); df.to_csv('sales.csv')`, UPLOAD],
    ["[x](sandbox:/mnt/data/out/a.csv)", "read_csv('/mnt/data/a.csv'); df.to_csv('out/a.csv')", "a.csv"],
    ["/mnt/data/Report.csv", "read_csv('/mnt/data/report.csv'); df.to_csv('Report.csv')", "report.csv"],
    ["/mnt/data/out/a.csv", "read('/mnt/data/a.csv'); df.to_csv(join('/mnt/data/out', 'a.csv'))", "a.csv"],
    ["/mnt/data/out/a.csv", "read('/mnt/data/a.csv'); (Path('/mnt/data/out') / 'a.csv').touch()", "a.csv"],
    ["[x](sandbox:/mnt/data/a.csv)", "df.to_csv('/mnt/data/tmp/a.csv'); df2.to_csv('a.csv')", "tmp/a.csv"],
  ])("the code names the look-alike and writes the path: %s after %s", async (text, code, path) => {
    const source = path === UPLOAD ? "user" : "assistant";
    for (const created_at of [OLD, 1_760_000_100]) {
      const alike = old("alike", path, { source, created_at });
      expect(await citedIn([run(code), says(text)], { cntr_1: [[alike]] })).toEqual([]);
    }
  });

  it.each([
    ["[x](sandbox:/mnt/data/a.csv)", "read_csv('/mnt/data/out/a.csv').to_csv(path)", "out/a.csv"],
    ["[x](sandbox:/mnt/data/a.csv)", "shutil.copy('/mnt/data/out/a.csv', path)", "out/a.csv"],
    ["[x](sandbox:/mnt/data/a.csv)", "os.remove('/mnt/data/out/a.csv'); df.to_csv(path)", "out/a.csv"],
    ["[x](sandbox:/mnt/data/a.csv)", "# not /mnt/data/out/a.csv\ndf.to_csv(path)", "out/a.csv"],
    ["/mnt/data/A.csv", "read_csv('/mnt/data/a.csv').to_csv(path)", "a.csv"],
    ["[x](sandbox:/mnt/data/sales.csv)", `read_csv('/mnt/data/${UPLOAD}').to_csv(path)`, UPLOAD],
  ])(
    "the code names the look-alike and writes a path that it does not spell: %s after %s",
    async (text, code, path) => {
      const source = path === UPLOAD ? "user" : "assistant";
      expect(await citedIn([run(code), says(text)], { cntr_1: [[old("alike", path, { source })]] })).toEqual(
        [],
      );
    },
  );

  it("the look-alike is an upload of this response's request", async () => {
    const upload = fresh("upload", UPLOAD, { source: "user" });
    const text = "[x](sandbox:/mnt/data/sales.csv)";
    expect(await citedIn([run("clean(load()).to_csv(path)"), says(text)], { cntr_1: [[upload]] })).toEqual(
      [],
    );
    expect(await citedIn([run("print(describe())"), says(text)], { cntr_1: [[upload]] })).toEqual(["upload"]);
  });

  it("a patch creates the file by a relative path", async () => {
    const output = [
      {
        type: "shell_call",
        id: "sh_1",
        status: "completed",
        action: { commands: ["cat /mnt/data/lib/a.py"] },
        environment: { type: "container_reference", container_id: "cntr_1" },
      },
      {
        type: "apply_patch_call",
        id: "ap_1",
        status: "completed",
        operation: { type: "create_file", path: "a.py", diff: "+x" },
      },
      says("See /mnt/data/a.py"),
    ];
    expect(await citedIn(output, { cntr_1: [[old("alike", "lib/a.py")]] })).toEqual([]);
  });

  it("a call only lists the look-alike", async () => {
    const outputs = [{ type: "logs", logs: "['/mnt/data/archive/report.csv']" }];
    const output = [
      run("print(glob.glob('/mnt/data/**'))", "cntr_1", { outputs }),
      run("main()"),
      says("[Download](sandbox:/mnt/data/report.csv)"),
    ];
    expect(await citedIn(output, { cntr_1: [[old("archive", "archive/report.csv")]] })).toEqual([]);
  });

  it("the path is in a code block, and the first list lacks the file", async () => {
    const input = old("input", "report.csv");
    const output = [
      run("df = pd.read_csv('/mnt/data/report.csv'); df.to_csv(out/'report.csv')"),
      says("The file is at\n```\n/mnt/data/out/report.csv\n```"),
    ];
    const lists = { cntr_1: [[input], [input, fresh("written", "out/report.csv")]] };
    expect(await citedIn(output, lists)).not.toContain("input");
  });
});

it("a bare name is ambiguous if a farther container has an old file of this name, and the nearest a similar name", async () => {
  const output = [
    run("open(p, 'w')", "cntr_2"),
    run("open('/mnt/data/report.csv', 'w')"),
    says("The file Report.csv is ready in `/mnt/data`."),
  ];
  const lists: Record<string, ContainerFile[]> = {
    cntr_1: [fresh("new", "report.csv")],
    cntr_2: [old("old", "sub/Report.csv", { container_id: "cntr_2" })],
  };
  const { report } = await repairResponse(response(output), async (id) => lists[id] ?? [], { retries: 0 });
  expect(idsIn(report)).toEqual([]);
  expect(report.unresolved).toContainEqual(
    expect.objectContaining({ text: "Report.csv", reason: "ambiguous" }),
  );
});

describe("several containers", () => {
  const of = (agent: string, item: Record<string, unknown>) => ({ ...item, agent: { agent_name: agent } });

  it("what the nearer call writes by a relative path is not the farther container's file", async () => {
    const output = [
      of("a", run("open('/mnt/data/a.csv', 'w')", "cntr_1")),
      of("b", run("open('a.csv', 'w')", "cntr_2")),
      of("b", says("Wrote /mnt/data/a.csv")),
    ];
    expect(await citedIn(output, { cntr_1: [[fresh("a", "a.csv")]], cntr_2: [[]] })).toEqual([]);
  });

  it("the file that a call wrote is cited, and not an older file in the container of a later call", async () => {
    const output = [
      run("df.to_csv('/mnt/data/report.csv')", "cntr_1"),
      run("print(1)", "cntr_2"),
      says("Saved /mnt/data/report.csv"),
    ];
    const lists = {
      cntr_1: [[fresh("written", "report.csv")]],
      cntr_2: [[old("older", "report.csv", { container_id: "cntr_2" })]],
    };
    expect(await citedIn(output, lists)).toEqual(["written"]);
  });

  it("an older file is not cited for a path that a later call writes, even if another file of its container is cited", async () => {
    const output = [
      says("See /mnt/data/b.csv. Next I write /mnt/data/a.csv"),
      run("open('/mnt/data/a.csv', 'w')"),
      says("done"),
    ];
    const known = { container_id: "cntr_2" };
    const lists = { cntr_1: [[]], cntr_2: [[old("b", "b.csv", known), old("a", "a.csv", known)]] };
    const request = { tools: [{ type: "code_interpreter", container: "cntr_2" }] };
    expect(await citedIn(output, lists, { request, retries: 0 })).toEqual(["b"]);
  });

  it("an older file in a later call's container is not cited, even if the file that this call writes is cited", async () => {
    const output = [
      says("I read [in](sandbox:/mnt/data/in.csv) and will write [out](sandbox:/mnt/data/out.csv)."),
      run("read_csv('/mnt/data/in.csv').to_csv('/mnt/data/out.csv')"),
      says("done"),
    ];
    const lists = { cntr_1: [[old("in", "in.csv"), fresh("out", "out.csv")]] };
    expect(await citedIn(output, lists, { retries: 0 })).toEqual(["out"]);
  });

  it("an older file of a known container is cited, although a later call's container has an older upload of its path", async () => {
    const output = [
      says("See [it](sandbox:/mnt/data/report.csv)."),
      run("df.to_csv('/mnt/data/data.csv')"),
      says("done"),
    ];
    const upload = old("upload", "report.csv", { source: "user" });
    const lists = { cntr_1: [[upload]], cntr_2: [[old("older", "report.csv", { container_id: "cntr_2" })]] };
    const request = { tools: [{ type: "code_interpreter", container: "cntr_2" }] };
    expect(await citedIn(output, lists, { request, retries: 0 })).toEqual(["older"]);
  });

  it("an older file is cited if a later command only writes a file whose longer name ends with its name", async () => {
    const command = "cp /tmp/result '/mnt/data/sales data.csv'";
    const output = [
      says("See [it](sandbox:/mnt/data/data.csv)."),
      {
        ...{ type: "shell_call", id: "sh_later", status: "completed", action: { commands: [command] } },
        environment: { type: "container_reference", container_id: "cntr_1" },
      },
      says("done"),
    ];
    const lists = { cntr_1: [[]], cntr_2: [[old("data", "data.csv", { container_id: "cntr_2" })]] };
    const request = { tools: [{ type: "code_interpreter", container: "cntr_2" }] };
    expect(await citedIn(output, lists, { request, retries: 0 })).toEqual(["data"]);
  });

  it("an older file is not cited if only a 0..0 citation and a later call name its container", async () => {
    const chart = {
      ...{ type: "container_file_citation", container_id: "cntr_2", file_id: "z", filename: "z.png" },
      ...{ start_index: 0, end_index: 0 },
    };
    const output = [
      run("x()", "cntr_1"),
      says("See /mnt/data/b.csv", [chart]),
      run("y()", "cntr_2"),
      says("ok"),
    ];
    const lists = { cntr_1: [[]], cntr_2: [[old("b", "b.csv", { container_id: "cntr_2" })]] };
    expect(await citedIn(output, lists, { retries: 0 })).toEqual([]);
  });
});

describe("a bare name, if the root has an older file of that name", () => {
  it.each([
    "os.chdir('/tmp')\ndf.to_csv('report.csv')",
    "os.chdir('/mnt/data/q3/')\ndf.to_csv('report.csv')",
    "os.makedirs('q3'); os.chdir('q3')\ndf.to_csv('report.csv')",
    "os.chdir(out)\ndf.to_csv('report.csv')",
    "os.chdir(Path('/tmp'))\nopen('report.csv', 'w').write(text)",
    "df.to_csv(os.path.join(out, 'report.csv'))",
    "df.to_csv(out / 'report.csv')",
    "df.to_csv('/mnt/data/q3/report.csv')",
    "print(open('/mnt/data/report.csv').read())\nos.chdir('/tmp')\ndf.to_csv('report.csv')",
    "archive = ZipFile('/mnt/data/all.zip', 'w')\narchive.writestr('report.csv', text)",
    "archive = ZipFile('/mnt/data/all.zip', 'w')\narchive.write(path, arcname='report.csv')",
  ])("means no file if the code may write another one: %s", async (code) => {
    const output = [run(code), says("I saved `report.csv`.")];
    expect(await citedIn(output, { cntr_1: [[old("old", "report.csv")]] }, { retries: 0 })).toEqual([]);
  });

  it.each(["cd /tmp && echo a > report.csv", 'cd "$OUT" && echo a > report.csv'])(
    "means no file if a command may write another one: %s",
    async (command) => {
      const shell = {
        ...{ type: "shell_call", id: "sh_1", call_id: "call_1", status: "completed" },
        environment: { type: "container_reference", container_id: "cntr_1" },
        action: { commands: [command], timeout_ms: null, max_output_length: null },
      };
      const output = [shell, says("I saved `report.csv`.")];
      expect(await citedIn(output, { cntr_1: [[old("old", "report.csv")]] }, { retries: 0 })).toEqual([]);
    },
  );

  it.each([
    "df = pd.read_csv('report.csv')",
    "df.to_csv('report.csv')",
    "os.chdir('/mnt/data')\ndf.to_csv('report.csv')",
    "df.to_csv(os.path.join('/mnt/data', 'report.csv'))",
    "df.to_csv('/mnt/data/report.csv')",
  ])("means that file if the code names it: %s", async (code) => {
    const output = [run(code), says("I used `report.csv`.")];
    expect(await citedIn(output, { cntr_1: [[old("old", "report.csv")]] }, { retries: 0 })).toEqual(["old"]);
  });
});

it("a file that was written long after the response ended is not one of its unmentioned files", async () => {
  const later = fresh("later", "x/report.pdf", { created_at: 1_760_100_000 });
  const given = response([run("open('report.pdf', 'w')"), says("Done.")], {
    created_at: 1_760_000_000,
    completed_at: 1_760_000_060,
  });
  const { report } = await repairResponse(given, () => [later], { unmentioned: "cite", retries: 0 });
  expect(report.citations).toEqual([]);
  expect(report.unmentioned).toEqual([]);
});
