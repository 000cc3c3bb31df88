/** When a container's list is asked for, and which container's. */
import { describe, expect, it, vi } from "vitest";
import { repairResponse, repairResponseStream } from "../src/index.js";
import { fileNamesIn } from "../src/responses/evidence.js";
import { PLAN, repair } from "./repairing.js";
import { call, cited, file, message, response, type StreamEvent, streamOf } from "./upstream.js";

describe("when the list is asked for", () => {
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
      "code's own dots",
      [call("import random\nrandom.randint(1, 6)"), message("I used random.randint(1, 6).")],
    ],
    [
      "numbers",
      [{ ...call(), outputs: [{ type: "logs", logs: "(2, 6.9868)" }] }, message("The mean is 6.9868.")],
    ],
    ["the folder itself", [call(), message("Everything is in /mnt/data.")]],
    ["a foreign path", [call(), message("See https://example.com/mnt/data/plan.docx")]],
    ["a refusal", [call(), { ...message(), content: [{ type: "refusal", refusal: "/mnt/data/plan.docx" }] }]],
  ];

  it.each(never)("not for %s", async (_, output) => {
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
      "a name where words are not spaced",
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

  it("once where there are calls between the messages: the answer is there, and so is all they wrote", async () => {
    const later = file("/mnt/data/later.csv");
    const output = [call(), message("/mnt/data/plan.docx"), call(), message("/mnt/data/later.csv")];
    const { asked, repaired } = await repair(output, [PLAN, later]);
    expect(cited(repaired)).toEqual(["plan.docx@/mnt/data/plan.docx", "later.csv@/mnt/data/later.csv"]);
    expect(asked).toEqual(["cntr_1"]);
  });

  it("again in a stream for a message after another call, which may have written more", async () => {
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

  it("once again for all the texts that wait for a late file, and not by each", async () => {
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

  it("of 32 containers at most, the nearest, whatever a response names", async () => {
    const calls = Array.from({ length: 100 }, (_, at) => call("", `cntr_${at}`));
    const { asked } = await repair([...calls, message("/mnt/data/plan.docx")], []);
    expect(asked).toEqual(Array.from({ length: 32 }, (_, at) => `cntr_${99 - at}`));
  });
});

describe("which container a message means", () => {
  const inFirst = file("/mnt/data/a.csv", { container_id: "cntr_1" });
  const inSecond = file("/mnt/data/a.csv", { container_id: "cntr_2" });
  const fileIds = (value: unknown): unknown[] => JSON.stringify(value).match(/cfile_\d+/g) ?? [];

  it("the one used last before it", async () => {
    const output = [call("", "cntr_1"), call("", "cntr_2"), message("/mnt/data/a.csv"), call("", "cntr_1")];
    const { repaired } = await repair(output, [inFirst, inSecond]);
    expect(fileIds(repaired.output[2])).toEqual([inSecond.id]);
  });

  it("the others, where that one has no such file", async () => {
    const only = file("/mnt/data/only.csv", { container_id: "cntr_1" });
    const { repaired } = await repair(
      [call("", "cntr_1"), call("", "cntr_2"), message("/mnt/data/only.csv")],
      [only],
    );
    expect(fileIds(repaired.output[2])).toEqual([only.id]);
  });

  it("a hosted shell's", async () => {
    const shell = {
      type: "shell_call",
      environment: { type: "container_reference", container_id: "cntr_2" },
    };
    const { repaired } = await repair([shell, message("/mnt/data/a.csv")], [inSecond]);
    expect(fileIds(repaired.output[1])).toEqual([inSecond.id]);
  });

  it("that of its own citations", async () => {
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

  it("the tools' of the response, or of the request", async () => {
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

  it("a call's or a citation's in the request's input", async () => {
    const input = [call("", "cntr_2"), { role: "user", content: "Send me that link again" }];
    expect((await repair([message("/mnt/data/a.csv")], [inSecond], { request: { input } })).asked).toEqual([
      "cntr_2",
    ]);
    const annotations = [{ type: "container_file_citation", container_id: "cntr_2", file_id: "cfile_0" }];
    const replayed = { request: { input: [message({ text: "x", annotations })] } };
    expect((await repair([message("/mnt/data/a.csv")], [inSecond], replayed)).asked).toEqual(["cntr_2"]);
  });

  it("an earlier one is asked for only if the nearest does not have the file", async () => {
    const request = { input: [call("", "cntr_1")] };
    expect(
      (await repair([call("", "cntr_2"), message("/mnt/data/a.csv")], [inFirst, inSecond], { request }))
        .asked,
    ).toEqual(["cntr_2"]);
    expect(
      (await repair([call("", "cntr_2"), message("/mnt/data/a.csv")], [inFirst], { request })).asked,
    ).toEqual(["cntr_2", "cntr_1"]);
  });

  it.each([
    ["a path", "../../files"],
    ["a path and a query", "cntr_1/../../models?"],
    ["CR LF", "cntr_1\r\nhost: evil"],
    ["NUL", "cntr_1\0"],
    ["empty", ""],
    ["a dot", "."],
    ["two dots", ".."],
    ["1 MB", "a".repeat(1e6)],
    ["a number", 7],
    ["null", null],
    ["__proto__", "__proto__"],
  ])("never one whose id is no id: %s", async (_, id) => {
    const { asked, repaired, given } = await repair(
      [call("", id as string), message("/mnt/data/a.csv")],
      [inFirst],
    );
    expect(asked).toEqual([]);
    expect(repaired).toBe(given);
  });
});

describe("files' names", () => {
  it("are looked for once in a text that is all dots, not once for each dot", () => {
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

  it("begin behind the last character that no name has", () => {
    const names = [...fileNamesIn('open("a.b.csv") x/y.txt, .env.local')].map(({ name }) => name);
    expect(names).toEqual(["a.b", "a.b.csv", "y.txt", ".env.local"]);
  });
});
