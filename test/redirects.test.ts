/** Tests that no key is sent to another origin after a redirect, with each entry point and each SDK version. */

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import type { IncomingHttpHeaders } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { createFileRoute } from "../src/files/route.js";
import { createFileCitationsFetch, repairResponse, saveFiles, withFileCitations } from "../src/index.js";
import { run } from "./command.js";
import { citation, SECRET } from "./file-route.js";
import { type Case, entriesOf, KEY, PLACES, QUIET, requestOf, responseOf, TEXT } from "./hostile-cases.js";
import { citing, clientOf, memory } from "./saving.js";
import { SDKS } from "./sdks.js";
import { serveApi, serveProxy } from "./serving.js";
import { call, message, response } from "./upstream.js";

describe.each(SDKS)("does not follow a redirect of the list to another origin: %s", (_, Client) => {
  it.each([301, 302, 303, 307, 308])("%i", async (status) => {
    const seen: unknown[] = [];
    const elsewhere = await serveApi(({ headers }, answer) => {
      seen.push(headers);
      answer.setHeader("content-type", "application/json");
      answer.end(JSON.stringify({ object: "list", data: entriesOf({ output: [] }) }));
    });
    const given = PLACES["code_interpreter_call.container_id"]!("cntr_1");
    const before = { output: [message(TEXT)], more: { previous_response_id: "resp_0" } };
    let answered: Case = given;
    const api = await serveApi((request, answer) => {
      if (request.url!.includes("/containers/") || request.url!.endsWith("resp_0")) {
        answer.writeHead(status, { location: `${elsewhere}${request.url}` });
        answer.end();
        return;
      }
      answer.setHeader("content-type", "application/json");
      answer.end(JSON.stringify(responseOf(answered)));
    });
    const bare = new Client({ apiKey: KEY, baseURL: `${api}/v1`, maxRetries: 0 });
    const headers = { authorization: `Bearer ${KEY}`, "api-key": KEY, "content-type": "application/json" };
    const send = { method: "POST", headers, body: JSON.stringify(requestOf(given)) };
    const errors: (string | undefined)[] = [];
    const options = {
      ...QUIET,
      onReport: ({ error }: { error?: Error }) => void errors.push(error?.message),
    };
    for (answered of [given, before]) {
      await withFileCitations(bare, options).responses.create(requestOf(given) as never);
      await (await createFileCitationsFetch(options)(`${api}/v1/responses`, send)).text();
      await repairResponse(responseOf(answered), bare, options);
      const served = await serveProxy(`${api}/v1`, QUIET);
      await (await fetch(`${served.baseURL}/responses`, send)).text();
    }
    expect(seen).toEqual([]);
    // Three entry points get `onReport`. Each of them reports the failed request for the file list. Two of them also report
    // the failed request for the earlier response. So there are five errors.
    expect(errors.filter((message) => message?.includes(String(status))).length).toBe(5);
  });
});

describe.each(SDKS)(
  "follows a redirect of a download without any of the client's credentials: %s",
  (_, Client) => {
    it.each([301, 302, 303, 307, 308])("%i", async (status) => {
      const seen: IncomingHttpHeaders[] = [];
      const elsewhere = await serveApi(({ headers }, answer) => {
        seen.push(headers);
        answer.end("the bytes");
      });
      const api = await serveApi(({ url }, answer) => {
        answer.writeHead(status, { location: `${elsewhere}/signed${url}` });
        answer.end();
      });
      const client = new Client({
        apiKey: KEY,
        organization: KEY,
        baseURL: `${api}/v1`,
        defaultHeaders: { "api-key": KEY, cookie: KEY, "x-gateway-key": KEY },
      });
      const { kept, sink } = memory();
      const { failed } = await saveFiles(client, citing("plan.docx"), sink);
      expect(failed).toEqual([]);
      expect(String(kept.get("plan.docx"))).toBe("the bytes");

      const { handler, urlFor } = createFileRoute(client, { secret: SECRET });
      const url = `http://localhost${await urlFor(citation("plan.docx"))}`;
      const answer = await handler(new Request(url, { headers: { range: "bytes=4-" } }));
      expect(await answer.text()).toBe("the bytes");

      expect(seen.map(({ range }) => range)).toEqual([undefined, "bytes=4-"]);
      expect(JSON.stringify(seen)).not.toContain(KEY);
    });
  },
);

it.each([
  ["to a relative URL", { location: "/elsewhere" }],
  ["to a data: URL", { location: "data:text/plain,the bytes" }],
  ["without a location", {}],
])("fails for a redirect %s, with its status", async (_, headers) => {
  const { sink } = memory();
  const client = clientOf(() => new Response(null, { status: 302, headers }));
  const { failed } = await saveFiles(client, citing("plan.docx"), sink, { retries: 0 });
  expect(failed.map(({ error }) => error.message)).toEqual([expect.stringContaining("302")]);
});

it("sends no key of the command to the other origin of a redirect", async () => {
  const folder = await mkdtemp(join(tmpdir(), "hostile-test-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const seen: unknown[] = [];
  const elsewhere = await serveApi(({ headers }, answer) => {
    seen.push(headers);
    answer.end("{}");
  });
  const api = await serveApi((request, answer) => {
    answer.writeHead(307, { location: `${elsewhere}${request.url}` });
    answer.end();
  });
  await writeFile(join(folder, "in.jsonl"), JSON.stringify(response([call(), message(TEXT)])));
  const env = { OPENAI_API_KEY: KEY, OPENAI_BASE_URL: `${api}/v1` };
  expect((await run(["repair", join(folder, "in.jsonl"), "--out", join(folder, "out")], { env })).code).toBe(
    1,
  );
  expect((await run(["ask", "x"], { env, cwd: folder })).code).toBe(1);
  expect(await readFile(join(folder, "out"), "utf8")).toBe(JSON.stringify(response([call(), message(TEXT)])));
  expect(seen).toEqual([]);
});
