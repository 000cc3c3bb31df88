/**
 * Tests several agents in one response, and several responses on one connection. Each text must get citations of the files of its
 * own agent or response. This file is long because each way to mix up two responses is a test.
 *
 * Responses on one connection come in lanes. The responses of one lane follow each other, and the events of different lanes
 * interleave. The name of a lane is the `stream_id` of its events, if they have one. A lane is opened by the event
 * `response.created`, `response.queued` or `response.in_progress`.
 */
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  addLinkInstruction,
  type ContainerFile,
  createFileCitationsFetch,
  type Report,
  repairResponse,
  repairResponseStream,
} from "../src/index.js";
import { LANES, parseLines, readOwn } from "./recordings.js";
import { hasShared, readShared } from "./shared.js";
import {
  BASE,
  call,
  cited,
  eventsIn,
  file,
  frames,
  listPage,
  message,
  response,
  type StreamEvent,
  sse,
  streamOf,
  upstream,
} from "./upstream.js";

const PATH = "/mnt/data/report.csv";
const of = (agent: string, item: Record<string, unknown>) => ({ ...item, agent: { agent_name: agent } });
const wrote = (agent: string, containerId: string, code = `df.to_csv('${PATH}')`) =>
  of(agent, { ...call(code, containerId), id: `ci_${containerId}` });
const report = (containerId: string) => file(PATH, { container_id: containerId, id: `cfile_${containerId}` });
const FILES = [report("cntr_a"), report("cntr_b")];
const listOf = (files: readonly ContainerFile[]) => async (id: string) =>
  files.filter(({ container_id }) => container_id === id);

/** Returns the ids of the cited files, which must be the same for a plain and a streamed response. */
async function citedIn(output: Record<string, unknown>[], files = FILES): Promise<string[]> {
  const reports: Report[] = [];
  const options = { retries: 0, onReport: (it: Report) => void reports.push(it) };
  await repairResponse(response(output), listOf(files), options);
  for await (const _ of repairResponseStream(streamOf(output), listOf(files), options));
  const [plain, streamed] = reports.map(({ citations }) =>
    citations.map(({ annotation }) => annotation.file_id),
  );
  expect(streamed).toEqual(plain);
  return plain!;
}

describe("agents", () => {
  it("a text means the file of its own agent, whichever agent ran last", async () => {
    const output = [wrote("alice", "cntr_a"), wrote("bob", "cntr_b"), of("alice", message(`At ${PATH}`))];
    expect(await citedIn(output)).toEqual(["cfile_cntr_a"]);
  });

  it("one agent's answer to another is repaired like a message", async () => {
    const answer = { type: "multi_agent_call_output", id: "mao_1", call_id: "c_1", action: "wait_agent" };
    const output = [
      { type: "output_text", text: `Got [it](sandbox:${PATH})`, annotations: [], logprobs: [] },
    ];
    const items = [wrote("alice", "cntr_a"), wrote("bob", "cntr_b"), of("alice", { ...answer, output })];
    expect(await citedIn(items)).toEqual(["cfile_cntr_a"]);
  });

  it("a text without a call of its own agent means a file only if one container has its path", async () => {
    const output = [
      wrote("alice", "cntr_a"),
      wrote("bob", "cntr_b", "print(7)"),
      of("root", message(`At ${PATH}`)),
    ];
    expect(await citedIn(output, [FILES[0]!])).toEqual(["cfile_cntr_a"]);
    expect(await citedIn(output)).toEqual([]);
    const { report } = await repairResponse(response(output), listOf(FILES), { retries: 0 });
    expect(report.unresolved.map(({ reason }) => reason)).toEqual(["ambiguous"]);
  });

  it("a text means the nearest of several containers of its own agent that has the file", async () => {
    const other = file("/mnt/data/other.csv", { container_id: "cntr_a2", id: "cfile_other" });
    const output = [
      wrote("alice", "cntr_a1"),
      wrote("alice", "cntr_a2"),
      wrote("bob", "cntr_b"),
      of("alice", message(`At ${PATH}`)),
    ];
    const [first, second, bobs] = ["cntr_a1", "cntr_a2", "cntr_b"].map(report);
    expect(await citedIn(output, [first!, second!, bobs!])).toEqual(["cfile_cntr_a2"]);
    const [, wroteOther] = [0, wrote("alice", "cntr_a2", "df.to_csv('/mnt/data/other.csv')")];
    expect(await citedIn([output[0]!, wroteOther, ...output.slice(2)], [first!, other, bobs!])).toEqual([
      "cfile_cntr_a1",
    ]);
  });

  it("a streamed answer of one agent to another gets the file of its own agent", async () => {
    const text = `Got [it](sandbox:${PATH})`;
    const part = { type: "output_text", text, annotations: [], logprobs: [] };
    const answer = of("alice", { type: "multi_agent_call_output", id: "mao_1", call_id: "c_1" });
    const items = [wrote("alice", "cntr_a"), wrote("bob", "cntr_b")];
    const whole = { ...answer, output: [part] };
    const given = streamOf([...items, whole]).map((event) =>
      event.type === "response.output_item.added" && event.output_index === 2
        ? { ...event, item: { ...answer, output: [] } }
        : event,
    );
    const { out } = await repaired(given, listOf(FILES));
    const ids = (event: StreamEvent) =>
      [...JSON.stringify(event).matchAll(/"file_id":"([^"]+)"/g)].map(([, id]) => id);
    const done = out.find(
      ({ type, output_index }) => type === "response.output_item.done" && output_index === 2,
    );
    expect(ids(done!)).toEqual(["cfile_cntr_a"]);
    expect(ids(out.at(-1)!)).toEqual(["cfile_cntr_a"]);
  });

  it.each([7, null, {}, undefined])(
    "a streamed text of an agent with the name %j stays unchanged",
    async (name) => {
      const unknown = { ...message(`At ${PATH}`), agent: { agent_name: name } };
      const given = streamOf([wrote("alice", "cntr_a"), unknown]);
      const { out, reports } = await repaired(given, listOf(FILES));
      expect(out).toEqual(given);
      expect(reports.map(({ error }) => error!.message)).toEqual([
        "the agent of the item at output_index 1 has no agent_name",
      ]);
    },
  );

  it("a text of an agent without a name stays unchanged, and the report says why", async () => {
    const unknown = { ...message(`At ${PATH}`), agent: { agent_name: 7 } };
    const given = response([wrote("alice", "cntr_a"), unknown]);
    const { response: repaired, report } = await repairResponse(given, listOf(FILES));
    expect(repaired).toBe(given);
    expect(report.error!.message).toBe("the agent of the item at output_index 1 has no agent_name");
  });
});

