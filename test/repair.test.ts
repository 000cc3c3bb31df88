/** Tests `repairResponse` with whole responses: missing citations, citations of unmentioned files, and the report. */
import { describe, expect, it, vi } from "vitest";
import { repairResponse, resolveFileCitations } from "../src/index.js";
import { frozen } from "./frozen.js";
import { PLAN, repair, sourceOf } from "./repairing.js";
import { expectValid } from "./schemas.js";
import { call, cited, file, message, response } from "./upstream.js";

describe("a response", () => {
  it("gets the missing citation, and the report names it", async () => {
    const { repaired, report, asked } = await repair([call(), message("Here: /mnt/data/plan.docx")], [PLAN]);
    expect(cited(repaired)).toEqual(["plan.docx@/mnt/data/plan.docx"]);
    expect(asked).toEqual(["cntr_1"]);
    expect(report).toEqual({
      responseId: "resp_1",
      model: "gpt-5",
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
      durationMs: expect.any(Number),
    });
  });

  it("keeps the API's citations unchanged and first, followed by the missing ones", async () => {
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

  it("is the same object if nothing was missing, or if nothing was found", async () => {
    for (const text of ["Done.", "It is in /mnt/data/gone.csv."]) {
      const { repaired, given } = await repair([call(), message(text)], [PLAN]);
      expect(repaired).toBe(given);
    }
  });

  it("is not changed by a second repair, which requests no list", async () => {
    const { repaired } = await repair([call(), message("Here: /mnt/data/plan.docx")], [PLAN]);
    const { asked, list } = sourceOf([PLAN]);
    const again = await repairResponse(repaired, list);
    expect(again.response).toBe(repaired);
    expect(again.report.outcome).toBe("nothing-to-do");
    expect(asked).toEqual([]);
  });

  it("is repaired in every part of every message; unchanged parts stay the same objects", async () => {
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

  it("keeps other properties that an SDK set", async () => {
    const given = response([call(), message("/mnt/data/plan.docx")]);
    Object.defineProperty(given, "_request_id", { value: "req_1", enumerable: false });
    const { response: repaired } = await repairResponse(given, [PLAN]);
    expect(repaired).not.toBe(given);
    expect((repaired as { _request_id?: string })._request_id).toBe("req_1");
    expect(Object.keys(repaired)).toEqual(Object.keys(given));
  });

  it("needs no container id and no network if the source is an array of files", async () => {
    const fetch = vi.spyOn(globalThis, "fetch").mockRejectedValue(new Error("no network"));
    const { response: repaired } = await repairResponse(response([message("/mnt/data/plan.docx")]), [PLAN]);
    expect(cited(repaired)).toEqual(["plan.docx@/mnt/data/plan.docx"]);
    expect(fetch).not.toHaveBeenCalled();
    fetch.mockRestore();
  });
});

describe("the caller's input", () => {
  it("may be deeply frozen", async () => {
    const given = frozen(response([call(), message("Here: /mnt/data/plan.docx")]));
    const { response: repaired } = await repairResponse(given, frozen([PLAN]));
    expect(cited(repaired)).toEqual(["plan.docx@/mnt/data/plan.docx"]);
  });

  it("may have an async onReport, whose rejection is ignored", async () => {
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

describe("unmentioned files", () => {
  const since = 1_760_000_000;
  const chart = file("/mnt/data/chart.png", { created_at: since + 5 });
  const old = file("/mnt/data/old.png", { created_at: since - 5 });
  const upload = file("/mnt/data/input.csv", { created_at: since + 5, source: "user" });

  it("are in the report if a list was requested anyway", async () => {
    const { report, repaired } = await repair(
      [call(), message("/mnt/data/plan.docx")],
      [PLAN, chart, old, upload],
    );
    expect(report.unmentioned).toEqual([chart]);
    expect(cited(repaired)).toEqual(["plan.docx@/mnt/data/plan.docx"]);
    expect((await repair([call(), message("Done.")], [chart])).report.unmentioned).toEqual([]);
  });

  it("are cited as 0..0 with unmentioned: cite, in the last message, before the other recovered citations", async () => {
    const code = "plt.savefig('chart.png'); pd.read_csv('old.csv'); open('upload.csv')";
    const output = [call(code), message("First."), message("See /mnt/data/plan.docx")];
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

  it("are looked for with unmentioned: cite if and only if a call ran", async () => {
    const wrote = call("plt.savefig('/mnt/data/chart.png')");
    const { repaired, asked } = await repair([wrote, message("Done.")], [chart], { unmentioned: "cite" });
    expect(cited(repaired)).toEqual(["chart.png@"]);
    expect(asked).toEqual(["cntr_1"]);
    expect((await repair([message("Done.")], [chart], { unmentioned: "cite" })).asked).toEqual([]);
  });

  it("are cited once if the response is repaired twice", async () => {
    const { repaired } = await repair([call(), message("Done.")], [chart], { unmentioned: "cite" });
    const again = await repairResponse(repaired, [chart], { unmentioned: "cite" });
    expect(again.response).toBe(repaired);
  });

  it("do not include files that a text names without a citation", async () => {
    const { repaired } = await repair([call(), message("See ```\nchart.png\n```")], [chart], {
      unmentioned: "cite",
    });
    expect(cited(repaired)).toEqual([]);
  });
});

describe("the schemas", () => {
  it("accept the repaired response, also as the next request's input", async () => {
    const { repaired } = await repair([call(), message("Here: /mnt/data/plan.docx")], [PLAN]);
    expectValid("Response", repaired);
    for (const item of repaired.output) expectValid("InputItem", item);
  });
});

it("a citation whose file name is not a string does not affect other citations", async () => {
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

describe("a recovery that is aborted or whose lists arrive out of order", () => {
  it.each([0, 1])("leaves the response unchanged if the signal aborts after %i lists", async (after) => {
    const controller = new AbortController();
    const lists: string[] = [];
    if (after === 0) controller.abort(new Error("gone"));
    const list = async (id: string) => {
      lists.push(id);
      if (lists.length > after) controller.abort(new Error("gone"));
      return [file("/mnt/data/a.csv", { container_id: id })];
    };
    const at = "See /mnt/data/a.csv and /mnt/data/b.csv";
    const given = response([call("", "cntr_1"), message(at), call("", "cntr_2"), message(at)]);
    const { response: same, report } = await repairResponse(given, list, { signal: controller.signal });
    expect(same).toBe(given);
    expect(report).toMatchObject({ outcome: "failed", citations: [], error: { message: "gone" } });
  });

  it("reports citations in the order of the response, whichever list arrives first", async () => {
    const citation = { type: "container_file_citation", container_id: "cntr_1", file_id: "cfile_0" };
    const annotations = [{ ...citation, filename: "b.csv", start_index: 4, end_index: 19 }];
    const output = [
      call(),
      message("See /mnt/data/a.csv"),
      message({ text: "See /mnt/data/b.csv", annotations }),
    ];
    const { report } = await repairResponse(response(output), async () => [file("/mnt/data/a.csv")]);
    expect(report.citations.map(({ outputIndex, origin }) => `${outputIndex} ${origin}`)).toEqual([
      "1 recovered",
      "2 api",
    ]);
  });
});
