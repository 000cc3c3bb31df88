/**
 * Tests that two copies of the package work together in one process. Two copies are loaded if one module imports the package and
 * another module requires it.
 */
import OpenAI from "openai";
import { expect, it, vi } from "vitest";
import * as one from "../src/index.js";
import { FOUND, POST } from "./fetching.js";
import { BASE, call, cited, file, json, message, response, upstream } from "./upstream.js";
import { completed, ENDPOINT, setUp } from "./webhook-handler.js";

vi.resetModules();
const other = await import("../src/index.js");
const { createWebhookHandler } = await import("../src/webhook.js");

it("this file loads two copies of the package", () => {
  expect(other.withFileCitations).not.toBe(one.withFileCitations);
  expect(other.FileCitationsError).not.toBe(one.FileCitationsError);
});

it("a copy returns a client or a fetch unchanged if the other copy made it", () => {
  const client = one.withFileCitations(new OpenAI({ apiKey: "key" }));
  expect(other.withFileCitations(client)).toBe(client);
  const fetch = one.createFileCitationsFetch();
  expect(other.createFileCitationsFetch({ fetch })).toBe(fetch);
});

it("both copies share what a client remembers of earlier responses", async () => {
  const turns = [
    response([call(), message("Here: /mnt/data/plan.docx")], { id: "resp_1" }),
    response([message("Again: /mnt/data/plan.docx")], { id: "resp_2", previous_response_id: "resp_1" }),
  ];
  const api = upstream({ answer: () => json(turns.shift()), files: [file("/mnt/data/plan.docx")] });
  const first = one.createFileCitationsFetch({ fetch: api.fetch });
  const second = other.createFileCitationsFetch({ fetch: first });
  await (await first(`${BASE}/responses`, POST)).json();
  expect(cited(await (await second(`${BASE}/responses`, POST)).json())).toEqual(FOUND);
  // Each GET requests a list. The second copy does not request the previous response, because the copies share their memory.
  expect(api.asked.map(({ method }) => method)).toEqual(["POST", "GET", "POST", "GET"]);
});

it("both copies share the report of a response: a webhook handler repairs nothing twice", async () => {
  const { client, id, asked } = await setUp();
  const outcomes: string[] = [];
  const handler = createWebhookHandler(one.withFileCitations(client), {
    onResponse: (_, report) => void outcomes.push(report.outcome),
  });
  expect((await handler(new Request(ENDPOINT, completed(id)))).status).toBe(200);
  expect(outcomes).toEqual(["recovered"]);
  expect(asked().filter(({ url }) => url.includes("/files"))).toHaveLength(1);
});

it("both copies recognize each other's errors, and no other errors", async () => {
  const list = () => Promise.reject(new Error("no list"));
  const answer = response([call(), message("Here: /mnt/data/plan.docx")]);
  const error = await one
    .repairResponse(answer, list, { onFailure: "throw", retries: 0 })
    .catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(one.FileCitationsError);
  expect(error).toBeInstanceOf(other.FileCitationsError);
  expect(new Error("other")).not.toBeInstanceOf(one.FileCitationsError);
  expect({ name: "FileCitationsError" }).not.toBeInstanceOf(one.FileCitationsError);

  class OwnError extends one.FileCitationsError {}
  expect(error).not.toBeInstanceOf(OwnError);
  expect(new OwnError((error as one.FileCitationsError).report)).toBeInstanceOf(OwnError);
});
