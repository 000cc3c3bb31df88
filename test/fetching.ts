/** Sets up the middleware in front of a fake API whose answer mentions one file without citing the file. */
import { createFileCitationsFetch, type FileCitationsFetchOptions, type Report } from "../src/index.js";
import { call, file, json, message, response, upstream } from "./upstream.js";

export const PLAN = file("/mnt/data/plan.docx");
export const ANSWER = response([call(), message("Here: /mnt/data/plan.docx")]);
export const FOUND = ["plan.docx@/mnt/data/plan.docx"];
export const POST = { method: "POST", body: JSON.stringify({ model: "gpt-5", input: "x" }) };
export const HEADERS = {
  authorization: "Bearer sk-1",
  "openai-organization": "org_1",
  "openai-project": "proj_1",
};

export function setUp(
  more: Partial<Parameters<typeof upstream>[0]> = {},
  options: Omit<FileCitationsFetchOptions, "fetch"> = {},
) {
  const reports: Report[] = [];
  const api = upstream({ answer: () => json(ANSWER), files: [PLAN], ...more });
  const fetch = createFileCitationsFetch({
    fetch: api.fetch,
    onReport: (report) => reports.push(report),
    ...options,
  });
  return { ...api, underneath: api.fetch, fetch, reports };
}