/** Returns the events of a response with this output. `name` becomes part of the ids, so that responses share no id. */
function eventsOf(
  name: string,
  output: Record<string, unknown>[],
  more: Record<string, unknown> = {},
): StreamEvent[] {
  const own = output.map((item, at) => ({ ...item, id: `${item.id}_${name}_${at}` }));
  return streamOf(own).map((event) => ({
    ...event,
    ...("response" in event && { response: { ...(event.response as object), id: `resp_${name}` } }),
    ...more,
  }));
}

const inContainer = (name: string) => [call(`df.to_csv('${PATH}')`, `cntr_${name}`), message(`At ${PATH}`)];

async function repaired(events: readonly StreamEvent[], list: (id: string) => Promise<ContainerFile[]>) {
  const out: StreamEvent[] = [];
  const reports: Report[] = [];
  for await (const event of repairResponseStream(events, list, { onReport: (it) => void reports.push(it) }))
    out.push(event);
  return { out, reports };
}

const files = ["a", "b", "c", "d", "e"].map((name) => report(`cntr_${name}`));

describe("lanes", () => {
  it("give each response of a connection its own file", async () => {
    const [a, b] = ["a", "b"].map((name) => eventsOf(name, inContainer(name), { stream_id: name }));
    const events = a!.flatMap((event, at) => [event, b![at]!]);
    const { out, reports } = await repaired(events, listOf(files));
    const added = out.filter(({ type }) => type === "response.output_text.annotation.added");
    expect(
      added.map(({ stream_id, annotation }) => [stream_id, (annotation as { file_id: string }).file_id]),
    ).toEqual([
      ["a", "cfile_cntr_a"],
      ["b", "cfile_cntr_b"],
    ]);
    expect(reports.map(({ responseId }) => responseId)).toEqual(["resp_a", "resp_b"]);
  });

  const lane = fc.record({
    texts: fc.array(fc.constantFrom(`At ${PATH}`, "Done.", `[it](sandbox:${PATH}) again`), {
      minLength: 1,
      maxLength: 3,
    }),
    isBefore: fc.boolean(),
  });

  it("without names are told apart by ids and sequence numbers", async () => {
    const [a, b] = ["a", "b"].map((name) => eventsOf(name, inContainer(name)));
    const begun = a!.findIndex(({ type }) => type === "response.content_part.added");
    const events = [...a!.slice(0, begun), ...b!.slice(0, 4), ...a!.slice(begun), ...b!.slice(4)];
    const { out } = await repaired(events, listOf(files));
    const added = out.filter(({ type }) => type === "response.output_text.annotation.added");
    expect(
      added.map(({ item_id, annotation }) => [item_id, (annotation as { file_id: string }).file_id]),
    ).toEqual([
      ["msg_1_a_1", "cfile_cntr_a"],
      ["msg_1_b_1", "cfile_cntr_b"],
    ]);
  });

  it("give each response, in any interleaving, the same events as if it came alone", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(lane, { minLength: 2, maxLength: 5 }),
        fc.array(fc.nat(4), { maxLength: 150 }),
        async (lanes, order) => {
          const queues = lanes.map(({ texts, isBefore }, at) => {
            const name = "abcde"[at]!;
            const [wrote] = inContainer(name);
            const messages = texts.map((text) => message(text));
            const output = isBefore ? [...messages, wrote!] : [wrote!, ...messages];
            return eventsOf(name, output, { stream_id: name });
          });
          const alone = await Promise.all(
            queues.map(async (events) => (await repaired(events, listOf(files))).out),
          );
          const rest = queues.map((events) => [...events]);
          const mixed: StreamEvent[] = [];
          const step = (at: number) => {
            const next = rest[at % rest.length]!.shift();
            if (next) mixed.push(next);
          };
          order.forEach(step);
          for (const events of rest) mixed.push(...events.splice(0));
          const { out } = await repaired(mixed, listOf(files));
          const keyOf = (event: StreamEvent) => JSON.stringify(event);
          for (const events of alone) {
            const keys = new Set(events.map(keyOf));
            expect(out.filter((event) => keys.has(keyOf(event))).map(keyOf)).toEqual(events.map(keyOf));
          }
          expect(out).toHaveLength(alone.flat().length);
        },
      ),
      { numRuns: 150 },
    );
  });
});

