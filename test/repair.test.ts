import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  type ContainerFile,
  FileCitationsError,
  type RepairOptions,
  type Report,
  repairResponse,
  repairResponseStream,
  resolveFileCitations,
} from "../src/index.js";
import { fileNamesIn } from "../src/responses/evidence.js";
import { describeShared, expectValid } from "./shared.js";
import { call, cited, file, message, response, type StreamEvent, streamOf } from "./upstream.js";

const PLAN = file("/mnt/data/plan.docx");

/** A source that counts, and lists the files of each container. */
function sourceOf(files: readonly ContainerFile[]) {
  const asked: string[] = [];
  const list = async (containerId: string): Promise<ContainerFile[]> => {
    asked.push(containerId);
    return files.filter(({ container_id }) => container_id === containerId);
  };
  return { asked, list };
}

async function repair(
  output: unknown[],
  files: readonly ContainerFile[],
  options: RepairOptions = {},
  more = {},
) {
  const { asked, list } = sourceOf(files);
  const given = response(output, more);
  const copy = structuredClone(given);
  const { response: repaired, report } = await repairResponse(given, list, options);
  expect(given, "the caller's object").toEqual(copy);
  return { given, repaired, report, asked };
}

function frozen<T>(value: T): T {
  if (typeof value === "object" && value !== null) Object.values(Object.freeze(value)).forEach(frozen);
  return value;
}

describe("a response", () => {
  it("gets the missing citation, and a report of it", async () => {
    const { repaired, report, asked } = await repair([call(), message("Here: /mnt/data/plan.docx")], [PLAN]);
    expect(cited(repaired)).toEqual(["plan.docx@/mnt/data/plan.docx"]);
    expect(asked).toEqual(["cntr_1"]);
    expect(report).toEqual({
      responseId: "resp_1",
      outcome: "recovered",
      citations: [
        {
          origin: "recovered",
          outputIndex: 1,
          contentIndex: 0,
          match: "path",
          text: "/mnt/data/plan.docx",
          start: 6,
          end: 25,
          annotation: {
            type: "container_file_citation",
            container_id: "cntr_1",
            file_id: PLAN.id,
            filename: "plan.docx",
            start_index: 6,
            end_index: 25,
          },
        },
      ],
      unresolved: [],
      unmentioned: [],
      containers: ["cntr_1"],
      listRequests: 1,
      heldMs: expect.any(Number),
    });
  });

  it("keeps the API's citations first, as they are, and gets the missing ones behind them", async () => {
    const other = file("/mnt/data/other.csv");
    const text = "[x](sandbox:/mnt/data/other.csv) and /mnt/data/plan.docx";
    const annotations = [
      {
        type: "container_file_citation",
        container_id: "cntr_1",
        file_id: "cfile_chart",
        filename: "cfile_chart.png",
        start_index: 0,
        end_index: 0,
      },
      {
        type: "container_file_citation",
        container_id: "cntr_1",
        file_id: other.id,
        filename: "other.csv",
        start_index: 4,
        end_index: 31,
      },
    ];
    const { repaired, report } = await repair([call(), message({ text, annotations })], [PLAN, other]);
    const part = (repaired.output[1] as { content: { annotations: unknown[] }[] }).content[0]!;
    expect(part.annotations.slice(0, 2)).toEqual(annotations);
    expect(cited(repaired)).toEqual([
      "cfile_chart.png@",
      "other.csv@sandbox:/mnt/data/other.csv",
      "plan.docx@/mnt/data/plan.docx",
    ]);
    expect(report.citations.map(({ origin }) => origin)).toEqual(["api", "api", "recovered"]);
  });

  it("is the same object when nothing was missing, and when nothing was found", async () => {
    for (const text of ["Done.", "It is in /mnt/data/gone.csv."]) {
      const { repaired, given } = await repair([call(), message(text)], [PLAN]);
      expect(repaired).toBe(given);
    }
  });

  it("is repaired once: a second time changes nothing and asks for nothing", async () => {
    const { repaired } = await repair([call(), message("Here: /mnt/data/plan.docx")], [PLAN]);
    const { asked, list } = sourceOf([PLAN]);
    const again = await repairResponse(repaired, list);
    expect(again.response).toBe(repaired);
    expect(again.report.outcome).toBe("nothing-to-do");
    expect(asked).toEqual([]);
  });

  it("is repaired in each part of each message; the parts without one stay the same objects", async () => {
    const output = [
      call(),
      message("First /mnt/data/plan.docx", "nothing here"),
      { id: "rs_1", type: "reasoning", summary: [] },
      message("Second /mnt/data/plan.docx"),
    ];
    const { repaired, given, report } = await repair(output, [PLAN]);
    expect(cited(repaired)).toEqual(["plan.docx@/mnt/data/plan.docx", "plan.docx@/mnt/data/plan.docx"]);
    expect(report.citations).toMatchObject([
      { outputIndex: 1, contentIndex: 0 },
      { outputIndex: 3, contentIndex: 0 },
    ]);
    expect(repaired.output[0]).toBe(given.output[0]);
    expect(repaired.output[2]).toBe(given.output[2]);
  });

  it("keeps what an SDK put on it", async () => {
    const given = response([call(), message("/mnt/data/plan.docx")]);
    Object.defineProperty(given, "_request_id", { value: "req_1", enumerable: false });
    const { response: repaired } = await repairResponse(given, [PLAN]);
    expect(repaired).not.toBe(given);
    expect((repaired as { _request_id?: string })._request_id).toBe("req_1");
    expect(Object.keys(repaired)).toEqual(Object.keys(given));
  });

  it("with files given needs no container in it, and no network", async () => {
    const fetch = vi.spyOn(globalThis, "fetch").mockRejectedValue(new Error("no network"));
    const { response: repaired } = await repairResponse(response([message("/mnt/data/plan.docx")]), [PLAN]);
    expect(cited(repaired)).toEqual(["plan.docx@/mnt/data/plan.docx"]);
    expect(fetch).not.toHaveBeenCalled();
    fetch.mockRestore();
  });
});

