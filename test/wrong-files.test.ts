/**
 * Tests that a file is not cited if its path or name only looks like the path or name in the text. This file is long because each
 * way to cite a wrong file has a test.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  type ContainerFile,
  createFileCitationsFetch,
  type RepairOptions,
  type Report,
  repairResponse,
  repairResponseStream,
  resolveFileCitations,
} from "../src/index.js";
import { BASE, call, cited, file, json, message, response, streamOf, upstream } from "./upstream.js";

const OLD = 1_750_000_000;

/** Resolves a text. Returns the ids of the cited files, and the reasons of the unresolved mentions. */
function resolved(text: string, paths: readonly string[], source = "assistant") {
  const files = paths.map((path) => file(path, { id: path, source }));
  const { annotations, unresolved } = resolveFileCitations(text, files);
  return {
    ids: annotations.map(({ file_id }) => file_id),
    reasons: unresolved.map(({ reason }) => reason),
  };
}

const NONE = { ids: [], reasons: ["not-found"] };

describe("an upload's former name is found only after a prefix that the API writes", () => {
  it.each([
    "20240101-sales.csv",
    "493012345678-sales.csv",
    "decade-sales.csv",
    "facade-sales.csv",
    "deadbeefdeadbeef-sales.csv",
    "0123456789abcdef0123456789abcdef0-sales.csv",
    "file-final-sales.csv",
    "file_6889aa3a1d0c8191b1-sales.csv",
    "assistant-sales.csv",
  ])("it is not found in %s", (name) => {
    expect(resolved("[it](sandbox:/mnt/data/sales.csv)", [`/mnt/data/${name}`], "user")).toEqual(NONE);
  });

  it.each([
    "0123456789abcdef0123456789abcdef-sales.csv",
    "file-9fW4TrWxDbKZvFzDGXyaSk-sales.csv",
    "assistant-9fW4TrWxDbKZvFzDGXyaSk-sales.csv",
  ])("it is found in %s", (name) => {
    const path = `/mnt/data/${name}`;
    expect(resolved("[it](sandbox:/mnt/data/sales.csv)", [path], "user").ids).toEqual([path]);
  });
});

describe("a file in another folder is cited only one level above or below, and not in folders for backups or for tools:", () => {
  it.each([
    "src/vendor/left-pad/README.md",
    "old/2019/README.md",
    ".trash/README.md",
    ".ipynb_checkpoints/README.md",
    "node_modules/README.md",
    "__MACOSX/README.md",
    "__pycache__/README.md",
    "old/README.md",
    "Backup/README.md",
    "archive/README.md",
    "site-packages/README.md",
  ])("%s is not cited", (path) => {
    expect(resolved("See /mnt/data/README.md", [`/mnt/data/${path}`])).toEqual(NONE);
  });

  it("if there are only such files, the mention is not-found", () => {
    const paths = ["src/vendor/left-pad/README.md", ".trash/README.md", "node_modules/README.md"];
    expect(
      resolved(
        "See /mnt/data/README.md",
        paths.map((path) => `/mnt/data/${path}`),
      ),
    ).toEqual(NONE);
  });

  it("but /mnt/data/old/docs/README.md can mean the file /mnt/data/old/README.md", () => {
    const path = "/mnt/data/old/README.md";
    expect(resolved("See /mnt/data/old/docs/README.md", [path]).ids).toEqual([path]);
  });

  it.each(["docs/README.md", "Docs.old/README.md"])("%s is cited", (path) => {
    expect(resolved("See /mnt/data/README.md", [`/mnt/data/${path}`]).ids).toEqual([`/mnt/data/${path}`]);
  });

  it("neither of two files with the name is cited", () => {
    const paths = ["/mnt/data/docs/README.md", "/mnt/data/.trash/README.md"];
    expect(resolved("See /mnt/data/README.md", paths).ids).toEqual([]);
  });
});

