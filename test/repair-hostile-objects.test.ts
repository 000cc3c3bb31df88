/**
 * Tests that a response is returned unchanged and reported if reading the response throws, for example in a getter or a revoked
 * proxy. Also tests many repairs with one abort signal.
 */
import { getEventListeners } from "node:events";
import { setImmediate } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FileCitationsError, type Report, repairResponse } from "../src/index.js";
import { PLAN } from "./repairing.js";
import { call, cited, file, message, response } from "./upstream.js";

const BROKEN = new Error("not today");

/** Returns a copy of the object with one property whose getter throws. */
function throwing<T extends object>(object: T, name: string, thrown: unknown = BROKEN): T {
  return Object.defineProperty({ ...object }, name, {
    enumerable: true,
    configurable: true,
    get() {
      throw thrown;
    },
  });
}

const revoked = (): never => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy as never;
};

/** Returns a proxy whose traps all throw. */
const trapping = <T extends object>(target: T): T =>
  new Proxy(
    target,
    Object.fromEntries(
      ["get", "has", "ownKeys", "getOwnPropertyDescriptor", "getPrototypeOf"].map((trap) => [
        trap,
        () => {
          throw BROKEN;
        },
      ]),
    ),
  );

const TEXT = "Here: /mnt/data/plan.docx";
const first = message(TEXT);
const withPart = (change: (part: object) => unknown): Record<string, unknown> => ({
  ...message(TEXT),
  content: [change((message(TEXT).content as object[])[0]!)],
});
const withItem = (item: unknown): object => ({ ...response([]), output: [call(), first, item, first] });
const whole = (): object => response([call(), first]);

const cases: [string, () => object][] = [
  ["the response's output", () => throwing(whole(), "output")],
  ["the response's tools", () => throwing(response([message(TEXT)]), "tools")],
  ["the response's id", () => throwing(whole(), "id")],
  ["the response's created_at", () => throwing(whole(), "created_at")],
  ["a response that is a proxy", () => trapping(whole())],
  ["a response that is a revoked proxy", revoked],
  ["an output that is a revoked proxy", () => ({ ...response([]), output: revoked() })],
  ["an item that is a revoked proxy", () => withItem(revoked())],
  ["an item that is a proxy", () => withItem(trapping({}))],
  ["an item's type", () => withItem(throwing(message(TEXT), "type"))],
  ["an item's content", () => withItem(throwing(message(TEXT), "content"))],
  ["an item's role", () => withItem(throwing(message(TEXT), "role"))],
  ["a call's container_id", () => withItem(throwing(call(), "container_id"))],
  ["a call's code", () => withItem(throwing(call(), "code"))],
  ["a part's type", () => withItem(withPart((part) => throwing(part, "type")))],
  ["a part's text", () => withItem(withPart((part) => throwing(part, "text")))],
  ["a part's annotations", () => withItem(withPart((part) => throwing(part, "annotations")))],
  ["a part that is a revoked proxy", () => withItem(withPart(revoked))],
  [
    "an annotation's container_id",
    () => {
      const annotation = throwing({ type: "container_file_citation" }, "container_id");
      return withItem(message({ text: TEXT, annotations: [annotation] }));
    },
  ],
  [
    "an annotation that is a revoked proxy",
    () => withItem(message({ text: TEXT, annotations: [revoked()] })),
  ],
  [
    "an item that cannot be copied",
    () => {
      const item = new Proxy(message(TEXT), {
        ownKeys() {
          throw BROKEN;
        },
      });
      return withItem(item);
    },
  ],
];