describe("what a caller gives", () => {
  it("may be frozen to its depth", async () => {
    const given = frozen(response([call(), message("Here: /mnt/data/plan.docx")]));
    const { response: repaired } = await repairResponse(given, frozen([PLAN]));
    expect(cited(repaired)).toEqual(["plan.docx@/mnt/data/plan.docx"]);
  });

  it("may report to an async function, whose failure is no one's", async () => {
    const rejections: unknown[] = [];
    const note = (reason: unknown): void => void rejections.push(reason);
    process.on("unhandledRejection", note);
    await repair([call(), message("Here: /mnt/data/plan.docx")], [PLAN], {
      onReport: async () => {
        throw new Error("the log is full");
      },
    });
    await new Promise((resolve) => setImmediate(resolve));
    process.off("unhandledRejection", note);
    expect(rejections).toEqual([]);
  });
});

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

describe("what goes wrong", () => {
  const output = [call(), message("Here: /mnt/data/plan.docx")];

  it("is in the report, and the response is the one that came", async () => {
    const given = response(output);
    const { response: repaired, report } = await repairResponse(given, () =>
      Promise.reject(new Error("down")),
    );
    expect(repaired).toBe(given);
    expect(report).toMatchObject({
      outcome: "failed",
      error: new Error("down"),
      listRequests: 1,
      unresolved: [
        { text: "/mnt/data/plan.docx", reason: "container-unavailable", outputIndex: 1, contentIndex: 0 },
      ],
    });
  });

  it("is thrown where that is wanted, with the report", async () => {
    const promise = repairResponse(response(output), () => Promise.reject(new Error("down")), {
      onFailure: "throw",
    });
    await expect(promise).rejects.toThrow(FileCitationsError);
    await expect(promise).rejects.toMatchObject({ cause: new Error("down"), report: { outcome: "failed" } });
  });

  it("a nearer container that fails: a farther one's file may be the wrong one, and is not cited", async () => {
    const list = async (id: string): Promise<ContainerFile[]> => {
      if (id === "cntr_2") throw new Error("expired");
      return [PLAN];
    };
    const given = response([call("", "cntr_1"), call("", "cntr_2"), message("/mnt/data/plan.docx")]);
    const { response: repaired, report } = await repairResponse(given, list);
    expect(repaired).toBe(given);
    expect(report.outcome).toBe("failed");
  });

  it.each([
    ["no array", "files"],
    ["null", null],
  ])("a list of %s", async (_, files) => {
    const given = response(output);
    const { response: repaired, report } = await repairResponse(given, (async () => files) as never);
    expect(repaired).toBe(given);
    expect(report.outcome).toBe("failed");
    expect(report.error).toBeInstanceOf(Error);
  });

  it("a list with entries that are no files of the container: they are left out", async () => {
    const files = [null, 7, "x", {}, { id: "cfile_1" }, { ...PLAN, container_id: "cntr_2" }, PLAN];
    const { response: repaired } = await repairResponse(response(output), (async () => files) as never);
    expect(cited(repaired)).toEqual(["plan.docx@/mnt/data/plan.docx"]);
  });

  it("a callback that throws harms nobody", async () => {
    const onReport = (): never => {
      throw new Error("mine");
    };
    const { response: repaired } = await repairResponse(response(output), [PLAN], { onReport });
    expect(cited(repaired)).toHaveLength(1);
  });

  it.each([
    ["items that are none", [null, 7, "x", [], {}, { type: "message" }, { type: "message", content: "x" }]],
    ["parts that are none", [{ type: "message", content: [null, 7, "x", {}, { type: "output_text" }] }]],
    [
      "annotations that are none",
      [
        call(),
        {
          type: "message",
          content: [
            {
              type: "output_text",
              text: "/mnt/data/plan.docx",
              annotations: [null, 7, { start_index: "x" }],
            },
          ],
        },
      ],
    ],
    [
      "calls that are none",
      [
        { type: "code_interpreter_call", outputs: [null], code: 7 },
        { type: "shell_call" },
        { type: "shell_call_output", output: [null] },
      ],
    ],
  ])("%s do not matter", async (_, odd) => {
    await expect(repairResponse(response(odd), [PLAN])).resolves.toBeDefined();
  });
});