describe("a name means the path that the text shows for it", () => {
  it.each([
    "[report.csv](sandbox:/mnt/data/q3/report.csv)",
    "[`report.csv`](/mnt/data/q3/report.csv)",
    "[/mnt/data/q2/report.csv](sandbox:/mnt/data/q3/report.csv)",
    '<a href="/mnt/data/q3/report.csv">report.csv</a>',
    "I saved report.csv: /mnt/data/q3/report.csv",
  ])("%s", (text) => {
    expect(resolved(text, ["/mnt/data/q2/report.csv"])).toEqual(NONE);
  });
});

describe("a name whose folder the text states is not a file in another folder", () => {
  it.each([
    "In `/mnt/data/q3/`:\n- report.csv",
    "**/mnt/data/q3:**\n\n1. `other.csv` (2 KB)\n2. `report.csv`",
    "/mnt/data/q3\n├── other.csv\n└── report.csv",
    "/mnt/data/q3: report.csv",
    "I saved report.csv in /mnt/data/q3",
    "`report.csv` is now in the folder `/mnt/data/q3`",
    '{"dir": "/mnt/data/q3", "name": "report.csv"}',
    '{"name": "report.csv", "dir": "sandbox:/mnt/data/q3"}',
  ])("%j", (text) => {
    expect(resolved(text, ["/mnt/data/q2/report.csv"]).ids).toEqual([]);
    expect(resolved(text, ["/mnt/data/q3/report.csv"]).ids).toEqual(["/mnt/data/q3/report.csv"]);
    expect(resolved(text, ["/mnt/data/q3/v2/report.csv"]).ids).toEqual(["/mnt/data/q3/v2/report.csv"]);
  });

  it.each([
    "I read everything in /mnt/data/in/ and then I saved report.csv",
    "1. Inputs (in `/mnt/data/in/`):\n   - other.csv\n2. report.csv",
    "I read /mnt/data/in. I saved report.csv",
    "/mnt/data/in -> report.csv",
    "- /mnt/data/in/\n- report.csv",
    "In /mnt/data:\n- report.csv",
    "I made report.csv from /mnt/data/in",
  ])("another folder in the text does not matter: %j", (text) => {
    expect(resolved(text, ["/mnt/data/q2/report.csv"]).ids).toEqual(["/mnt/data/q2/report.csv"]);
  });
});

it("an entry whose path is two paths joined by white space is not a file", () => {
  const joined = file("/mnt/data/a.csv /mnt/data/b.csv", { id: "joined", bytes: null });
  const files = [joined, file("/mnt/data/a.csv", { id: "a" }), file("/mnt/data/b.csv", { id: "b" })];
  const { annotations } = resolveFileCitations("Run `diff /mnt/data/a.csv /mnt/data/b.csv`", files);
  expect(annotations.map(({ file_id }) => file_id)).toEqual(["a", "b"]);
});

describe("a path that can be read in two ways", () => {
  it.each([
    ["a%20b.csv", "a b.csv"],
    ["a&amp;b.csv", "a&b.csv"],
    ["a\\_b.csv", "a_b.csv"],
    ["my%20dir/b.csv", "my dir/b.csv"],
  ])("%s: in a link it is decoded, elsewhere it is ambiguous", (written, meant) => {
    const paths = [`/mnt/data/${written}`, `/mnt/data/${meant}`];
    expect(resolved(`[x](sandbox:/mnt/data/${written})`, paths).ids).toEqual([`/mnt/data/${meant}`]);
    const bare = resolved(`See /mnt/data/${written} there`, paths);
    expect(bare).toEqual({ ids: [], reasons: ["ambiguous"] });
    for (const path of paths) {
      expect(resolved(`See /mnt/data/${written} there`, [path]).ids).toEqual([path]);
      expect(resolved(`[x](sandbox:/mnt/data/${written})`, [path]).ids).toEqual([path]);
    }
  });
});