const AGENTS = [
  { name: "two-agents.json", text: readOwn("two-agents.json") },
  ...(hasShared ? [{ name: "../shared/two-agents.json", text: readShared("failing/two-agents.json") }] : []),
];

it.each(AGENTS)("each text of $name gets the file of its own agent", async ({ text }) => {
  const { files, response: given, expected } = JSON.parse(text);
  const { response: repaired } = await repairResponse(given, files);
  type Item = { id: string; content?: Part[]; output?: Part[] };
  type Part = { annotations: Record<string, unknown>[] };
  const cited = (repaired.output as Item[]).flatMap(({ id, content, output }) =>
    (content ?? output ?? []).flatMap(({ annotations }) =>
      annotations.map(({ file_id, start_index, end_index }) => ({
        item: id,
        file_id,
        start_index,
        end_index,
      })),
    ),
  );
  expect(cited).toEqual(expected);
});

const TWO_LANES = [
  { name: "two-lanes.jsonl", ...LANES },
  ...(hasShared
    ? [
        {
          name: "../shared/two-lanes.jsonl",
          events: parseLines<StreamEvent>(readShared("failing/two-lanes.jsonl")),
          files: JSON.parse(readShared("failing/two-agents.json")).files as ContainerFile[],
        },
      ]
    : []),
];

it.each(TWO_LANES)(
  "each text of $name gets the file of its own response",
  async ({ events, files: given }) => {
    const { out } = await repaired(events, listOf(given));
    const added = out.filter(({ type }) => type === "response.output_text.annotation.added");
    type Item = { type: string; id: string; container_id?: string };
    const expected = events
      .filter(({ type }) => type === "response.completed")
      .map(({ response }) => {
        const { output } = response as { output: Item[] };
        const [called, text] = ["code_interpreter_call", "message"].map((type) =>
          output.find((item) => item.type === type),
        );
        return [text!.id, given.find(({ container_id }) => container_id === called!.container_id)!.id];
      });
    expect(expected).toHaveLength(2);
    const cited = added.map(({ item_id, annotation }) => [
      item_id,
      (annotation as { file_id: string }).file_id,
    ]);
    expect(cited.sort()).toEqual(expected.sort());
  },
);

