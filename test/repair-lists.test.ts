/**
 * Tests which file lists a repair requests, and when.
 * This file is long because a table has one row for each reason to request a list, and for each reason not to.
 */
import { describe, expect, it, vi } from "vitest";
import { fileNamesIn } from "../src/containers/file-names.js";
import { repairResponse, repairResponseStream } from "../src/index.js";
import { PLAN, repair } from "./repairing.js";
import { call, cited, file, message, response, type StreamEvent, streamOf } from "./upstream.js";

describe("requests the list", () => {
  const cite = (text: string, path: string) => {
    const start = text.indexOf(`sandbox:${path}`);
    return {
      text,
      annotations: [
        {
          type: "container_file_citation",
          container_id: "cntr_1",
          file_id: PLAN.id,
          filename: path.slice(path.lastIndexOf("/") + 1),
          start_index: start,
          end_index: start + `sandbox:${path}`.length,
        },
      ],
    };
  };

  const never: [string, unknown[]][] = [
    ["no mention", [call(), message("Done. The sum is 7.")]],
    ["no container is known", [message("Here: /mnt/data/plan.docx")]],
    [
      "every mention is cited",
      [call(), message(cite("[plan](sandbox:/mnt/data/plan.docx)", "/mnt/data/plan.docx"))],
    ],
    [
      "the label of a cited link is a path",
      [call(), message(cite("[/mnt/data/plan.docx](sandbox:/mnt/data/plan.docx)", "/mnt/data/plan.docx"))],
    ],
    [
      "code repeats the path of a cited file",
      [
        call("doc.save('/mnt/data/plan.docx')"),
        message(
          cite(
            "[plan](sandbox:/mnt/data/plan.docx)\n\n```python\ndoc.save('/mnt/data/plan.docx')\n```\n",
            "/mnt/data/plan.docx",
          ),
        ),
      ],
    ],
    [
      "the label of a cited link is the name that a call wrote",
      [
        call("doc.save('/mnt/data/plan.docx')"),
        message(cite("[plan.docx](sandbox:/mnt/data/plan.docx)", "/mnt/data/plan.docx")),
      ],
    ],
    ["a name that no call wrote", [call("print(7)"), message("I recommend numpy.org and plan.docx")]],
    [
      "a name with a dot from the code, such as random.randint",
      [call("import random\nrandom.randint(1, 6)"), message("I used random.randint(1, 6).")],
    ],
    [
      "numbers",
      [{ ...call(), outputs: [{ type: "logs", logs: "(2, 6.9868)" }] }, message("The mean is 6.9868.")],
    ],
    ["the folder itself", [call(), message("Everything is in /mnt/data.")]],
    ["a path inside another URL", [call(), message("See https://example.com/mnt/data/plan.docx")]],
    ["a refusal", [call(), { ...message(), content: [{ type: "refusal", refusal: "/mnt/data/plan.docx" }] }]],
  ];

  it.each(never)("not at all: %s", async (_, output) => {
    const { asked, repaired, given, report } = await repair(output, [PLAN]);
    expect(asked).toEqual([]);
    expect(repaired).toBe(given);
    expect(report.listRequests).toBe(0);
  });

  const once: [string, unknown[]][] = [
    ["a bare path", [call(), message("/mnt/data/plan.docx")]],
    ["two mentions in two parts", [call(), message("/mnt/data/plan.docx", "again /mnt/data/plan.docx")]],
    [
      "a name in a call's code",
      [call("doc.save('/mnt/data/plan.docx')"), message("I wrote plan.docx for you.")],
    ],
    [
      "a name in a call's logs",
      [
        { ...call(), outputs: [{ type: "logs", logs: "saved plan.docx\n" }] },
        message("I wrote **plan.docx**."),
      ],
    ],
    [
      "a name in a script without spaces between words",
      [call("doc.save('plan.docx')"), message("文件已保存为plan.docx，请下载")],
    ],
    [
      "a name in a shell's output",
      [
        {
          type: "shell_call",
          id: "sh_1",
          call_id: "call_1",
          status: "completed",
          action: { commands: ["ls /mnt/data"] },
          environment: { type: "container_reference", container_id: "cntr_1" },
        },
        {
          type: "shell_call_output",
          id: "sho_1",
          call_id: "call_1",
          output: [{ stdout: "plan.docx\n", stderr: "" }],
        },
        message("I wrote plan.docx for you."),
      ],
    ],
  ];

  it.each(once)("once for %s", async (_, output) => {
    const { asked, repaired } = await repair(output, [PLAN]);
    expect(asked).toEqual(["cntr_1"]);
    expect(cited(repaired)).toContainEqual(expect.stringMatching(/^plan\.docx@/));
  });

  it("once if there are calls between the messages of a complete response", async () => {
    const later = file("/mnt/data/later.csv");
    const output = [call(), message("/mnt/data/plan.docx"), call(), message("/mnt/data/later.csv")];
    const { asked, repaired } = await repair(output, [PLAN, later]);
    expect(cited(repaired)).toEqual(["plan.docx@/mnt/data/plan.docx", "later.csv@/mnt/data/later.csv"]);
    expect(asked).toEqual(["cntr_1"]);
  });

  it("again in a stream for a message after another call, which may have written more files", async () => {
    const later = file("/mnt/data/later.csv");
    let asked = 0;
    const list = async () => (asked++ === 0 ? [PLAN] : [PLAN, later]);
    const output = [call(), message("/mnt/data/plan.docx"), call(), message("/mnt/data/later.csv")];
    const out: StreamEvent[] = [];
    for await (const event of repairResponseStream(streamOf(output), list)) out.push(event);
    expect(cited(out.at(-1)!.response)).toEqual([
      "plan.docx@/mnt/data/plan.docx",
      "later.csv@/mnt/data/later.csv",
    ]);
    expect(asked).toBe(2);
  });

  it("again only once for all texts that wait for a late file", async () => {
    vi.useFakeTimers();
    const names = Array.from({ length: 30 }, (_, at) => `late${at}.csv`);
    let asked = 0;
    const list = async () => (asked++ === 0 ? [] : names.map((name) => file(`/mnt/data/${name}`)));
    const output = [call(names.join(" ")), ...names.map((name) => message(`/mnt/data/${name}`))];
    const repairing = repairResponse(response(output), list);
    await vi.advanceTimersByTimeAsync(250);
    expect(cited((await repairing).response)).toHaveLength(30);
    expect(asked).toBe(2);
    vi.useRealTimers();
  });

  it("of at most 32 containers, the nearest ones, if a response names more", async () => {
    const calls = Array.from({ length: 100 }, (_, at) => call("", `cntr_${at}`));
    const { asked } = await repair([...calls, message("/mnt/data/plan.docx")], [], { retries: 0 });
    expect(asked).toEqual(Array.from({ length: 32 }, (_, at) => `cntr_${99 - at}`));
  });
});

