/** Tests `unmentioned` with a function, which chooses the unmentioned files to cite. If the function throws, none is cited. */
import { describe, expect, it } from "vitest";
import { createFileCitationsFetch, FileCitationsError, type Report, repairResponse } from "../src/index.js";
import { PLAN, POST, repaired, sourceOf } from "./repairing.js";
import {
  BASE,
  call,
  cited,
  eventsIn,
  file,
  frames,
  message,
  response,
  sse,
  streamOf,
  upstream,
} from "./upstream.js";

const DRAFT = file("/mnt/data/draft.docx");
const PICTURE = file("/mnt/data/cfile_1.png");
const UNNAMED = file("/mnt/data/unnamed.csv");
const FILES = [DRAFT, PLAN, PICTURE, UNNAMED];
const CODE = "save('/mnt/data/draft.docx'); save('/mnt/data/plan.docx'); save('/mnt/data/cfile_1.png')";
const OUTPUT = [call(CODE), message("It is done.")];
const noDrafts = ({ path }: { path: string }): boolean => !/\/(?:draft|cfile_)[^/]*$/.test(path);
const list = sourceOf(FILES).list;

describe("a function", () => {
  it("chooses which files are cited, and the report names the others", async () => {
    const { response: out, report } = await repairResponse(response(OUTPUT), list, { unmentioned: noDrafts });
    expect(cited(out)).toEqual(["plan.docx@"]);
    expect(report.unmentioned).toEqual([DRAFT, PICTURE, UNNAMED]);
    expect(report).toMatchObject({ outcome: "recovered", citations: [{ match: "unmentioned" }] });
  });

  it("is called only for files that a call of the response names", async () => {
    const paths: string[] = [];
    const unmentioned = ({ path }: { path: string }): boolean => paths.push(path) > 0;
    await repairResponse(response(OUTPUT), list, { unmentioned });
    expect(paths).toEqual([DRAFT.path, PLAN.path, PICTURE.path]);
  });

  it("chooses which files are cited in a stream", async () => {
    const { fetch } = upstream({ answer: () => sse(frames(streamOf(OUTPUT))), files: FILES });
    const repairing = createFileCitationsFetch({ fetch, unmentioned: noDrafts });
    const events = eventsIn(await (await repairing(`${BASE}/responses`, POST)).text());
    expect(cited(events.at(-1)!.response)).toEqual(["plan.docx@"]);
    expect(events.filter(({ type }) => type.endsWith("annotation.added"))).toHaveLength(1);
  });
});

describe("a function that fails causes no citation and is reported", () => {
  const fails = (it: { path: string }): boolean => {
    if (it.path === PICTURE.path) throw new Error("no such column");
    return true;
  };

  it("in a response, which is returned unchanged", async () => {
    const given = response(OUTPUT);
    const { response: out, report } = await repairResponse(given, list, { unmentioned: fails });
    expect(out).toBe(given);
    expect(report).toMatchObject({ outcome: "failed", error: { message: "no such column" } });
    expect(report.unmentioned).toEqual([DRAFT, PLAN, PICTURE, UNNAMED]);
  });

  it("in a response whose text names another file, which is cited", async () => {
    const given = response([call(CODE), message("See /mnt/data/plan.docx")]);
    const { response: out, report } = await repairResponse(given, list, { unmentioned: fails });
    expect(cited(out)).toEqual(["plan.docx@/mnt/data/plan.docx"]);
    expect(report.error?.message).toBe("no such column");
  });

  it("in a stream, whose events pass unchanged", async () => {
    const reports: Report[] = [];
    const events = streamOf(OUTPUT);
    const options = { unmentioned: fails, onReport: (it: Report) => void reports.push(it) };
    expect(await repaired(events, list, options)).toEqual(events);
    expect(reports).toMatchObject([{ outcome: "failed", error: { message: "no such column" } }]);
  });

  it('in a repair with onFailure "throw", which rejects', async () => {
    const options = { unmentioned: fails, onFailure: "throw" } as const;
    await expect(repairResponse(response(OUTPUT), list, options)).rejects.toThrow(FileCitationsError);
  });
});