describe("a lane that waits for its list", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("does not delay other lanes, and keeps its own order", async () => {
    const [a, b] = ["a", "b"].map((name) => eventsOf(name, inContainer(name), { stream_id: name }));
    const list = async (id: string) => {
      if (id === "cntr_a") await new Promise((resolve) => setTimeout(resolve, 1000));
      return files.filter(({ container_id }) => container_id === id);
    };
    const out: StreamEvent[] = [];
    const reading = (async () => {
      for await (const event of repairResponseStream([...a!, ...b!], list)) out.push(event);
    })();
    await vi.advanceTimersByTimeAsync(500);
    const lanes = (name: string) => out.filter(({ stream_id }) => stream_id === name);
    expect(lanes("b").map(({ type }) => type)).toContain("response.completed");
    expect(lanes("a").map(({ type }) => type)).not.toContain("response.output_text.done");
    await vi.advanceTimersByTimeAsync(1000);
    await reading;
    expect(
      lanes("a")
        .filter(({ type }) => type !== "response.output_text.annotation.added")
        .map(({ type }) => type),
    ).toEqual(a!.map(({ type }) => type));
  });

  it("does not let the next response of the same name overtake it", async () => {
    const [a, b] = ["a", "b"].map((name) => eventsOf(name, inContainer(name), { stream_id: "one" }));
    const list = async (id: string) => {
      if (id === "cntr_a") await new Promise((resolve) => setTimeout(resolve, 1000));
      return files.filter(({ container_id }) => container_id === id);
    };
    const reading = repaired([...a!, ...b!], list);
    await vi.advanceTimersByTimeAsync(1000);
    const { out, reports } = await reading;
    expect(out.map(({ type }) => type)).toEqual(
      [...out.slice(0, out.length / 2), ...out.slice(0, out.length / 2)].map(({ type }) => type),
    );
    expect(out.slice(out.length / 2).map(({ sequence_number }) => sequence_number)).toEqual(
      out.slice(0, out.length / 2).map(({ sequence_number }) => sequence_number),
    );
    expect(reports).toMatchObject([
      { responseId: "resp_a", outcome: "recovered" },
      { responseId: "resp_b", outcome: "recovered" },
    ]);
  });

  it("is dropped if it never ends and there are too many lanes, and the others continue", async () => {
    const events = Array.from(
      { length: 400 },
      (_, at) => eventsOf(`${at}`, inContainer("a"), { stream_id: `${at}` })[0]!,
    );
    const last = eventsOf("last", inContainer("b"), { stream_id: "last" });
    const { out, reports } = await repaired([...events, ...last], listOf(files));
    expect(out.length).toBe(events.length + last.length + 1);
    expect(
      reports.filter(({ error }) => error?.message.startsWith("more than 256 responses")),
    ).not.toHaveLength(0);
  });
});

describe("more lanes than are repaired", () => {
  /** Returns the events of 300 responses, each up to its last event of the type `until`. The repair holds that last event. */
  const begun = (until: string): StreamEvent[] =>
    Array.from({ length: 300 }, (_, at) => {
      const events = eventsOf(`${at}`, inContainer("a"), { stream_id: `${at}` });
      return events.slice(0, events.findLastIndex(({ type }) => type === until) + 1);
    }).flat();
  const withoutText = ({ delta: _, logprobs: __, ...event }: StreamEvent) => JSON.stringify(event);

  it.each([
    ["text", "response.output_text.delta"],
    ["the end of a message", "response.output_item.done"],
  ])("get all events that were held: %s", async (_, until) => {
    const events = begun(until);
    const options = { links: () => "https://f.test/1", retries: 0 };
    const out: StreamEvent[] = [];
    for await (const event of repairResponseStream(events, listOf([]), options)) out.push(event);
    const { fetch } = upstream({ answer: () => sse(frames(events)), files: [] });
    const answer = await createFileCitationsFetch({ fetch, ...options })(`${BASE}/responses`, {
      method: "POST",
      body: "{}",
    });
    for (const received of [out, eventsIn(await answer.text())]) {
      const textOf = (all: readonly StreamEvent[], id: unknown) =>
        all.flatMap((event) => (event.stream_id === id ? (event.delta ?? []) : [])).join("");
      for (const id of new Set(events.map(({ stream_id }) => stream_id)))
        expect(textOf(received, id)).toBe(textOf(events, id));
      const sent = new Set(received.map(withoutText));
      expect(events.filter((event) => !sent.has(withoutText(event)))).toEqual([]);
    }
  });
});