it.each([
  ["report.csv", "Report.csv"],
  ["Report.csv", "report.csv"],
  ["über.csv", "Über.csv"],
  ["Über.csv", "über.csv"],
  ["über.csv".normalize("NFD"), "Über.csv".normalize("NFD")],
])("%s is cited although the API cited %s, which differs only in case", (name, citedName) => {
  const files = [name, citedName].map((one) => file(`/mnt/data/${one}`, { id: one }));
  const text = `[a](/mnt/data/${name}) and [b](sandbox:/mnt/data/${citedName})`;
  const start_index = text.indexOf("sandbox:");
  const annotations = [
    {
      ...{ type: "container_file_citation", container_id: "cntr_1", file_id: citedName },
      ...{ filename: citedName, start_index, end_index: text.length - 1 },
    },
  ];
  const { citations } = resolveFileCitations(text, files, { annotations });
  expect(citations.map(({ annotation }) => annotation.file_id)).toEqual([name]);
});

it("`sales%2520data.csv` in a link is cited although the API cited `sales data.csv`, which is another file", () => {
  const files = ["sales data.csv", "sales%20data.csv"].map((name) => file(`/mnt/data/${name}`, { id: name }));
  const text = "[a](sandbox:/mnt/data/sales%20data.csv) [b](sandbox:/mnt/data/sales%2520data.csv)";
  const annotations = [
    {
      ...{ type: "container_file_citation", container_id: "cntr_1", file_id: "sales data.csv" },
      ...{ filename: "sales data.csv", start_index: 4, end_index: 38 },
    },
  ];
  const { citations } = resolveFileCitations(text, files, { annotations });
  expect(citations.map(({ annotation }) => annotation.file_id)).toEqual(["sales%20data.csv"]);
});

describe("a name that calls give to two files is ambiguous, also in a link", () => {
  it.each(["[plan](plan.docx)", "See `plan.docx`."])("%s", async (text) => {
    const files = [
      file("/mnt/data/plan.docx", { id: "older", created_at: OLD }),
      file("/mnt/data/out/plan.docx", { id: "new" }),
    ];
    const reads = "print(open('/mnt/data/plan.docx').read())";
    const ask = async (code: string) =>
      (await repairResponse(response([call(code), message(text)]), () => files, { retries: 0 })).report;
    const { citations, unresolved } = await ask(`doc.save('/mnt/data/out/plan.docx')\n${reads}`);
    expect(citations).toEqual([]);
    expect(unresolved.map(({ reason, candidates }) => [reason, candidates?.length])).toEqual([
      ["ambiguous", 2],
    ]);
  });
});

describe("a container that a 0..0 citation of the API names, in an answer without a call", () => {
  const chart = (container_id: string) => ({
    ...{ type: "container_file_citation", container_id, file_id: "cfile_7", filename: "cfile_7.png" },
    ...{ start_index: 0, end_index: 0 },
  });
  const request = { tools: [{ type: "code_interpreter", container: "cntr_1" }] };
  const citedIn = async (text: string, files: readonly ContainerFile[], container: string) => {
    const given = response([message({ text, annotations: [chart(container)] })]);
    const list = (id: string) => files.filter(({ container_id }) => container_id === id);
    const { report } = await repairResponse(given, list, { request, retries: 0 });
    return report.citations.slice(1);
  };

  it("counts as known, so that a file with a similar path in this container may be cited", async () => {
    const files = [file("/mnt/data/report.csv", { id: "known", created_at: OLD })];
    const citations = await citedIn("Again: /mnt/data/out/report.csv", files, "cntr_1");
    expect(citations).toMatchObject([{ match: "moved", annotation: { file_id: "known" } }]);
  });

  it("is used after the nearest known container", async () => {
    const path = "/mnt/data/report.csv";
    const files = [
      file(path, { id: "known" }),
      file(path, { id: "older", container_id: "cntr_0", created_at: OLD }),
    ];
    const citations = await citedIn(`Again: ${path}`, files, "cntr_0");
    expect(citations).toMatchObject([{ match: "path", annotation: { file_id: "known" } }]);
  });
});

