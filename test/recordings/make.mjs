/**
 * Makes the recordings in this folder: responses with Code Interpreter. We wrote their texts and ids. The fields and the events,
 * and their order, are those of the API.
 *
 *     node test/recordings/make.mjs            # writes the files
 *     node test/recordings/make.mjs --check    # fails if a file differs from the script's output
 *
 * Each turn in `turns.mjs` becomes two files: `<turn>.json` is the answer to a plain request, `<turn>.jsonl` has the events of a
 * stream, one in each line. `container-files.json` has the list of each turn's container. The texts in `two-agents.json` and
 * `two-lanes.jsonl` have no citations. `two-agents.json` has the right citations in `expected`.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { digits, Turn } from "./turn.mjs";
import { TURNS } from "./turns.mjs";

/** The time of the first turn, in seconds. Each turn is an hour later. */
const START = 1_772_010_000;

/**
 * Returns a response of two agents, its files, and the citations that a repair should add. Both agents write the same path, each
 * in its own container. Each text means the file of its own agent.
 */
function twoAgents() {
  const agents = ["ada", "ben"].map((agent_name) => {
    const name = `agent ${agent_name}`;
    const steps = [{ code: "open('/mnt/data/notes.md', 'w').write(notes)\n", files: ["notes.md"] }];
    const { items, files } = new Turn(name, START + 100_000, { steps });
    return { agent: { agent_name }, name, call: items[1], file: files[0] };
  });
  const part = (text) => ({ type: "output_text", annotations: [], logprobs: [], text });
  const idOf = (prefix, name) => `${prefix}_${digits(`${prefix} ${name}`, 48)}`;
  const result = {
    id: idOf("mao", "result"),
    type: "multi_agent_call_output",
    action: "wait_agent",
    call_id: idOf("call", "result"),
    output: [part("Mine is [here](sandbox:/mnt/data/notes.md)")],
    agent: agents[0].agent,
  };
  const messages = agents.map(({ agent, name }) => ({
    id: idOf("msg", name),
    type: "message",
    status: "completed",
    content: [part(`Notes of ${agent.agent_name}: /mnt/data/notes.md`)],
    role: "assistant",
    agent,
  }));
  const calls = agents.map(({ agent, call }) => ({ ...call, agent }));
  const turn = new Turn("two agents", START + 100_000, { steps: [] });
  turn.items = [...calls, ...messages, result];
  const expected = [...messages, result].map((item, index) => {
    const [{ text }] = item.content ?? item.output;
    const mention = /sandbox:[^)]+|\/mnt\S+/.exec(text);
    const { file } = agents[index % agents.length];
    const range = { start_index: mention.index, end_index: mention.index + mention[0].length };
    return { item: item.id, file_id: file.id, ...range };
  });
  return { files: agents.map(({ file }) => file), response: turn.response(), expected };
}

/** Returns the files and the alternating events of two responses on one WebSocket. Each text means its own response's file. */
function twoLanes() {
  const lanes = ["left", "right"].map((stream_id) => {
    const code = "open('/mnt/data/notes.md', 'w').write(notes)\n";
    const steps = [{ code, files: ["notes.md"] }, `Of ${stream_id}: /mnt/data/notes.md`];
    const turn = new Turn(`lane ${stream_id}`, START + 200_000, { steps });
    return { files: turn.files, events: turn.events().map((event) => ({ ...event, stream_id })) };
  });
  const [left, right] = lanes.map(({ events }) => events);
  const events = left.flatMap((event, at) => [event, right[at]]).concat(right.slice(left.length));
  return { files: lanes.flatMap(({ files }) => files), events: events.filter(Boolean) };
}

const json = (value) => `${JSON.stringify(value, null, 1)}\n`;
const lines = (values) => values.map((value) => `${JSON.stringify(value)}\n`).join("");

/** Returns an object with the text of each recording file. The keys are the file names. */
function made() {
  const turns = Object.entries(TURNS).map(([name, turn], at) => [
    name,
    new Turn(name, START + 3600 * at, turn),
  ]);
  const lanes = twoLanes();
  return {
    ...Object.fromEntries(
      turns.flatMap(([name, turn]) => [
        [`${name}.json`, json(turn.response({ more: { billing: { payer: "developer" } } }))],
        [`${name}.jsonl`, lines(turn.events())],
      ]),
    ),
    "container-files.json": json({
      ...Object.fromEntries(turns.map(([name, { files }]) => [name, files])),
      "two-lanes": lanes.files,
    }),
    "two-agents.json": json(twoAgents()),
    "two-lanes.jsonl": lines(lanes.events),
  };
}

const isCheck = process.argv.includes("--check");
for (const [name, text] of Object.entries(made())) {
  const url = new URL(name, import.meta.url);
  if (!isCheck) {
    writeFileSync(url, text);
  } else if (readFileSync(url, "utf8") !== text) {
    console.error(`test/recordings/${name} is not what make.mjs makes. Run: npm run recordings`);
    process.exitCode = 1;
  }
}
