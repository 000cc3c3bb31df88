/**
 * Tests file names without a path that touch quotes, other words, markup or escapes, as in `→report.xlsx`. The code of the calls
 * names the same files.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type ContainerFile, repairResponse, repairResponseStream } from "../src/index.js";
import { call, file, message, response, type StreamEvent, streamOf } from "./upstream.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Returns the texts that the citations cover, and the number of list requests. `late`: how many lists lack the file at first. */
async function read(text: string, name: string, { late = 0, annotations = [] as unknown[] } = {}) {
  let lists = 0;
  const list = async (): Promise<ContainerFile[]> => {
    lists++;
    return lists > late ? [file(`/mnt/data/${name}`, { created_at: 1_760_000_001 })] : [];
  };
  const output = [call(`df.to_csv('/mnt/data/${name}')`), message({ text, annotations })];
  const repairing = repairResponse(response(output), list);
  await vi.runAllTimersAsync();
  const { report } = await repairing;
  const cited = report.citations.flatMap((one) => (one.origin === "recovered" ? [one.text] : []));
  return { cited, lists };
}

const ATTACHED = [
  ["“report.xlsx” is ready", "report.xlsx"],
  ["„report.xlsx“ ist fertig", "report.xlsx"],
  ["«report.xlsx»", "report.xlsx"],
  ["→report.xlsx", "report.xlsx"],
  ["📄report.xlsx", "report.xlsx"],
  ["已保存为report.xlsx。", "report.xlsx"],
  ["文件：报告.xlsx", "报告.xlsx"],
  ["「レポート.xlsx」を作成しました", "レポート.xlsx"],
] as const;

describe.each(ATTACHED)("in %s", (text, name) => {
  it("the name is found in a list that is late", async () => {
    expect(await read(text, name, { late: 1 })).toEqual({ cited: [name], lists: 2 });
  });

  it("the name needs no list if a link to its file is cited, plain and streamed", async () => {
    const link = `sandbox:/mnt/data/${name}`;
    const whole = `📊 ${text}: [file](${link})`;
    const start_index = [...whole.slice(0, whole.indexOf(link))].length;
    const annotations = [
      {
        ...{ type: "container_file_citation", container_id: "cntr_1", file_id: "cfile_1", filename: name },
        ...{ start_index, end_index: start_index + [...link].length },
      },
    ];
    expect(await read(whole, name, { annotations })).toEqual({ cited: [], lists: 0 });
    const events = streamOf([call(`df.to_csv('/mnt/data/${name}')`), message({ text: whole, annotations })]);
    const out: StreamEvent[] = [];
    const list = () => expect.fail("the list was requested");
    for await (const event of repairResponseStream(events, list)) out.push(event);
    expect(out).toEqual(events);
  });
});

it.each([
  ["I saved q3\u2011report.csv.", "q3-report.csv", "q3\u2011report.csv"],
  ["I saved Q3-Report.csv.", "q3-report.csv", "Q3-Report.csv"],
  ["I saved my\\_report.csv.", "my_report.csv", "my\\_report.csv"],
  ["It is _report.csv_.", "report.csv", "report.csv"],
  ["report.csv(12 KB)", "report.csv", "report.csv"],
  ["[x](r%C3%A9sum%C3%A9.csv)", "résumé.csv", "r%C3%A9sum%C3%A9.csv"],
  ["R&amp;D.csv", "R&D.csv", "R&amp;D.csv"],
  ["I saved re\u0301sume\u0301.csv.", "résumé.csv", "re\u0301sume\u0301.csv"],
])("a name in another spelling than in the code is found: %s", async (text, name, cited) => {
  expect(await read(text, name)).toEqual({ cited: [cited], lists: 1 });
});

it.each(["my_report.csv", "q3-report.csv", "old.report.csv", "report.csv(path)"])(
  "no list is requested for a longer name or a function call that contains the file's name: %s",
  async (text) => {
    expect(await read(`See ${text} now.`, "report.csv")).toEqual({ cited: [], lists: 0 });
  },
);