describe("messages of the SDK's socket", () => {
  const wrapped = (events: readonly StreamEvent[]) =>
    events.map((event) => ({ type: "message", message: event }));

  it("stay messages, with the citations added, and other messages pass unchanged", async () => {
    const inside = wrapped(eventsOf("a", inContainer("a"), { stream_id: "a" }));
    const others = [{ type: "connecting" }, { type: "open" }];
    const closing = [
      { type: "reconnecting", attempt: 1 },
      { type: "close", code: 1000 },
    ];
    const events: { type: string; message?: unknown }[] = [...others, ...inside, ...closing];
    const out: { type: string; message?: unknown }[] = [];
    for await (const event of repairResponseStream(events, listOf(files))) out.push(event);
    expect(out.slice(0, 2)).toEqual(others);
    expect(out[0]).toBe(others[0]);
    expect(out.slice(-2)).toEqual(closing);
    const added = out.filter(
      ({ message }) => (message as StreamEvent)?.type === "response.output_text.annotation.added",
    );
    expect(added).toHaveLength(1);
    expect(added[0]!.type).toBe("message");
    expect(out).toHaveLength(events.length + 1);
  });

  it("of type response.create get the link sentence", () => {
    const tools = [{ type: "code_interpreter", container: { type: "auto" } }];
    const event = { type: "response.create", stream_id: "a", model: "gpt-6", input: "A report", tools };
    const asking = addLinkInstruction(event);
    expect(asking).toMatchObject({
      type: "response.create",
      stream_id: "a",
      include: ["code_interpreter_call.outputs"],
    });
    expect(asking.input).toContain("sandbox:");
    const steer = { type: "response.steer", response_id: "resp_1", input: "Shorter" };
    expect(addLinkInstruction(steer)).toBe(steer);
  });
});

describe("inconsistent events", () => {
  const events = () => eventsOf("a", inContainer("a"));
  const at = (type: string, given: StreamEvent[]) => given.findIndex((event) => event.type === type);

  it.each<[string, (given: StreamEvent[]) => StreamEvent[], RegExp]>([
    [
      "an item_id that differs from the item at that output_index",
      (given) =>
        given.map((event) => (event.type.includes("output_text") ? { ...event, item_id: "msg_x" } : event)),
      /names the item "msg_x", but at output_index 1 is/,
    ],
    [
      "events out of order",
      (given) => {
        const done = at("response.output_item.added", given);
        return [...given.slice(0, done), given[done + 1]!, given[done]!, ...given.slice(done + 2)];
      },
      /the events are out of order/,
    ],
  ])("stay unchanged, and the report says why: %s", async (_, change, error) => {
    const given = change(events());
    const { out, reports } = await repaired(given, listOf(files));
    expect(out).toEqual(given);
    expect(reports[0]!.error!.message).toMatch(error);
  });

  it("two items with one id: the response stays unchanged, and the report says why", async () => {
    const output = [call(`df.to_csv('${PATH}')`, "cntr_a"), message(`At ${PATH}`), message(`Again ${PATH}`)];
    const given = { ...response([]), output };
    const { response: unchanged, report: told } = await repairResponse(given, listOf(files));
    expect(unchanged).toBe(given);
    expect(told.error!.message).toBe('two items of the response have the id "msg_1"');
  });

  it("two items with one id: a streamed text keeps a citation that was sent before the second item", async () => {
    const output = [call(`df.to_csv('${PATH}')`, "cntr_a"), message(`At ${PATH}`), message(`Again ${PATH}`)];
    const given = JSON.parse(JSON.stringify(streamOf(output)).replaceAll("msg_1_2", "msg_1"));
    const { out, reports } = await repaired(given, listOf(files));
    expect(out.filter(({ type }) => type === "response.output_text.annotation.added")).toHaveLength(1);
    expect(cited(out.at(-1)!.response)).toEqual([`report.csv@${PATH}`]);
    expect(reports).toMatchObject([
      { outcome: "recovered", error: { message: 'two items of the response have the id "msg_1"' } },
    ]);
  });

  it("another response id at the end, as from a gateway, belongs to the same response", async () => {
    const given = events().map((event) =>
      event.type === "response.completed"
        ? { ...event, response: { ...(event.response as object), id: "resp_encoded=" } }
        : event,
    );
    const { out, reports } = await repaired(given, listOf(files));
    const untouched = out.filter(({ type }) => type !== "response.output_text.annotation.added");
    expect(untouched.map(({ type }) => type)).toEqual(given.map(({ type }) => type));
    expect(reports).toMatchObject([{ responseId: "resp_encoded=", outcome: "recovered" }]);
  });

  it.each(["__proto__", "constructor", "toString"])("an item of the type %s is not a call", async (type) => {
    const output = [{ id: "x_1", type }, ...inContainer("a")];
    expect(await citedIn(output)).toEqual(["cfile_cntr_a"]);
  });
});

const ADDED = "response.output_text.annotation.added";
const isOf = (type: string) => (event: StreamEvent) => event.type === type;
const DONE = isOf("response.output_text.done");
const DELTA = isOf("response.output_text.delta");
/**
 * Returns the events with one event moved to another index. If `isNumberedAnew` is true, the sequence numbers follow the new
 * order. Otherwise, each event keeps its sequence number.
 */