describe("time", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  const output = [call("doc.save('/mnt/data/plan.docx')"), message("Here: /mnt/data/plan.docx")];

  it("a list that hangs: the response is the one that came, when timeoutMs are over", async () => {
    const given = response(output);
    let signal: AbortSignal | undefined;
    const hangs = (_: string, context: { signal: AbortSignal }): Promise<never> => {
      signal = context.signal;
      return new Promise(() => {});
    };
    let result: { response: unknown; report: Report } | undefined;
    void repairResponse(given, hangs, { timeoutMs: 300 }).then((settled) => {
      result = settled;
    });
    await vi.advanceTimersByTimeAsync(299);
    expect(result).toBeUndefined();
    await vi.advanceTimersByTimeAsync(1);
    expect(result?.response).toBe(given);
    expect(result?.report).toMatchObject({
      outcome: "failed",
      heldMs: 300,
      error: new Error("the files' list took longer than 300 ms"),
    });
    expect(signal?.aborted).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("several parts together may not take longer", async () => {
    const hangs = (): Promise<never> => new Promise(() => {});
    let report: Report | undefined;
    const parts = [call(), message("/mnt/data/a.csv"), call(), message("/mnt/data/b.csv")];
    void repairResponse(response(parts), hangs, { timeoutMs: 300, onReport: (done) => (report = done) });
    await vi.advanceTimersByTimeAsync(300);
    await vi.advanceTimersByTimeAsync(0);
    expect(report?.outcome).toBe("failed");
  });

  it("a file that the list does not have yet, but a call wrote: asked for again, with growing pauses", async () => {
    const times: number[] = [];
    const started = Date.now();
    const late = async (): Promise<ContainerFile[]> => {
      times.push(Date.now() - started);
      return times.length === 3 ? [PLAN] : [];
    };
    const promise = repairResponse(response(output), late);
    await vi.advanceTimersByTimeAsync(5000);
    const { response: repaired, report } = await promise;
    expect(cited(repaired)).toEqual(["plan.docx@/mnt/data/plan.docx"]);
    expect(times).toHaveLength(3);
    expect(times[2]! - times[1]!).toBeGreaterThan(times[1]!);
    expect(report).toMatchObject({ outcome: "recovered", listRequests: 3 });
  });

  it("no longer than retries allow, and not at all for what no call wrote", async () => {
    for (const [code, retries, expected] of [
      ["doc.save('/mnt/data/plan.docx')", 2, 3],
      ["doc.save('/mnt/data/plan.docx')", 1, 2],
      ["doc.save('/mnt/data/plan.docx')", 0, 1],
      ["print(7)", 2, 1],
    ] as const) {
      let asked = 0;
      const list = async (): Promise<ContainerFile[]> => {
        asked++;
        return [];
      };
      const given = response([call(code), message("Here: /mnt/data/plan.docx")]);
      const promise = repairResponse(given, list, { retries });
      await vi.advanceTimersByTimeAsync(5000);
      const { response: repaired, report } = await promise;
      expect(repaired).toBe(given);
      expect(report).toMatchObject({ outcome: "unchanged", unresolved: [{ reason: "not-found" }] });
      expect(asked, `${code}, ${retries}`).toBe(expected);
    }
  });

  it("a signal that aborts ends it at once", async () => {
    const controller = new AbortController();
    const given = response(output);
    const promise = repairResponse(given, () => new Promise(() => {}), { signal: controller.signal });
    controller.abort(new Error("enough"));
    const { response: repaired, report } = await promise;
    expect(repaired).toBe(given);
    expect(report.error).toEqual(new Error("enough"));
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("asking again", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("for a file that is late keeps what an earlier container had", async () => {
    const old = file("/mnt/data/old.csv", { container_id: "cntr_0" });
    let asked = 0;
    const recovery = repairResponse(
      response([
        call("open('/mnt/data/plan.docx', 'w')"),
        message("/mnt/data/plan.docx and /mnt/data/old.csv"),
      ]),
      (id) => (id === "cntr_0" ? [old] : asked++ === 0 ? [] : [PLAN]),
      { request: { tools: [{ type: "code_interpreter", container: "cntr_0" }] } },
    );
    await vi.advanceTimersByTimeAsync(5000);
    expect(cited((await recovery).response)).toEqual([
      "plan.docx@/mnt/data/plan.docx",
      "old.csv@/mnt/data/old.csv",
    ]);
  });

  it("for a file that is late asks the containers that came first, where none is near", async () => {
    const { container_id: _, ...nowhere } = call("open('/mnt/data/plan.docx', 'w')");
    const asked: string[] = [];
    const recovery = repairResponse(
      response([nowhere, message("/mnt/data/plan.docx")]),
      (id) => (asked.push(id) === 1 ? [] : [PLAN]),
      { request: { tools: [{ type: "code_interpreter", container: "cntr_1" }] } },
    );
    await vi.advanceTimersByTimeAsync(5000);
    expect(cited((await recovery).response)).toEqual(["plan.docx@/mnt/data/plan.docx"]);
    expect(asked).toEqual(["cntr_1", "cntr_1"]);
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

describe("files that no text mentions", () => {
  const since = 1_760_000_000;
  const chart = file("/mnt/data/chart.png", { created_at: since + 5 });
  const old = file("/mnt/data/old.png", { created_at: since - 5 });
  const upload = file("/mnt/data/input.csv", { created_at: since + 5, source: "user" });

  it("are in the report, when a list was asked for anyway", async () => {
    const { report, repaired } = await repair(
      [call(), message("/mnt/data/plan.docx")],
      [PLAN, chart, old, upload],
    );
    expect(report.unmentioned).toEqual([chart]);
    expect(cited(repaired)).toEqual(["plan.docx@/mnt/data/plan.docx"]);
    expect((await repair([call(), message("Done.")], [chart])).report.unmentioned).toEqual([]);
  });

  it("are cited from 0 to 0 where that is wanted, in the last message, before what was recovered", async () => {
    const output = [call(), message("First."), message("See /mnt/data/plan.docx")];
    const { repaired, report, asked } = await repair(output, [PLAN, chart, old, upload], {
      unmentioned: "cite",
    });
    expect(cited({ output: [repaired.output[1]] })).toEqual([]);
    expect(cited(repaired)).toEqual(["chart.png@", "plan.docx@/mnt/data/plan.docx"]);
    expect(report).toMatchObject({
      outcome: "recovered",
      unmentioned: [],
      citations: [{ match: "unmentioned" }, {}],
    });
    expect(asked).toEqual(["cntr_1"]);
  });

  it("are asked for whenever a call ran, and only then", async () => {
    const { repaired, asked } = await repair([call(), message("Done.")], [chart], { unmentioned: "cite" });
    expect(cited(repaired)).toEqual(["chart.png@"]);
    expect(asked).toEqual(["cntr_1"]);
    expect((await repair([message("Done.")], [chart], { unmentioned: "cite" })).asked).toEqual([]);
  });

  it("are cited once", async () => {
    const { repaired } = await repair([call(), message("Done.")], [chart], { unmentioned: "cite" });
    const again = await repairResponse(repaired, [chart], { unmentioned: "cite" });
    expect(again.response).toBe(repaired);
  });

  it("are not those that a text names without a citation", async () => {
    const { repaired } = await repair([call(), message("See ```\nchart.png\n```")], [chart], {
      unmentioned: "cite",
    });
    expect(cited(repaired)).toEqual([]);
  });
});

describeShared("OpenAI's schema", () => {
  it("takes what comes out, also as the next request's input", async () => {
    const { repaired } = await repair([call(), message("Here: /mnt/data/plan.docx")], [PLAN]);
    expectValid("Response", repaired);
    for (const item of repaired.output) expectValid("InputItem", item);
  });
});

it("a citation whose file name is no text spoils no other", async () => {
  const text = "Here is it, and /mnt/data/plan.docx";
  const odd = {
    type: "container_file_citation",
    container_id: "cntr_1",
    file_id: "cfile_0",
    filename: { name: 7 },
    start_index: 0,
    end_index: 4,
  };
  const { repaired, report } = await repair([call(), message({ text, annotations: [odd] })], [PLAN]);
  expect(report.error).toBeUndefined();
  expect(cited(repaired).at(-1)).toBe("plan.docx@/mnt/data/plan.docx");
  expect(resolveFileCitations(text, [PLAN], { annotations: [odd as never] }).annotations).toHaveLength(1);
});
