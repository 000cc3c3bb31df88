/** Tests which containers a client remembers from its responses, and when it requests a previous response that it lacks. */
import { describe, expect, it, vi } from "vitest";
import { ContainerMemory } from "../src/containers/memory.js";
import { isRecord } from "../src/errors.js";
import { ANSWER, FOUND, HEADERS, PLAN, POST, setUp } from "./fetching.js";
import { added } from "./repairing.js";
import {
  BASE,
  call,
  cited,
  eventsIn,
  file,
  frames,
  json,
  listPage,
  message,
  response,
  streamed,
  streamOf,
} from "./upstream.js";

describe("a client", () => {
  const turn = (id: string, output: unknown[], more = {}) => response(output, { id, ...more });

  function conversation(...turns: unknown[]) {
    return setUp({ answer: ({ method }) => json(method === "GET" ? { error: "not asked" } : turns.shift()) });
  }

  it("remembers the container of previous_response_id, even two turns later", async () => {
    const { fetch, asked, lists } = conversation(
      turn("resp_1", [call(), message("Here: /mnt/data/plan.docx")]),
      turn("resp_2", [message("You are welcome.")], { previous_response_id: "resp_1" }),
      turn("resp_3", [message("Again: /mnt/data/plan.docx")], { previous_response_id: "resp_2" }),
    );
    for (let at = 0; at < 2; at++) await (await fetch(`${BASE}/responses`, POST)).json();
    const before = asked.length;
    const third = await (await fetch(`${BASE}/responses`, POST)).json();
    expect(cited(third)).toEqual(FOUND);
    expect(asked.slice(before).map(({ method, url }) => `${method} ${new URL(url).pathname}`)).toEqual([
      "POST /v1/responses",
      "GET /v1/containers/cntr_1/files",
    ]);
    expect(lists()).toHaveLength(2);
  });

  it("remembers the container if a stream is resumed after the call that ran in it", async () => {
    const events = streamOf([call(), message("Here: /mnt/data/plan.docx")]).map((event) =>
      isRecord(event.response) ? { ...event, response: { ...event.response, id: "resp_1" } } : event,
    );
    const item = events.findIndex(({ type }) => type === "response.output_text.delta");
    const { fetch } = setUp({
      answer: ({ url }) => streamed(frames(url.includes("starting_after") ? events.slice(item) : events)),
    });
    const whole = eventsIn(await (await fetch(`${BASE}/responses`, POST)).text());
    const resumed = await fetch(`${BASE}/responses/resp_1?stream=true&starting_after=9`);
    const rest = eventsIn(await resumed.text());
    expect(added(whole)).toHaveLength(1);
    expect(rest).toEqual(whole.slice(item));
  });

  it.each([["conv_1"], [{ id: "conv_1" }]])(
    "remembers the container of a conversation given as %j",
    async (conversationParam) => {
      const { fetch } = conversation(
        turn("resp_1", [call(), message("Done.")], { conversation: { id: "conv_1" } }),
        turn("resp_2", [message("Again: /mnt/data/plan.docx")]),
      );
      await (await fetch(`${BASE}/responses`, POST)).json();
      const body = JSON.stringify({ input: "x", conversation: conversationParam });
      expect(cited(await (await fetch(`${BASE}/responses`, { method: "POST", body })).json())).toEqual(FOUND);
    },
  );

  it("takes the container from items that the request's input repeats", async () => {
    const { fetch } = conversation(turn("resp_2", [message("Again: /mnt/data/plan.docx")]));
    const body = JSON.stringify({ input: [call(), { role: "user", content: "Send me that link again" }] });
    expect(cited(await (await fetch(`${BASE}/responses`, { method: "POST", body })).json())).toEqual(FOUND);
  });

  it("remembers the container of items that the request's input refers to by id", async () => {
    const { fetch } = conversation(
      turn("resp_1", [call(), message("Here: /mnt/data/plan.docx")]),
      turn("resp_2", [message("Again: /mnt/data/plan.docx")]),
    );
    await (await fetch(`${BASE}/responses`, POST)).json();
    const body = JSON.stringify({
      input: [
        { type: "item_reference", id: "ci_1" },
        { role: "user", content: "Again" },
      ],
    });
    expect(cited(await (await fetch(`${BASE}/responses`, { method: "POST", body })).json())).toEqual(FOUND);
  });

  it("requests an unknown previous response once, and only if the text has a mention", async () => {
    for (const [text, gets] of [
      ["Again: /mnt/data/plan.docx", ["/v1/responses/resp_1", "/v1/containers/cntr_1/files"]],
      ["You are welcome.", []],
    ] as const) {
      const { fetch, asked } = setUp({
        answer: ({ method }) =>
          json(
            method === "GET"
              ? turn("resp_1", [call()])
              : turn("resp_2", [message(text, text)], { previous_response_id: "resp_1" }),
          ),
      });
      await (await fetch(`${BASE}/responses`, { ...POST, headers: HEADERS })).json();
      const read = asked.filter(({ method }) => method === "GET");
      expect(read.map(({ url }) => new URL(url).pathname)).toEqual(gets);
      for (const { headers } of read) expect(headers.get("authorization")).toBe("Bearer sk-1");
    }
  });

  it("requests the previous response even if the API cites a file in the text that a later call writes", async () => {
    const text = "I read /mnt/data/plan.docx and write [b](sandbox:/mnt/data/b.csv)";
    const annotation = {
      ...{ type: "container_file_citation", container_id: "cntr_2", file_id: "b", filename: "b.csv" },
      ...{ start_index: 41, end_index: 64 },
    };
    const output = [
      message({ text, annotations: [annotation] }),
      call("df.to_csv('/mnt/data/b.csv')", "cntr_2"),
    ];
    const { fetch } = setUp({
      answer: ({ method }) =>
        json(
          method === "GET"
            ? turn("resp_1", [call()])
            : turn("resp_2", output, { previous_response_id: "resp_1" }),
        ),
    });
    const repaired = await (await fetch(`${BASE}/responses`, POST)).json();
    expect(cited(repaired)).toContainEqual(expect.stringMatching(/^plan\.docx@/));
  });

  it.each([null, [], { id: "resp_1" }, { id: "resp_1", output: "gone" }])(
    "cites nothing if the answer for the previous response is %j",
    async (previous) => {
      const { fetch, lists, reports } = setUp({
        answer: ({ method }) =>
          json(
            method === "GET"
              ? JSON.stringify(previous)
              : turn("resp_2", [message("/mnt/data/plan.docx")], { previous_response_id: "resp_1" }),
          ),
      });
      expect(cited(await (await fetch(`${BASE}/responses`, POST)).json())).toEqual([]);
      expect(lists()).toEqual([]);
      expect(reports).toMatchObject([{ unresolved: [{ text: "/mnt/data/plan.docx" }] }]);
    },
  );

  it.each([["."], [".."], ["resp_1\r\n"], [""], ["r".repeat(513)]])(
    "never requests a previous response whose id is not valid in a URL: %j",
    async (previous_response_id) => {
      const { fetch, asked } = conversation(
        turn("resp_2", [message("/mnt/data/plan.docx")], { previous_response_id }),
      );
      await (await fetch(`${BASE}/responses`, POST)).json();
      expect(asked).toHaveLength(1);
    },
  );

  it.each(["retrieved", "created", "streamed"])(
    "the report of a %s response says that the previous response's id is not valid in a URL: . and ..",
    async (how) => {
      for (const id of [".", ".."]) {
        const output = [message("/mnt/data/plan.docx")];
        const given = turn("resp_2", output, { previous_response_id: id });
        const events = streamOf(output).map((event) =>
          isRecord(event.response)
            ? { ...event, response: { ...event.response, previous_response_id: id } }
            : event,
        );
        const { fetch, asked, reports } = setUp({
          answer: () => (how === "streamed" ? streamed(frames(events)) : json(given)),
        });
        const url = how === "retrieved" ? `${BASE}/responses/resp_2` : `${BASE}/responses`;
        await (await fetch(url, how === "retrieved" ? {} : POST)).text();
        expect(asked).toHaveLength(1);
        const error = { message: `the previous response's id is "${id}", which cannot be part of a URL` };
        expect(reports).toMatchObject([{ outcome: "failed", listRequests: 0, error }]);
      }
    },
  );

  it("encodes the id of a previous response that looks like a path", async () => {
    const { fetch, asked } = conversation(
      turn("resp_2", [message("/mnt/data/plan.docx")], { previous_response_id: "../files" }),
    );
    await (await fetch(`${BASE}/responses`, POST)).json();
    expect(asked.map(({ url }) => url).slice(1)).toEqual([`${BASE}/responses/..%2Ffiles`]);
  });

  it("reports a file as unmentioned only if no earlier list had it", async () => {
    const old = file("/mnt/data/old.csv");
    const fresh = file("/mnt/data/fresh.csv");
    let files = [PLAN, old];
    let turns = 0;
    const { fetch, reports } = setUp({
      answer: () => json({ ...ANSWER, id: `resp_${++turns}` }),
      list: () => listPage(files),
    });
    await (await fetch(`${BASE}/responses`, POST)).json();
    files = [...files, fresh];
    await (await fetch(`${BASE}/responses`, POST)).json();
    expect(reports.map(({ unmentioned }) => unmentioned.map(({ path }) => path))).toEqual([
      ["/mnt/data/old.csv"],
      ["/mnt/data/fresh.csv"],
    ]);
  });

  it("cites a response's own unmentioned files each time the response is read", async () => {
    const { fetch } = setUp(
      { answer: () => json(response([call("save('plan.docx')"), message("Done.")])) },
      { unmentioned: "cite" },
    );
    const read = async () => (await fetch(`${BASE}/responses/resp_1`)).json();
    const first = await read();
    expect(cited(first)).toEqual(["plan.docx@"]);
    expect(await read()).toEqual(first);
  });

  it("remembers each container once, however often a response is read, and at most 32", async () => {
    const remember = vi.spyOn(ContainerMemory.prototype, "remember");
    const { fetch } = setUp({
      answer: () => json(response([call()], { conversation: { id: "conv_1" } })),
    });
    for (let at = 0; at < 5; at++) await (await fetch(`${BASE}/responses/resp_1`)).text();
    expect(remember.mock.calls.map(([, containers]) => [...new Set(containers)])).toContainEqual(["cntr_1"]);
    for (const [, containers] of remember.mock.calls) expect(containers.length).toBeLessThanOrEqual(2);
    remember.mockRestore();

    const memory = new ContainerMemory();
    memory.remember(
      ["resp_1"],
      Array.from({ length: 100 }, (_, at) => `cntr_${at}`),
    );
    expect(memory.recall("resp_1")).toHaveLength(32);
    expect(memory.recall("resp_1")[0]).toBe("cntr_0");
  });
});