describe("a response that throws when it is read", () => {
  const unhandled: unknown[] = [];
  const note = (reason: unknown): void => void unhandled.push(reason);
  beforeEach(() => {
    unhandled.length = 0;
    process.on("unhandledRejection", note);
  });
  afterEach(async () => {
    await setImmediate();
    process.off("unhandledRejection", note);
    expect(unhandled).toEqual([]);
  });

  describe.each(cases)("%s", (_, make) => {
    it.each(["report", "cite"] as const)(
      "is returned unchanged, and the report has the error, with unmentioned: %s",
      async (unmentioned) => {
        const given = make();
        const reports: Report[] = [];
        const result = await repairResponse(given as { output: unknown }, async () => [PLAN], {
          unmentioned,
          retries: 0,
          onReport: (report) => reports.push(report),
        });
        expect(result.response === given).toBe(true);
        expect(reports).toEqual([result.report]);
        expect(result.report.outcome).toBe("failed");
        expect(result.report.error).toBeInstanceOf(Error);
        expect(result.report.citations.filter(({ origin }) => origin === "recovered")).toEqual([]);
      },
    );

    it("causes an error if onFailure is throw", async () => {
      const repairing = repairResponse(make() as { output: unknown }, [PLAN], { onFailure: "throw" });
      await expect(repairing).rejects.toThrow(FileCitationsError);
    });
  });

  it.each([
    ["nothing", undefined],
    ["a string", "no"],
    ["a symbol", Symbol("no")],
    ["an object without a prototype", Object.create(null)],
    ["a revoked proxy", revoked()],
  ])("is returned unchanged, whatever its getter throws: %s", async (_, thrown) => {
    const given = throwing(whole() as { output: unknown }, "output", thrown);
    const result = await repairResponse(given, [PLAN]);
    expect(result.response).toBe(given);
    expect(result.report).toMatchObject({ outcome: "failed" });
    expect(result.report.error).toBeInstanceOf(Error);
  });

  it.each(["type", "id", "role"])(
    "is repaired if an item's %s cannot be converted to a string",
    async (name) => {
      const item = { ...message(TEXT), id: "msg_2", [name]: { toString: "" } };
      const given = { ...response([]), output: [call(), first, item] };
      const { report } = await repairResponse(given, [PLAN], { unmentioned: "cite", retries: 0 });
      expect(report.error).toBeUndefined();
      expect(report.outcome).toBe("recovered");
    },
  );

  it("is reported with its id if the id can be read", async () => {
    const { report } = await repairResponse(throwing(whole() as { output: unknown }, "output"), [PLAN]);
    expect(report.responseId).toBe("resp_1");
    expect(report.error).toBe(BROKEN);
  });

  it("is reported if the input of its request cannot be read", async () => {
    const given = whole() as { output: unknown };
    const request = throwing({ input: [] }, "input");
    const result = await repairResponse(given, [PLAN], { request });
    expect(result.response).toBe(given);
    expect(result.report).toMatchObject({ outcome: "failed", responseId: "resp_1", error: BROKEN });
    const throws = repairResponse(given, [PLAN], { request, onFailure: "throw" });
    await expect(throws).rejects.toThrow(FileCitationsError);
  });

  it.each(["id", "container_id", "path", "source", "created_at"])(
    "causes a TypeError if a file's %s cannot be read",
    async (name) => {
      const repairing = repairResponse(whole() as { output: unknown }, [throwing(PLAN, name)]);
      await expect(repairing).rejects.toThrow(/^source\[0\] must be a container file/);
    },
  );

  it("causes a TypeError if an argument is wrong", async () => {
    const given = throwing(whole() as { output: unknown }, "output");
    await expect(repairResponse(given, 7 as never)).rejects.toThrow(TypeError);
    await expect(repairResponse(given, [PLAN], { retries: -1 })).rejects.toThrow(TypeError);
    for (const none of [null, 7, "x", [], {}, { output: 7 }, { output: null }]) {
      await expect(repairResponse(none as never, [PLAN])).rejects.toThrow(TypeError);
    }
  });
});

describe("one signal for many repairs", () => {
  const warnings: string[] = [];
  const note = ({ name }: Error): void => void warnings.push(name);
  beforeEach(() => {
    warnings.length = 0;
    process.on("warning", note);
  });
  afterEach(() => void process.off("warning", note));

  it.each([12, 1000])("causes no warning and leaves no listener with %i repairs at once", async (count) => {
    const { signal } = new AbortController();
    let most = 0;
    const list = async () => {
      most = Math.max(most, getEventListeners(signal, "abort").length);
      await setImmediate();
      return [PLAN];
    };
    const results = await Promise.all(
      Array.from({ length: count }, () => repairResponse(whole() as { output: unknown }, list, { signal })),
    );
    for (const result of results) expect(cited(result.response)).toHaveLength(1);
    await setImmediate();
    expect(warnings).toEqual([]);
    expect(most).toBe(1);
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });

  it("ends all its repairs when it aborts, and no repair with another signal", async () => {
    const [one, other] = [new AbortController(), new AbortController()];
    let release = (): void => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const list = async () => {
      await released;
      return [PLAN];
    };
    const repairs = (signal: AbortSignal) =>
      Array.from({ length: 20 }, () => repairResponse(whole() as { output: unknown }, list, { signal }));
    const [stopped, going] = [repairs(one.signal), repairs(other.signal)];
    await setImmediate();
    one.abort(new Error("enough"));
    for (const { report } of await Promise.all(stopped)) expect(report.error).toEqual(new Error("enough"));
    release();
    for (const { report } of await Promise.all(going)) expect(report.outcome).toBe("recovered");
    expect(getEventListeners(one.signal, "abort")).toEqual([]);
    expect(getEventListeners(other.signal, "abort")).toEqual([]);
  });

  it("can be used again after its repairs have ended", async () => {
    const controller = new AbortController();
    const { signal } = controller;
    await repairResponse(whole() as { output: unknown }, [PLAN], { signal });
    const hanging = repairResponse(whole() as { output: unknown }, () => new Promise(() => {}), { signal });
    await setImmediate();
    controller.abort(new Error("enough"));
    expect((await hanging).report.error).toEqual(new Error("enough"));
  });

  it("is not passed to list functions, which may leave listeners on their signal", async () => {
    const ids = Array.from({ length: 32 }, (_, at) => `cntr_${at}`);
    const { report } = await repairResponse(
      response([...ids.map((id) => call("", id)), message(TEXT)]),
      (_, { signal }) => {
        signal.addEventListener("abort", () => {});
        return [file("/mnt/data/other.csv")];
      },
      { retries: 0 },
    );
    await setImmediate();
    expect(report.containers).toHaveLength(32);
    expect(warnings).toEqual([]);
  });
});