describe("a path on another system is not a mention", () => {
  it.each([
    "10.0.0.5:/mnt/data/a.csv",
    "10.0.0.5:22:/mnt/data/a.csv",
    "node1.lan:2222:/mnt/data/a.csv",
    "[::1]:22:/mnt/data/a.csv",
    "node1.lan:/mnt/data/a.csv",
    "files.corp.example.com:/mnt/data/a.csv",
    "[::1]:/mnt/data/a.csv",
    "[fe80::1%25eth0]:/mnt/data/a.csv",
    "user@host:/mnt/data/a.csv",
    "localhost:/mnt/data/a.csv",
    "nas01:/mnt/data/a.csv",
    "db-replica-1:/mnt/data/a.csv",
    ...["nfs", "smb", "az", "gcs", "b2", "webdav", "webdavs", "cifs", "ftps", "oss", "adl", "azure"].map(
      (scheme) => `${scheme}:/mnt/data/a.csv`,
    ),
    "nfs://nas/mnt/data/a.csv",
    "rclone copy gdrive:/mnt/data/a.csv .",
    "kubectl cp pod:/mnt/data/a.csv ./out/",
  ])("%s", (text) => {
    for (const written of [text, `\`${text}\``, `(${text})`, `Copied from ${text}.`]) {
      expect(resolved(written, ["/mnt/data/a.csv"])).toEqual({ ids: [], reasons: [] });
    }
  });

  it.each([
    "Download:/mnt/data/a.csv",
    "a.csv:/mnt/data/a.csv",
    "File 1:/mnt/data/a.csv",
    "文件:/mnt/data/a.csv",
  ])("%s is a mention", (text) => {
    expect(resolved(text, ["/mnt/data/a.csv"]).ids).toContain("/mnt/data/a.csv");
  });
});

describe("a path with %20 that a text names before the call writes it, if an older file has exactly this path", () => {
  const encoded = file("/mnt/data/sales%20data.csv", { id: "cfile_encoded", created_at: OLD });
  const decoded = file("/mnt/data/sales data.csv", { id: "cfile_decoded" });
  const texts = ["I saved /mnt/data/sales%20data.csv.", "I saved [it](sandbox:/mnt/data/sales%20data.csv)."];

  it.each(texts)("is ambiguous if the call writes the decoded path: %s", async (text) => {
    const output = [message(text), call("df.to_csv('/mnt/data/sales data.csv')")];
    const { report } = await repairResponse(response(output), [encoded, decoded], { retries: 0 });
    expect(report.citations).toEqual([]);
    expect(report.unresolved).toMatchObject([{ reason: "ambiguous", candidates: [decoded, encoded] }]);
    const alone = await repairResponse(response(output), [decoded], { retries: 0 });
    expect(alone.report.citations).toMatchObject([{ annotation: { file_id: "cfile_decoded" } }]);
  });

  it("means the new version if the call writes exactly this path", async () => {
    const newer = file(encoded.path, { id: "cfile_newer" });
    const output = [message(texts[0]!), call("save('/mnt/data/sales%20data.csv')")];
    const { report } = await repairResponse(response(output), [encoded, newer], { retries: 0 });
    expect(report.citations).toMatchObject([{ annotation: { file_id: "cfile_newer" } }]);
  });
});

it("a range that ends after the text does not determine the index unit", () => {
  const text = "🎉 Saved to /mnt/data/a.csv, as on https://x.y";
  const end_index = [...text].length + 1;
  const behind = { type: "url_citation", url: "https://x.y/", start_index: end_index - 12, end_index };
  const { annotations } = resolveFileCitations(text, [file("/mnt/data/a.csv")], { annotations: [behind] });
  const { start_index, end_index: end } = annotations[0]!;
  expect([...text].slice(start_index, end).join("")).toBe("/mnt/data/a.csv");
});

