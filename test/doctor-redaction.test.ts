/** Tests what `doctor --record` removes from requests and answers, and what it keeps. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { REMOVED, Redaction } from "../src/cli/doctor/redaction.js";
import { AZURE, FOUNDRY, GATEWAY, KEY, OPENAI } from "./examining.js";

const ORG = "org-Acme0123456789abcdef";

function redactionOf(baseURL = OPENAI, model = "gpt-5"): Redaction {
  return new Redaction(baseURL, model, [KEY, "acme-team", undefined, " "]);
}

describe("a body", () => {
  it("keeps the fields that are known to be harmless, and all ranges", () => {
    const citation = {
      ...{ type: "container_file_citation", container_id: "cntr_aaaaaaaaaaaaaaaa", end_index: 42 },
      ...{ file_id: "cfile_bbbbbbbbbbbbbbbb", filename: "doctor 1.txt", start_index: 11 },
    };
    expect(redactionOf().json({ text: "📄 /mnt/data/doctor 1.txt", annotations: [citation] })).toEqual({
      text: "📄 /mnt/data/doctor 1.txt",
      annotations: [{ ...citation, container_id: "cntr_1", file_id: "cfile_1" }],
    });
  });

  it("keeps no other field", () => {
    const body = {
      ...{ object: "response", user: "alice", safety_identifier: "hash", instructions: "Be Acme's butler" },
      ...{ metadata: { text: "Alice's secret", message: "x" }, account: 4711, tags: ["alice"], "al-ice": 1 },
      ...{ store: true, prompt: null, extra: {}, list: [], created_at: 1757603592 },
    };
    expect(redactionOf().json(body)).toEqual({
      ...{ object: "response", user: REMOVED, safety_identifier: REMOVED, instructions: REMOVED },
      ...{ metadata: REMOVED, account: REMOVED, tags: REMOVED, [REMOVED]: REMOVED },
      ...{ store: true, prompt: null, extra: {}, list: [], created_at: 1757603592 },
    });
  });

  it("keeps no reasoning of the model", () => {
    const item = { type: "reasoning", summary: [{ type: "summary_text", text: "Acme's rules say" }] };
    const event = { type: "response.reasoning_summary_text.delta", delta: "Acme's" };
    expect(redactionOf().json(item)).toEqual({
      type: "reasoning",
      summary: [{ type: "summary_text", text: REMOVED }],
    });
    expect(redactionOf().json(event)).toEqual({ type: event.type, delta: REMOVED });
  });

  it.each([KEY, [KEY], `"${KEY}"`, 12, [[KEY]]])("of another shape does not keep the key: %j", (body) => {
    expect(JSON.stringify(redactionOf().json(body))).not.toContain(KEY);
  });

  it("keeps no secret of the run, wherever it occurs, and no text of an unknown field", () => {
    const secrets = [KEY, "acme-team"];
    const known = [
      "text",
      "message",
      "code",
      "id",
      "container_id",
      "model",
      "input",
      "delta",
      "filename",
      "error",
    ];
    const field = fc.oneof(fc.constantFrom(...known, ...secrets), fc.string());
    const leaf = fc.oneof(
      fc.string().map((text) => `${text}${secrets[text.length % 2]}${text}`),
      fc.constantFrom(...secrets, encodeURIComponent(KEY), 1, null, true),
    );
    const body = fc.letrec((tie) => ({
      value: fc.oneof({ maxDepth: 5 }, leaf, fc.array(tie("value")), fc.dictionary(field, tie("value"))),
    })).value;
    fc.assert(
      fc.property(body, (value) => {
        const redaction = redactionOf();
        redaction.learnIds(value);
        const written = JSON.stringify(redaction.json(value));
        for (const secret of secrets) expect(written).not.toContain(secret);
      }),
    );
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), fc.string({ minLength: 6 }), (name, text) => {
        const secret = `Zq${text}qZ`;
        const written = JSON.stringify(
          redactionOf().json({ [`x_${name}`]: secret, more: { [name]: { text: secret } } }),
        );
        expect(written).not.toContain(JSON.stringify(secret).slice(1, -1));
      }),
    );
  });
});

describe("ids", () => {
  it("get the same replacement everywhere, also in URLs, texts and file names", () => {
    const container = "cntr_6889e3aa5b7081919bb9f6f3bfe6c9a4";
    const file = "cfile_6889e3aa5b7081919bb9f6f3bfe6c9a5";
    const redaction = redactionOf();
    redaction.learnIds({
      output: [{ container_id: container, content: [{ annotations: [{ file_id: file }] }] }],
    });
    expect(redaction.url(`${OPENAI}/containers/${container}/files/${file}/content`)).toBe(
      `${OPENAI}/containers/cntr_1/files/cfile_1/content`,
    );
    expect(redaction.text(`Container ${container} has ${file}.png`)).toBe("Container cntr_1 has cfile_1.png");
    expect(redaction.url(`${OPENAI}/containers/${container}/files?limit=100&after=${file}&key=${KEY}`)).toBe(
      `${OPENAI}/containers/cntr_1/files?limit=100&after=cfile_1`,
    );
  });

  it("of a gateway are replaced, although their form does not show that they are ids", () => {
    const id = "sbx/pod 7==";
    const redaction = redactionOf(GATEWAY);
    redaction.learnIds({ container_id: id, id: "7" });
    expect(redaction.json({ container_id: id, id: "7", text: `see ${id}` })).toEqual({
      ...{ container_id: "cntr_1", id: "id_1", text: "see cntr_1" },
    });
    expect(redaction.url(`${GATEWAY}/containers/${encodeURIComponent(id)}/files`)).toBe(
      "https://host.invalid/v1/containers/cntr_1/files",
    );
    expect(redaction.text(`Invalid URL (GET /v1/containers/${encodeURIComponent(id)})`)).toBe(
      "Invalid URL (GET /v1/containers/cntr_1)",
    );
  });
});

describe("a URL", () => {
  it.each([
    [OPENAI, "https://api.openai.com/v1/responses"],
    ["https://eu.api.openai.com/v1/", "https://eu.api.openai.com/v1/responses"],
    [AZURE, "https://host.invalid/v1/responses"],
    [FOUNDRY, "https://host.invalid/v1/responses"],
    [GATEWAY, "https://host.invalid/v1/responses"],
  ])("below %s", (baseURL, expected) => {
    expect(redactionOf(baseURL).url(`${baseURL.replace(/\/$/, "")}/responses`)).toBe(expected);
  });

  it("in a text loses its host, unless it is OpenAI's", () => {
    const redaction = redactionOf(FOUNDRY);
    const text =
      "See https://platform.openai.com/account/api-keys?u=1 or https://wiki.acme.example/key (acme.services.ai.azure.com, volcano)";
    expect(redaction.text(text)).toBe(
      `See https://platform.openai.com/account/api-keys or https://host.invalid (${REMOVED}, ${REMOVED})`,
    );
  });
});

describe("a model", () => {
  it.each([
    [OPENAI, "gpt-5", "gpt-5"],
    [OPENAI, "gpt-6-astra", "gpt-6-astra"],
    [OPENAI, "ft:gpt-4o:acme::Ab12", REMOVED],
    [AZURE, "gpt-5.1-codex-mini", "gpt-5.1-codex-mini"],
    [AZURE, "o4-mini", "o4-mini"],
    [GATEWAY, "openai/gpt-5-2025-08-07", "openai/gpt-5-2025-08-07"],
    [AZURE, "acme-deployment", REMOVED],
    [GATEWAY, "gpt-5-acme", REMOVED],
  ])("at %s: %s", (baseURL, model, expected) => {
    const redaction = redactionOf(baseURL, model);
    expect(redaction.json({ model })).toEqual({ model: expected });
    expect(redaction.json({ object: "model", id: model })).toEqual({ object: "model", id: expected });
    expect(redaction.url(`${baseURL}/models/${encodeURIComponent(model)}`)).toContain(`/models/${expected}`);
    expect(redaction.text(`${model} answers`)).toBe(`${expected} answers`);
  });
});

describe("headers", () => {
  it("keep only values that are known to be harmless", () => {
    const given = {
      "content-type": "text/event-stream; charset=utf-8; of=acme-team",
      "content-length": "12",
      "retry-after": "Alice",
      "set-cookie": "session=abcdef; Path=/",
      "openai-organization": "acme",
      constructor: "x",
      [KEY]: "x",
    };
    const kept = { "content-type": "text/event-stream", "content-length": "12" };
    const removed = { "retry-after": REMOVED, "set-cookie": REMOVED, "openai-organization": REMOVED };
    expect(redactionOf().headers(new Headers(given), false)).toEqual({
      ...{ ...kept, ...removed, constructor: REMOVED },
    });
    // In a request, even the name of a header may be personal, such as `x-alice`. So only known headers are kept.
    expect(
      redactionOf().headers(new Headers({ ...given, authorization: KEY, "x-alice": "1" }), true),
    ).toEqual({
      ...{ ...kept, authorization: REMOVED, "openai-organization": REMOVED },
    });
  });

  it("have their values removed from texts too", () => {
    const redaction = redactionOf();
    redaction.learnHeaders(new Headers({ "x-team": "vulcan", cookie: "a=abcdefgh12; b=2" }), true);
    redaction.learnHeaders(
      new Headers({ "openai-organization": "acm", "x-request-id": "req/0123456" }),
      false,
    );
    expect(redaction.text("vulcan abcdefgh12 acm req/0123456 b=2")).toBe(
      `${REMOVED} ${REMOVED} ${REMOVED} ${REMOVED} b=2`,
    );
  });
});

it.each([
  [
    "a masked key",
    "Incorrect API key provided: sk-proj-****abcd.",
    `Incorrect API key provided: ${REMOVED}.`,
  ],
  ["an organization", `No access for ${ORG}`, `No access for ${REMOVED}`],
  ["a project", "Project proj_Ab12Cd34 has none", `Project ${REMOVED} has none`],
  ["an e-mail address", "Write to alice@acme.example now", `Write to ${REMOVED} now`],
  ["an IP address", "from 192.168.1.17 or so", `from ${REMOVED} or so`],
  ["a token", "Bearer abc.def and eyJhbGciOiJIUzI1NiJ9.e30.x", `${REMOVED} and ${REMOVED}`],
  ["a tenant", "tenant 72f988bf-86f1-41af-91ab-2d7cd011db47", `tenant ${REMOVED}`],
  ["an id that was not seen", "no resp_0123456789abcdef0123", `no ${REMOVED}`],
  ["nothing personal", "Missing required parameter: 'input'.", "Missing required parameter: 'input'."],
])("a text with %s", (_, text, expected) => {
  expect(redactionOf().text(text)).toBe(expected);
});