describe("which container a message means", () => {
  const inFirst = file("/mnt/data/a.csv", { container_id: "cntr_1" });
  const inSecond = file("/mnt/data/a.csv", { container_id: "cntr_2" });
  const fileIds = (value: unknown): unknown[] => JSON.stringify(value).match(/cfile_\d+/g) ?? [];

  it("the container used last before it", async () => {
    const output = [call("", "cntr_1"), call("", "cntr_2"), message("/mnt/data/a.csv"), call("", "cntr_1")];
    const { repaired } = await repair(output, [inFirst, inSecond]);
    expect(fileIds(repaired.output[2])).toEqual([inSecond.id]);
  });

  it("another container, if the nearest one does not have the file", async () => {
    const only = file("/mnt/data/only.csv", { container_id: "cntr_1" });
    const { repaired } = await repair(
      [call("", "cntr_1"), call("", "cntr_2"), message("/mnt/data/only.csv")],
      [only],
    );
    expect(fileIds(repaired.output[2])).toEqual([only.id]);
  });

  it("the container of a hosted shell", async () => {
    const shell = {
      type: "shell_call",
      environment: { type: "container_reference", container_id: "cntr_2" },
    };
    const { repaired } = await repair([shell, message("/mnt/data/a.csv")], [inSecond]);
    expect(fileIds(repaired.output[1])).toEqual([inSecond.id]);
  });

  it("the container of its own citations", async () => {
    const annotations = [
      {
        type: "container_file_citation",
        container_id: "cntr_2",
        file_id: "cfile_0",
        filename: "c.png",
        start_index: 0,
        end_index: 0,
      },
    ];
    const { asked } = await repair([message({ text: "/mnt/data/a.csv", annotations })], [inSecond]);
    expect(asked).toEqual(["cntr_2"]);
  });

  it("the container that the tools of the response or request name", async () => {
    const tools = [{ type: "code_interpreter", container: "cntr_2" }];
    expect((await repair([message("/mnt/data/a.csv")], [inSecond], {}, { tools })).asked).toEqual(["cntr_2"]);
    expect((await repair([message("/mnt/data/a.csv")], [inSecond], { request: { tools } })).asked).toEqual([
      "cntr_2",
    ]);
    const shell = [{ type: "shell", environment: { type: "container_reference", container_id: "cntr_2" } }];
    expect(
      (await repair([message("/mnt/data/a.csv")], [inSecond], { request: { tools: shell } })).asked,
    ).toEqual(["cntr_2"]);
  });

  it("the container of a call or citation in the request's input", async () => {
    const input = [call("", "cntr_2"), { role: "user", content: "Send me that link again" }];
    expect((await repair([message("/mnt/data/a.csv")], [inSecond], { request: { input } })).asked).toEqual([
      "cntr_2",
    ]);
    const annotations = [{ type: "container_file_citation", container_id: "cntr_2", file_id: "cfile_0" }];
    const replayed = { request: { input: [message({ text: "x", annotations })] } };
    expect((await repair([message("/mnt/data/a.csv")], [inSecond], replayed)).asked).toEqual(["cntr_2"]);
  });

  it("only the container of the call before it, not an older one that the request names", async () => {
    const request = { input: [call("", "cntr_1")] };
    expect(
      (await repair([call("", "cntr_2"), message("/mnt/data/a.csv")], [inFirst, inSecond], { request }))
        .asked,
    ).toEqual(["cntr_2"]);
    expect(
      (await repair([call("", "cntr_2"), message("/mnt/data/a.csv")], [inFirst], { request, retries: 0 }))
        .asked,
    ).toEqual(["cntr_2"]);
  });

  it.each([
    ["a path", "../../files"],
    ["a path and a query", "cntr_1/../../models?"],
    ["base64", "cntr_a/b=="],
    ["__proto__", "__proto__"],
  ])("a container whose id is not of the API's form, by exactly that id: %s", async (_, id) => {
    const inIt = file("/mnt/data/a.csv", { container_id: id });
    const { asked, repaired } = await repair([call("", id), message("/mnt/data/a.csv")], [inFirst, inIt]);
    expect(asked).toEqual([id]);
    expect(fileIds(repaired.output[1])).toEqual([inIt.id]);
  });

  it.each([
    ["CR LF", "cntr_1\r\nhost: evil"],
    ["NUL", "cntr_1\0"],
    ["empty", ""],
    ["a dot", "."],
    ["two dots", ".."],
    ["1 MB", "a".repeat(1e6)],
    ["513 characters", "a".repeat(513)],
    ["a number", 7],
    ["null", null],
  ])("never a container with an invalid id: %s", async (_, id) => {
    const { asked, repaired, given } = await repair(
      [call("", id as string), message("/mnt/data/a.csv")],
      [inFirst],
    );
    expect(asked).toEqual([]);
    expect(repaired).toBe(given);
  });
});