function moved(given: readonly StreamEvent[], from: number, to: number, isNumberedAnew: boolean) {
  const events = [...given];
  events.splice(to, 0, ...events.splice(from, 1));
  if (!isNumberedAnew) return events;
  return events.map((event, at) => ({ ...event, sequence_number: given[at]!.sequence_number }));
}

describe("a lane that was never opened", () => {
  const whole = eventsOf("a", inContainer("a"), { stream_id: "a" });
  const rests = whole.slice(1).map((event, at) => [event.type, whole.slice(at + 1)] as const);

  it.each(rests)("stays unchanged if it begins with %s, and the report says why", async (type, given) => {
    const { out, reports } = await repaired(given, listOf(files));
    expect(out).toEqual(given);
    expect(reports).toHaveLength(1);
    expect(reports[0]).toMatchObject({ outcome: "failed", citations: [] });
    expect(reports[0]!.error!.message).toBe(
      `the events of a response begin with ${type}: its first events are missing`,
    );
  });

  it("does not change the other lanes", async () => {
    const other = eventsOf("b", inContainer("b"), { stream_id: "b" });
    const rest = whole.slice(4);
    const given = other.flatMap((event, at) => [event, ...rest.slice(at, at + 1)]);
    const { out, reports } = await repaired(given, listOf(files));
    expect(out.filter(({ type }) => type !== ADDED && type !== "response.completed")).toHaveLength(
      given.filter(({ type }) => type !== "response.completed").length,
    );
    expect(reports.map(({ responseId, outcome }) => [responseId, outcome]).sort()).toEqual([
      ["resp_a", "failed"],
      ["resp_b", "recovered"],
    ]);
  });

  it("stays unchanged even if an earlier response with its name was opened", async () => {
    const later = eventsOf("b", inContainer("b"), { stream_id: "a" }).slice(1);
    const { out, reports } = await repaired([...whole, ...later], listOf(files));
    expect(out.slice(-later.length)).toEqual(later);
    expect(reports.map(({ outcome }) => outcome)).toEqual(["recovered", "failed"]);
  });

  it("gets no report if it has no event of a response", async () => {
    const failed = { type: "response.steer.failed", stream_id: "a", sequence_number: 99 };
    const { out, reports } = await repaired([...whole, failed], listOf(files));
    expect(out.at(-1)).toBe(failed);
    expect(reports).toMatchObject([{ responseId: "resp_a", outcome: "recovered" }]);
  });

  it("is repaired if only its first event is missing", async () => {
    const given = [{ ...whole[0]!, type: "response.in_progress" }, ...whole.slice(1)];
    expect((await repaired(given, listOf(files))).reports).toMatchObject([{ outcome: "recovered" }]);
  });

  it("is not opened by an error or a steering event of its name", async () => {
    const error = { type: "error", message: "busy", stream_id: "a", sequence_number: 0 };
    const { out, reports } = await repaired([error, ...whole.slice(1)], listOf(files));
    expect(out).toEqual([error, ...whole.slice(1)]);
    expect(reports[0]!.error!.message).toMatch(/its first events are missing/);
  });

  it("without a name is taken for a stream that is resumed, and is repaired", async () => {
    const given = eventsOf("a", inContainer("a")).slice(1);
    expect((await repaired(given, listOf(files))).reports).toMatchObject([{ outcome: "recovered" }]);
  });

  it("without a name stays unchanged if two other responses are in progress", async () => {
    const [a, b, c] = ["a", "b", "c"].map((name) => eventsOf(name, inContainer(name)));
    const given = [...a!.slice(0, 3), ...b!.slice(0, 3), c!.at(-1)!, ...a!.slice(3), ...b!.slice(3)];
    const { out, reports } = await repaired(given, listOf(files));
    expect(out).toContain(c!.at(-1));
    const { error } = reports.find(({ responseId }) => responseId === "resp_c")!;
    expect(error!.message).toBe(
      "the events of a response begin with response.completed: its first events are missing",
    );
  });
});