it("a path does not mean a new file in another folder if a container has an old file of exactly this path", async () => {
  const files = [
    file("/mnt/data/data.csv", { created_at: OLD, source: "user" }),
    file("/mnt/data/out/data.csv"),
    file("/mnt/data/report.csv", { container_id: "cntr_2" }),
  ];
  const items = [
    { ...call("df.to_csv('/mnt/data/out/data.csv')"), id: "ci_1" },
    { ...call("cp /tmp/result '/mnt/data/report.csv'", "cntr_2"), id: "ci_2" },
    message("[it](sandbox:/mnt/data/data.csv)"),
  ];
  const list = async (id: string) => files.filter((one) => one.container_id === id);
  const { report } = await repairResponse(response(items), list, { retries: 0 });
  expect(report.citations).toEqual([]);
  expect(report.unresolved.map(({ reason }) => reason)).toEqual(["not-found"]);
});

describe("with a late list", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  async function reportOf(
    output: Record<string, unknown>[],
    lists: Record<string, ContainerFile[][]>,
    options: RepairOptions = {},
  ) {
    const asked: string[] = [];
    const repairing = repairResponse(
      response(output),
      async (id) => {
        const before = asked.filter((other) => other === id).length;
        asked.push(id);
        return lists[id]?.at(Math.min(before, lists[id].length - 1)) ?? [];
      },
      options,
    );
    await vi.runAllTimersAsync();
    return (await repairing).report;
  }

  async function citedOf(...given: Parameters<typeof reportOf>) {
    return (await reportOf(...given)).citations.map(({ annotation }) => annotation.file_id);
  }

  const older = file("/mnt/data/report.csv", { id: "older", container_id: "cntr_old", created_at: OLD });
  const meant = file("/mnt/data/report.csv", { id: "meant" });
  const output = (code: string | null) => [
    call(code as string),
    message("Here: [report](sandbox:/mnt/data/report.csv)"),
  ];
  const codes = [
    "(Path('/mnt/data') / 'report.csv').write_text(x)",
    "df.to_csv(os.path.join(DATA, 'report.csv'))",
    "df.to_csv(f'/mnt/data/{name}.csv')",
    "os.chdir('/mnt/data')\ndf.to_csv('report.csv')",
    "df.to_csv('/mnt/data/report.csv')",
    null,
  ];

  it.each(codes)("the new file is cited, not one of an older container: %s", async (code) => {
    const lists = { cntr_1: [[], [meant]], cntr_old: [[older]] };
    const earlier = [call("df.to_csv('/mnt/data/report.csv')", "cntr_old")];
    for (const request of [
      { input: earlier },
      { tools: [{ type: "code_interpreter", container: "cntr_old" }] },
    ]) {
      expect(await citedOf(output(code), lists, { request })).toEqual(["meant"]);
    }
  });

  it.each([...codes, "raise RuntimeError()"])(
    "an older container's file is not cited if the new file never comes: %s",
    async (code) => {
      const lists = { cntr_1: [[]], cntr_old: [[older]] };
      const request = { input: [call("df.to_csv('/mnt/data/report.csv')", "cntr_old")] };
      const { citations, unresolved } = await reportOf(output(code), lists, { request });
      expect(citations).toEqual([]);
      expect(unresolved.map(({ reason }) => reason)).toEqual(["not-found"]);
    },
  );

  it.each([
    "os.chdir('/mnt/data/q3'); open('report.csv', 'w')",
    "%cd /mnt/data/q3\ndf.to_csv('report.csv')",
    "import os\nos.chdir('/mnt/data')\nos.chdir('q3')\ndf.to_csv('report.csv')",
  ])("a new file in another folder is not cited for a path in the working folder: %s", async (code) => {
    const q3 = [call(code), message("Here: [it](sandbox:/mnt/data/q3/report.csv)")];
    const { citations, unresolved } = await reportOf(q3, { cntr_1: [[meant]] });
    expect(citations).toEqual([]);
    expect(unresolved.map(({ reason }) => reason)).toEqual(["not-found"]);
  });

  it("a path with %20 in a link does not mean an older file with exactly this path", async () => {
    const literal = file("/mnt/data/sales%20data.csv", { id: "literal", created_at: OLD });
    const written = file("/mnt/data/sales data.csv", { id: "written" });
    const answer = [
      call("os.chdir('/mnt/data')\ndf.to_csv('sales data.csv')"),
      message("[it](sandbox:/mnt/data/sales%20data.csv)"),
    ];
    expect(await citedOf(answer, { cntr_1: [[literal], [literal, written]] })).toEqual(["written"]);
    expect(await citedOf(answer, { cntr_1: [[literal]] })).toEqual([]);
  });

  it("a path with %20 that the code writes too does not mean a file with the decoded name", async () => {
    const alike = file("/mnt/data/sales data.csv", { id: "alike" });
    const answer = [
      call("df.to_csv('/mnt/data/out/sales%20data.csv')"),
      message("It is in `/mnt/data/out/sales%20data.csv`."),
    ];
    expect(await citedOf(answer, { cntr_1: [[alike]] })).toEqual([]);
  });

  it.each([
    ["/mnt/data/q2/report.csv", "/mnt/data/report.csv", "os.path.join('/mnt/data', 'q2', 'report.csv')"],
    ["/mnt/data/q2/report.csv", "/mnt/data/report.csv", "os.path.join('/mnt/data/', 'q2/', 'report.csv')"],
    ["/mnt/data/q2/report.csv", "/mnt/data/report.csv", "os.path.join(DATA, 'q2', 'report.csv')"],
    ["/mnt/data/q2/report.csv", "/mnt/data/report.csv", "Path('/mnt/data') / 'q2' / 'report.csv'"],
    ["/mnt/data/q2/report.csv", "/mnt/data/report.csv", "out / 'q2' / 'report.csv'"],
    ["/mnt/data/q2/report.csv", "/mnt/data/report.csv", "Path('/mnt/data', 'q2', 'report.csv')"],
    ["/mnt/data/q2/report.csv", "/mnt/data/report.csv", "Path('/mnt/data').joinpath('q2', 'report.csv')"],
    ["/mnt/data/q2/report.csv", "/mnt/data/report.csv", "Path('/mnt/data/q2').joinpath('report.csv')"],
    ["/mnt/data/q2/report.csv", "/mnt/data/report.csv", "'/mnt/data/q2/' + 'report.csv'"],
    ["/mnt/data/q2/report.csv", "/mnt/data/REPORT.csv", "path.join('/mnt/data', 'q2', 'report.csv')"],
    ["/mnt/data/report.csv", "/mnt/data/q2/report.csv", "shutil.copy('/mnt/data/in.csv', 'report.csv')"],
    ["/mnt/data/report.csv", "/mnt/data/q2/report.csv", "shutil.copy('/tmp/in.csv', 'report.csv')"],
    ["/mnt/data/report.csv", "/mnt/data/q2/report.csv", "render('/mnt/data/q2', 'report.csv')"],
  ])("%s does not mean the new file %s after the code %s", async (path, alike, code) => {
    const answer = [call(code), message(`Here: ${path}`)];
    expect(await citedOf(answer, { cntr_1: [[file(alike, { id: "alike" })]] })).toEqual([]);
  });

  it.each(["os.path.join('/tmp', 'report.csv')", "Path('/tmp') / 'q2' / 'report.csv'"])(
    "a file in another folder is cited even if the code joins a path outside of the roots: %s",
    async (code) => {
      const answer = [call(code), message("Here: /mnt/data/report.csv")];
      const moved = file("/mnt/data/q2/report.csv", { id: "moved" });
      expect(await citedOf(answer, { cntr_1: [[moved]] })).toEqual(["moved"]);
    },
  );

  it.each([
    ["an upload", { path: "/mnt/data/0123456789abcdef0123456789abcdef-report.csv", source: "user" }],
    ["another case", { path: "/mnt/data/Report.csv" }],
    ["an extension in another case", { path: "/mnt/data/report.CSV" }],
    ["another folder", { path: "/mnt/data/q2/report.csv" }],
    ["another dash", { path: "/mnt/data/q3\u2011report.csv" }, "/mnt/data/q3-report.csv"],
  ])("no similar file is cited for a written path: %s", async (_, more, path = "/mnt/data/report.csv") => {
    const answer = [call(`df.to_csv('${path}')`), message(`[Report](sandbox:${path})`)];
    for (const created_at of [OLD, 1_760_000_100]) {
      const alike = file("", { id: "alike", created_at, ...more });
      expect(await citedOf(answer, { cntr_1: [[alike]] })).toEqual([]);
    }
  });
});

