/** Tests stored responses with several agents: the command `repair` cites the files of the text's own agent. */
import { describe, expect, it } from "vitest";
import { RecordRepair } from "../../src/cli/stored/record.js";
import { contextOf } from "../../src/responses/repair.js";
import { call, file, message, response, streamOf } from "../upstream.js";

const PATH = "/mnt/data/report.csv";
const FILES = ["cntr_a", "cntr_b"].map((id) => file(PATH, { container_id: id, id: `cfile_${id}` }));
const of = (agent: string, item: Record<string, unknown>) => ({ ...item, agent: { agent_name: agent } });
const wrote = (agent: string, id: string) =>
  of(agent, { ...call(`df.to_csv('${PATH}')`, id), id: `ci_${id}` });
const output = [wrote("alice", "cntr_a"), wrote("bob", "cntr_b"), of("alice", message(`At ${PATH}`))];

/** Returns the ids of the files that the repaired records cite, without repetitions. */
async function citedIn(records: readonly object[]): Promise<unknown[]> {
  const list = async (id: string) => FILES.filter(({ container_id }) => container_id === id);
  const repair = new RecordRepair(contextOf(list, { retries: 0 }));
  let text = "";
  for (const record of records) {
    const bytes = Buffer.from(`${JSON.stringify(record)}\n`);
    const repaired = await repair.take({ bytes, shape: "lines", number: 1, lines: 0 });
    if ("later" in repaired) throw new Error("no record is held: all texts come after calls");
    text += repaired.bytes.toString();
  }
  return [...new Set([...text.matchAll(/"file_id":"([^"]+)"/g)].map(([, id]) => id))];
}

describe("a stored text gets the file of its own agent", () => {
  it.each([
    ["a response", [response(output)]],
    [
      "a line of a Batch API's output",
      [{ custom_id: "1", response: { status_code: 200, body: response(output) } }],
    ],
    ["the events of a stream", streamOf(output)],
  ])("in %s", async (_, records) => {
    expect(await citedIn(records)).toEqual(["cfile_cntr_a"]);
  });
});