describe("events out of order", () => {
  const at = (given: StreamEvent[], is: (event: StreamEvent) => boolean) => given.findIndex(is);
  type Order = [string, (given: StreamEvent[]) => [from: number, to: number]];
  const orders: Order[] = [
    ["a text that ends before all of its deltas", (given) => [at(given, DONE), at(given, DELTA)]],
    ["a text that ends before its last delta", (given) => [at(given, DONE), at(given, DONE) - 1]],
    ["two deltas that changed places", (given) => [at(given, DELTA), at(given, DELTA) + 1]],
    ["a delta after the end of its text", (given) => [at(given, DELTA), at(given, DONE)]],
    ["a final event among the deltas", (given) => [given.length - 1, at(given, DELTA) + 1]],
    ["a final event before the end of a text", (given) => [given.length - 1, at(given, DONE)]],
  ];
  const cases = orders.flatMap(([name, move]) =>
    [{}, { stream_id: "a" }].flatMap((more) =>
      [false, true].map((isNumberedAnew) => {
        const given = eventsOf("a", inContainer("a"), more);
        const events = moved(given, ...move(given), isNumberedAnew);
        const about = `${"stream_id" in more ? "in a lane" : "alone"}, numbered ${isNumberedAnew ? "anew" : "as before"}`;
        return [name, about, events] as const;
      }),
    ),
  );

  it.each(cases)("stay unchanged: %s, %s", async (_, __, given) => {
    const { out, reports } = await repaired(given, listOf(files));
    expect(out).toEqual(given);
    expect(reports[0]).toMatchObject({ outcome: "failed", citations: [] });
    expect(reports[0]!.error!.message).toMatch(/^the events are out of order: /);
  });

  it.each([{}, { stream_id: "a" }])(
    "keep a citation that was sent before the fault shows (%o)",
    async (more) => {
      const given = eventsOf("a", inContainer("a"), more);
      const early = moved(given, given.length - 1, given.length - 2, true);
      const { out, reports } = await repaired(early, listOf(files));
      expect(out.filter(({ type }) => type !== ADDED).map(({ type }) => type)).toEqual(
        early.map(({ type }) => type),
      );
      expect(out.at(-1)).toBe(early.at(-1));
      expect(reports[0]!.outcome).toBe("recovered");
      expect(reports[0]!.error!.message).toBe(
        "the events are out of order: response.completed comes before the end of the item at output_index 1",
      );
    },
  );

  it("are not assumed if a gateway sends no event that ends an item", async () => {
    const given = eventsOf("a", inContainer("a"), {});
    const { reports } = await repaired(
      given.filter(({ type }) => type !== "response.output_item.done"),
      listOf(files),
    );
    expect(reports[0]).toMatchObject({ outcome: "recovered" });
    expect(reports[0]!.error).toBeUndefined();
  });

  it("a text of another lane is repaired", async () => {
    const given = eventsOf("a", inContainer("a"), { stream_id: "a" });
    const other = eventsOf("b", inContainer("b"), { stream_id: "b" });
    const wrong = moved(given, at(given, DONE), at(given, DELTA), true);
    const { reports } = await repaired(
      wrong.flatMap((event, index) => [event, other[index]!]),
      listOf(files),
    );
    expect(reports.map(({ responseId, outcome }) => [responseId, outcome]).sort()).toEqual([
      ["resp_a", "failed"],
      ["resp_b", "recovered"],
    ]);
  });

  it("events after the final event get a report of their own", async () => {
    const given = eventsOf("a", inContainer("a"));
    const late = given.filter(DONE);
    const { out, reports } = await repaired([...given, ...late], listOf(files));
    expect(out.slice(-2)).toEqual([out.at(-2), late[0]]);
    expect(reports).toMatchObject([
      { responseId: "resp_a", outcome: "recovered" },
      { responseId: "resp_a", outcome: "failed", citations: [] },
    ]);
    expect(reports[1]!.error!.message).toBe(
      "the events are out of order: response.output_text.done comes after the final event of the response",
    );
  });

  it("a text whose deltas lack the spaces at its end is repaired", async () => {
    const [wrote] = inContainer("a");
    const given = eventsOf("a", [wrote!, message(`At ${PATH} \n`)]);
    expect(
      given
        .filter(DELTA)
        .map(({ delta }) => delta)
        .join(""),
    ).toBe(`At ${PATH}`);
    expect((await repaired(given, listOf(files))).reports).toMatchObject([{ outcome: "recovered" }]);
  });

  it.each(["\n\n", "  ", "\u00a0"])(
    "a text without the %j at the end of its deltas is repaired",
    async (end) => {
      const given = eventsOf("a", inContainer("a"));
      const last = given.findLastIndex(DELTA);
      const longer = given.with(last, { ...given[last]!, delta: `${given[last]!.delta}${end}` });
      const spaces = longer.toSpliced(last + 1, 0, { ...given[last]!, delta: end });
      const { reports } = await repaired(spaces, listOf(files));
      expect(reports).toMatchObject([{ outcome: "recovered" }]);
      expect(reports[0]!.error).toBeUndefined();
    },
  );

  it("are not assumed if a gateway ends its messages but no other item", async () => {
    const given = eventsOf("a", inContainer("a")).filter(
      ({ type, item }) =>
        type !== "response.output_item.done" || (item as { type: string }).type === "message",
    );
    const { reports } = await repaired(given, listOf(files));
    expect(reports).toMatchObject([{ outcome: "recovered" }]);
    expect(reports[0]!.error).toBeUndefined();
  });

  it("a final event that comes twice is repaired twice, with one report", async () => {
    const given = eventsOf("a", inContainer("a"));
    const { out, reports } = await repaired([...given, given.at(-1)!], listOf(files));
    expect(out.at(-1)).toEqual(out.at(-2));
    expect(out.at(-1)).not.toEqual(given.at(-1));
    expect(reports).toMatchObject([{ responseId: "resp_a", outcome: "recovered" }]);
  });

  it("a text without any delta, as from a gateway, is repaired", async () => {
    const given = eventsOf("a", inContainer("a")).filter((event) => !DELTA(event));
    const { out, reports } = await repaired(given, listOf(files));
    expect(reports).toMatchObject([{ outcome: "recovered" }]);
    expect(out.findIndex(isOf(ADDED))).toBe(out.findIndex(DONE) - 1);
  });

  it("are recognized by their numbers through the fetch, which does not read the deltas", async () => {
    const given = eventsOf("a", inContainer("a"));
    const early = moved(given, at(given, DONE), at(given, DELTA) + 1, false);
    const reports: Report[] = [];
    const { fetch } = upstream({ answer: () => sse(frames(early)), files });
    const answer = await createFileCitationsFetch({ fetch, onReport: (it) => void reports.push(it) })(
      `${BASE}/responses`,
      { method: "POST", body: "{}" },
    );
    expect(await answer.text()).toBe(frames(early));
    expect(reports[0]!.error!.message).toMatch(/^the events are out of order: /);
  });
});

