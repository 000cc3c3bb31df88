/** Tests which query parameters of a user's request the library copies to its own requests, for example for lists. */
import OpenAI, { AzureOpenAI } from "openai";
import { describe, expect, it } from "vitest";
import { withFileCitations } from "../src/index.js";
import { ANSWER, FOUND, HEADERS, POST, setUp } from "./fetching.js";
import { SDKS } from "./sdks.js";
import { BASE, call, cited, json, message, response } from "./upstream.js";

/** Returns the query of each list request, without the `limit` that the library adds. */
const queriesOf = (lists: readonly { url: string }[]): string[] =>
  lists.map(({ url }) => {
    const { searchParams } = new URL(url);
    expect(searchParams.getAll("limit")).toEqual(["100"]);
    searchParams.delete("limit");
    return searchParams.toString();
  });

const kept: [name: string, search: string, expected: string][] = [
  ["a provider", "provider=openai", "provider=openai"],
  ["a version", "api-version=7", "api-version=7"],
  ["the same name twice", "tag=a&tag=b", "tag=a&tag=b"],
  ["encoded text", "route=%2Fa%20b%26c%3Dd&x=%E2%82%AC", "route=%2Fa+b%26c%3Dd&x=%E2%82%AC"],
  ["a name without a value", "debug", "debug="],
  ["names like an SDK's options", "timeout=30&stream_id=1&headers=x", "timeout=30&stream_id=1&headers=x"],
  ["names of an object's prototype", "__proto__=a&constructor=b", "__proto__=a&constructor=b"],
  [
    "none of the endpoint's own parameters",
    "stream=true&starting_after=7&include=a&include[]=b&include%5B0%5D=c&include_obfuscation=false&after=x&before=y&limit=3&order=asc&beta=true",
    "",
  ],
  ["parameters next to the endpoint's own", "limit=3&provider=openai&after=x&v=1", "provider=openai&v=1"],
];

describe.each(kept)("%s", (_, search, expected) => {
  it("is sent with the requests for the list and the previous response", async () => {
    const previous = response([call()]);
    const { fetch, lists, asked } = setUp({
      answer: ({ method }) =>
        json(
          method === "GET"
            ? previous
            : response([message("/mnt/data/plan.docx")], { previous_response_id: "resp_0" }),
        ),
    });
    const answer = await fetch(`${BASE}/responses?${search}`, { ...POST, headers: HEADERS });
    expect(cited(await answer.json())).toEqual(FOUND);
    expect(queriesOf(lists())).toEqual([expected]);
    const { url } = asked.find(({ method, url }) => method === "GET" && url.includes("/responses/"))!;
    expect(url).toBe(`${BASE}/responses/resp_0${expected && `?${expected}`}`);
  });

  it("is sent with the list request when a response, its input items or a conversation's items are read", async () => {
    for (const path of ["responses/resp_1", "responses/resp_1/input_items", "conversations/conv_1/items"]) {
      const isList = path !== "responses/resp_1";
      const { fetch, lists } = setUp({
        answer: () => json(isList ? { object: "list", data: ANSWER.output.toReversed() } : ANSWER),
      });
      const isNewestFirst = !search.includes("order=asc");
      const found = await (await fetch(`${BASE}/${path}?${search}`)).json();
      if (isList && !isNewestFirst) continue; // the call comes after the text, so no list is requested
      expect(JSON.stringify(found)).toContain("container_file_citation");
      expect(queriesOf(lists()), path).toEqual([expected]);
    }
  });
});

describe.each(SDKS)("a client: %s", (_, Client) => {
  const ask = { model: "gpt-5", input: "x" };

  it("sends its default query with the list request once", async () => {
    const { underneath, lists } = setUp();
    const options = { apiKey: "k", baseURL: BASE, fetch: underneath };
    const client = withFileCitations(new Client({ ...options, defaultQuery: { provider: "openai" } }));
    expect(cited(await client.responses.create(ask))).toEqual(FOUND);
    expect(queriesOf(lists())).toEqual(["provider=openai"]);
  });

  it("sends a call's own query with its list request, in place of a default", async () => {
    const { underneath, lists } = setUp();
    const options = { apiKey: "k", baseURL: BASE, fetch: underneath };
    const client = withFileCitations(
      new Client({ ...options, defaultQuery: { provider: "openai", v: "1" } }),
    );
    const query = { provider: "azure", timeout: "30", headers: "x", tags: ["a", "b"], limit: 3 };
    expect(cited(await client.responses.create(ask, { query }))).toEqual(FOUND);
    await client.responses.create(ask);
    expect(queriesOf(lists()).map((search) => [...new URLSearchParams(search)].sort())).toEqual([
      [
        ["headers", "x"],
        ["provider", "azure"],
        ["tags[]", "a"],
        ["tags[]", "b"],
        ["timeout", "30"],
        ["v", "1"],
      ],
      [
        ["provider", "openai"],
        ["v", "1"],
      ],
    ]);
  });
});

it("sends the call's query with the requests for all pages", async () => {
  const pages: string[] = [];
  const { underneath } = setUp({
    list: (_, { url }) => {
      const { searchParams } = new URL(url);
      pages.push(String(searchParams));
      const isFirst = !searchParams.has("after");
      const data = [{ id: isFirst ? "a" : "b", path: "/mnt/data/x", source: "assistant", created_at: 1 }];
      return Response.json({ data, has_more: isFirst, last_id: data[0]!.id });
    },
  });
  const client = withFileCitations(new OpenAI({ apiKey: "k", baseURL: BASE, fetch: underneath }), {
    retries: 0,
  });
  await client.responses.create({ model: "gpt-5", input: "x" }, { query: { provider: "openai" } });
  expect(pages.map((page) => [...new URLSearchParams(page).keys()].sort())).toEqual([
    ["limit", "provider"],
    ["after", "limit", "provider"],
  ]);
});

it("sends Azure's api-version once with the list request", async () => {
  const { underneath, lists } = setUp();
  const client = withFileCitations(
    new AzureOpenAI({ apiKey: "k", apiVersion: "2026-01-01", baseURL: BASE, fetch: underneath }),
  );
  expect(cited(await client.responses.create({ model: "gpt-5", input: "x" }))).toEqual(FOUND);
  expect(queriesOf(lists())).toEqual(["api-version=2026-01-01"]);
});