it("plain and streamed, a name in another letter case is cited from a container that is listed only for another name", async () => {
  const files = [
    file("/mnt/data/out/REPORT.CSV", { id: "report", container_id: "cntr_0" }),
    file("/mnt/data/a.csv", { id: "a", container_id: "cntr_0" }),
  ];
  const output = [
    call("df.to_csv('/mnt/data/out/REPORT.CSV')\ndf.to_csv('/mnt/data/a.csv')", "cntr_0"),
    { ...call("print(1)", "cntr_1"), id: "ci_2" },
    message("See `Report.csv` now. Done: [the file](a.csv)"),
  ];
  const list = (id: string) => files.filter(({ container_id }) => container_id === id);
  const { report } = await repairResponse(response(output), list, { retries: 0 });
  const reports: Report[] = [];
  const onReport = (it: Report) => void reports.push(it);
  for await (const _ of repairResponseStream(streamOf(output), list, { retries: 0, onReport }));
  const [plain, streamed] = [report, ...reports].map(({ citations }) =>
    citations.map(({ annotation }) => annotation.file_id).sort(),
  );
  expect(plain).toEqual(["a", "report"]);
  expect(streamed).toEqual(plain);
});

describe("files that no text mentions", () => {
  it("are cited in the response whose call names them, if two responses share a container", async () => {
    const files = [file("/mnt/data/one.csv"), file("/mnt/data/two.csv")];
    const list = () => files;
    for (const [code, name] of [
      ["df.to_csv('/mnt/data/one.csv')", "one.csv@"],
      ["df.to_csv('two.csv')", "two.csv@"],
      ["print(7)", undefined],
    ] as const) {
      const given = response([call(code), message("Done.")]);
      const { response: repaired, report } = await repairResponse(given, list, { unmentioned: "cite" });
      expect(cited(repaired)).toEqual(name === undefined ? [] : [name]);
      expect(report.unmentioned).toHaveLength(name === undefined ? 2 : 1);
    }
  });
});