describe("several responses in one event stream, through the fetch", () => {
  const interleaved = (more: (name: string) => Record<string, unknown>) => {
    const [a, b] = ["a", "b"].map((name) => eventsOf(name, inContainer(name), more(name)));
    const begun = a!.findIndex(({ type }) => type === "response.content_part.added");
    return [...a!.slice(0, begun), ...b!.slice(0, 4), ...a!.slice(begun), ...b!.slice(4)];
  };
  const through = async (events: StreamEvent[], cut?: number) => {
    const { fetch } = upstream({ answer: () => sse(frames(events), cut), files });
    return (
      await createFileCitationsFetch({ fetch })(`${BASE}/responses`, { method: "POST", body: "{}" })
    ).text();
  };

  it.each([
    ["with names", (stream_id: string) => ({ stream_id })],
    ["without", () => ({})],
  ])("%s: each gets its own file, wherever the bytes are cut", async (_, more) => {
    const events = interleaved(more);
    const { out } = await repaired(events, listOf(files));
    expect(out.length).toBe(events.length + 2);
    // The order of events from different waiting lanes is not defined. The order of events within a lane is defined.
    const lanesOf = (all: StreamEvent[]) =>
      ["a", "b"].map((name) =>
        all.filter((event) => new RegExp(`_${name}(?=["_])`).test(JSON.stringify(event))),
      );
    for (const cut of [1, 7, 100, 4096, undefined]) {
      const came = eventsIn(await through(events, cut));
      expect(came).toHaveLength(out.length);
      expect(lanesOf(came)).toEqual(lanesOf(out));
    }
  });

  it("do not wait for each other's lists", async () => {
    const events = interleaved((stream_id) => ({ stream_id }));
    const { fetch } = upstream({
      answer: () => sse(frames(events)),
      list: (id) => (id === "cntr_a" ? new Promise(() => {}) : listPage([report(id)])),
    });
    const answer = await createFileCitationsFetch({ fetch, timeoutMs: 2 ** 30 })(`${BASE}/responses`, {
      method: "POST",
      body: "{}",
    });
    const reader = answer.body!.getReader();
    let text = "";
    while (!text.includes('"response.completed"'))
      text += new TextDecoder().decode((await reader.read()).value);
    const ended = eventsIn(text).filter(({ type }) => type === "response.completed");
    expect(ended.map(({ stream_id }) => stream_id)).toEqual(["b"]);
    await reader.cancel();
  });

  it("in sequence are not read as parallel ones", async () => {
    const [a, b] = ["a", "b"].map((name) => eventsOf(name, inContainer(name)));
    const { out } = await repaired([...a!, ...b!], listOf(files));
    expect(eventsIn(await through([...a!, ...b!], 50))).toEqual(out);
  });
});
