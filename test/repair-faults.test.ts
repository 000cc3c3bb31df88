/** Tests file lists that fail, are wrong, late or missing: the caller gets the response in time, and the report says why. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type ContainerFile, FileCitationsError, type Report, repairResponse } from "../src/index.js";
import { PLAN } from "./repairing.js";
import { call, cited, file, message, response } from "./upstream.js";

describe("an error", () => {
  const output = [call(), message("Here: /mnt/data/plan.docx")];

  it("is in the report, and the response stays unchanged", async () => {
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

  it("is thrown together with the report if onFailure is throw", async () => {
    const promise = repairResponse(response(output), () => Promise.reject(new Error("down")), {
      onFailure: "throw",
    });
    await expect(promise).rejects.toThrow(FileCitationsError);
    await expect(promise).rejects.toMatchObject({ cause: new Error("down"), report: { outcome: "failed" } });
  });

  it("of a nearer container's list: no file of a farther container is cited, as it may be the wrong one", async () => {
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
  ])("of a list that is %s: the response stays unchanged", async (_, files) => {
    const given = response(output);
    const { response: repaired, report } = await repairResponse(given, (async () => files) as never);
    expect(repaired).toBe(given);
    expect(report.outcome).toBe("failed");
    expect(report.error).toBeInstanceOf(Error);
  });

  it("in some entries of a list: only entries that are container files count", async () => {
    const files = [null, 7, "x", {}, { id: "cfile_1" }, { ...PLAN, container_id: "cntr_2" }, PLAN];
    const { response: repaired } = await repairResponse(response(output), (async () => files) as never);
    expect(cited(repaired)).toEqual(["plan.docx@/mnt/data/plan.docx"]);
  });

  it("in the onReport callback is ignored", async () => {
    const onReport = (): never => {
      throw new Error("mine");
    };
    const { response: repaired } = await repairResponse(response(output), [PLAN], { onReport });
    expect(cited(repaired)).toHaveLength(1);
  });

  it.each([
    ["malformed items", [null, 7, "x", [], {}, { type: "message" }, { type: "message", content: "x" }]],
    ["malformed parts", [{ type: "message", content: [null, 7, "x", {}, { type: "output_text" }] }]],
    [
      "malformed annotations",
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
      "calls with invalid fields",
      [
        { type: "code_interpreter_call", outputs: [null], code: 7 },
        { type: "shell_call" },
        { type: "shell_call_output", output: [null] },
      ],
    ],
  ])("%s do not make the repair reject", async (_, odd) => {
    await expect(repairResponse(response(odd), [PLAN])).resolves.toBeDefined();
  });
});

describe("time", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  const output = [call("doc.save('/mnt/data/plan.docx')"), message("Here: /mnt/data/plan.docx")];

  it("a list that hangs: the response is returned unchanged after timeoutMs", async () => {
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
      error: new Error("the container's file list took longer than 300 ms"),
    });
    expect(signal?.aborted).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("several parts share one time limit", async () => {
    const hangs = (): Promise<never> => new Promise(() => {});
    let report: Report | undefined;
    const parts = [call(), message("/mnt/data/a.csv"), call(), message("/mnt/data/b.csv")];
    void repairResponse(response(parts), hangs, { timeoutMs: 300, onReport: (done) => (report = done) });
    await vi.advanceTimersByTimeAsync(300);
    await vi.advanceTimersByTimeAsync(0);
    expect(report?.outcome).toBe("failed");
  });

  it("requests the list again, after growing pauses, if it lacks a file that a call wrote", async () => {
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

  it("requests the list at most `retries` more times, whatever the code says", async () => {
    for (const [code, retries, expected] of [
      ["doc.save('/mnt/data/plan.docx')", 2, 3],
      ["doc.save('/mnt/data/plan.docx')", 1, 2],
      ["doc.save('/mnt/data/plan.docx')", 0, 1],
      ["print(7)", 2, 3],
      ["", 1, 2],
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

  it.each([
    ["none of whose entries is a file", [{ id: "cfile_1", name: "a.csv" }], "failed"],
    ["some of whose entries are files", [{ id: "cfile_1" }, file("/mnt/data/a.csv")], "recovered"],
    [
      "whose entries have the container's native id instead of the gateway's id",
      [file("/mnt/data/a.csv", { container_id: "cntr_9" })],
      "recovered",
    ],
    ["of another file", [file("/mnt/data/b.csv")], "unchanged"],
  ])("the report has the outcome of a list %s", async (_, entries, outcome) => {
    const given = response([call(), message("See /mnt/data/a.csv")]);
    const { report } = await repairResponse(given, () => entries as never, { retries: 0 });
    expect(report.outcome).toBe(outcome);
    const reasons = { failed: ["container-unavailable"], unchanged: ["not-found"], recovered: [] }[outcome];
    expect(report.unresolved.map(({ reason }) => reason)).toEqual(reasons);
  });

  it("a repair ends at once if the signal aborts", async () => {
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

describe("a repeated list request", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("for a late file keeps the files that an earlier call wrote in another container", async () => {
    const old = file("/mnt/data/old.csv", { container_id: "cntr_0" });
    let asked = 0;
    const recovery = repairResponse(
      response([
        call("open('/mnt/data/old.csv', 'w')", "cntr_0"),
        call("open('/mnt/data/plan.docx', 'w')"),
        message("/mnt/data/plan.docx and /mnt/data/old.csv"),
      ]),
      (id) => (id === "cntr_0" ? [old] : asked++ === 0 ? [] : [PLAN]),
    );
    await vi.advanceTimersByTimeAsync(5000);
    expect(cited((await recovery).response)).toEqual([
      "plan.docx@/mnt/data/plan.docx",
      "old.csv@/mnt/data/old.csv",
    ]);
  });

  const output = [call("doc.save('/mnt/data/plan.docx')"), message("Here: /mnt/data/plan.docx")];
  /** Returns a list function. Its first call runs the first function of `lists`, and so on. The last function is repeated. */
  const inTurn = (...lists: (() => ContainerFile[])[]) => {
    let asked = 0;
    return async () => lists[Math.min(asked++, lists.length - 1)]!();
  };
  const down = (): never => {
    throw new Error("down");
  };

  it("is made again if it fails once", async () => {
    const recovery = repairResponse(
      response(output),
      inTurn(
        () => [],
        down,
        () => [PLAN],
      ),
    );
    await vi.advanceTimersByTimeAsync(5000);
    const { response: repaired, report } = await recovery;
    expect(cited(repaired)).toEqual(["plan.docx@/mnt/data/plan.docx"]);
    expect(report).toMatchObject({ outcome: "recovered", listRequests: 3 });
  });

  it("that always fails puts its error in the report", async () => {
    const given = response(output);
    const recovery = repairResponse(
      given,
      inTurn(() => [], down),
    );
    await vi.advanceTimersByTimeAsync(5000);
    const { response: repaired, report } = await recovery;
    expect(repaired).toBe(given);
    expect(report).toMatchObject({ outcome: "failed", error: new Error("down"), listRequests: 3 });
  });

  it.each([
    ["the time is over", { timeoutMs: 100 }, "the container's file list took longer than 100 ms"],
    ["nobody waits any more", {}, "enough"],
  ])("is not made if, in the pause before it, %s", async (_, options, message) => {
    const controller = new AbortController();
    const given = response(output);
    const recovery = repairResponse(
      given,
      inTurn(() => []),
      { ...options, signal: controller.signal },
    );
    await vi.advanceTimersByTimeAsync(100);
    controller.abort(new Error("enough"));
    const { response: repaired, report } = await recovery;
    expect(repaired).toBe(given);
    expect(report).toMatchObject({ error: { message }, listRequests: 1, heldMs: 100 });
    expect(vi.getTimerCount()).toBe(0);
  });

  it("for a late file goes to the request's container again if the calls name no container", async () => {
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