describe("a gateway that uses one id for several responses", () => {
  const report = (id: string) => file("/mnt/data/report.csv", { id, container_id: id });

  it("gets nothing from memory for a new response", async () => {
    const answers = [
      response([call("x", "cntr_a"), message("Done.")]),
      response([message("Here: /mnt/data/report.csv")]),
    ];
    const { fetch, lists } = upstream({
      answer: () => json(answers.shift()),
      files: [report("cntr_a")],
    });
    const repairing = createFileCitationsFetch({ fetch });
    const ask = async (body: object) =>
      (await repairing(`${BASE}/responses`, { method: "POST", body: JSON.stringify(body) })).json();
    await ask({});
    expect(cited(await ask({}))).toEqual([]);
    expect(lists()).toEqual([]);
  });

  it("gets nothing from memory for an id that two responses had", async () => {
    const answers = [
      response([call("x", "cntr_a"), message("Done.")]),
      response([call("x", "cntr_b"), message("Done.")]),
      response([message("Here: /mnt/data/report.csv")], { id: "resp_2", previous_response_id: "resp_1" }),
    ];
    const { fetch } = upstream({
      answer: () => json(answers.shift() ?? {}),
      files: [report("cntr_a"), report("cntr_b")],
    });
    const repairing = createFileCitationsFetch({ fetch });
    const ask = async () => (await repairing(`${BASE}/responses`, { method: "POST", body: "{}" })).json();
    await ask();
    await ask();
    expect(cited(await ask())).toEqual([]);
  });
});