describe("file names", () => {
  it("are found in linear time in a text of dots only", () => {
    const text = "a.a.".repeat(100_000);
    let looked = 0;
    const counted = vi.spyOn(RegExp.prototype, "test").mockImplementation(function (this: RegExp, part) {
      looked++;
      return this.exec(part) !== null;
    });
    const names = [...fileNamesIn(text)];
    counted.mockRestore();
    expect(names.length).toBeGreaterThan(100_000);
    expect(looked).toBeLessThan(text.length * 2);
  });

  it("begin after the last character that cannot be in a name", () => {
    const names = [...fileNamesIn('open("a.b.csv") x/y.txt, .env.local')].map(({ name }) => name);
    expect(names).toEqual(["a.b", "a.b.csv", "y.txt", ".env.local"]);
  });
});

describe("names after a mention of their folder", () => {
  const code = "for n in range(2): plt.savefig(f'/mnt/data/dist_{n}.png')";
  const files = [file("/mnt/data/dist_0.png"), file("/mnt/data/dist_1.png")];

  it.each([
    "Saved in /mnt/data: dist_0.png and dist_1.png",
    "The plots are in `/mnt/data/`:\n- dist_0.png\n- dist_1.png\n",
  ])("are cited even if the code computes them, and the folder is not reported: %s", async (text) => {
    const { repaired, report } = await repair([call(code), message(text)], files);
    expect(cited(repaired)).toEqual(["dist_0.png@dist_0.png", "dist_1.png@dist_1.png"]);
    expect(report.unresolved).toEqual([]);
  });

  it("are not cited without the folder, for an older file, or if two files fit", async () => {
    expect((await repair([call(code), message("Saved: dist_0.png")], files)).asked).toEqual([]);
    const older = files.map((listed) => ({ ...listed, created_at: 1_750_000_000 }));
    const text = "Saved in /mnt/data: dist_0.png";
    expect(cited((await repair([call(code), message(text)], older)).repaired)).toEqual([]);
    const twice = [...files, file("/mnt/data/old/dist_0.png")];
    expect(cited((await repair([call(code), message(text)], twice)).repaired)).toEqual([]);
  });
});
