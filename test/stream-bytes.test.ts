/** Tests that the bytes of a frame stay unchanged if the frame is malformed or needs no repair. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FrameSplitter } from "../src/http/frames.js";
import { createFileCitationsFetch, repairResponse } from "../src/index.js";
import { PLAN, POST, repaired, sourceOf } from "./repairing.js";
import {
  BASE,
  call,
  file,
  frames,
  message,
  response,
  type StreamEvent,
  sse,
  streamed,
  streamOf,
  upstream,
} from "./upstream.js";

function frameEnds(splitter: FrameSplitter, chunk: Uint8Array): number[] {
  const ends: number[] = [];
  const rest = splitter.take(chunk);
  for (let end = splitter.endFrom(rest); end >= 0; end = splitter.endFrom(end)) ends.push(end);
  return ends;
}

describe("bytes", () => {
  it("of a frame after an inserted event are unchanged, whatever their format", async () => {
    const body = frames(streamOf([call(), message("Here: /mnt/data/plan.docx")]));
    const odd = body.replace(
      /data: (\{"type":"response.output_text.done".*)/,
      (_, json: string) =>
        `data: ${json.replaceAll("/", "\\/").replaceAll(",", " , ").replace(":0", ":0.0")}`,
    );
    const { fetch } = upstream({ answer: () => streamed(odd), files: [PLAN] });
    const text = await (await createFileCitationsFetch({ fetch })(`${BASE}/responses`, POST)).text();
    const frame = /event: response.output_text.done\n.*\n\n/.exec(odd)![0];
    expect(frame).not.toBe(/event: response.output_text.done\n.*\n\n/.exec(body)![0]);
    expect(text.split(frame)).toHaveLength(2);
  });

  it("of a malformed stream pass unchanged", async () => {
    const events = frames(streamOf([call(), message("/mnt/data/plan.docx")]));
    const garbage = [
      "data: {not json}\n\n",
      "event: response.completed\ndata: [1]\n\n",
      "data: null\n\n",
      "data: [DONE]\n\n",
      ": ping\n\n",
      "event: response.output_text.done\n\n",
      'event: response.output_text.done\ndata: {"type":"response.output_text.done","output_index":"x"}\n\n',
      'data: {"type":"response.output_item.done","output_index":-1,"item":null}\n\n',
      'data: {"type":"response.completed","response":null}\n\n',
      "data",
      "\n\n\n",
      events.slice(0, events.length / 2),
      'event: response.completed\ndata: {"type":',
      "\u0000\ufffd",
    ];
    for (const text of garbage) {
      const { fetch } = upstream({ answer: () => streamed(text), files: [] });
      expect(await (await createFileCitationsFetch({ fetch })(`${BASE}/responses`, POST)).text()).toBe(text);
    }
  });

  it("are split into the same frames, for any chunks and any line endings", () => {
    const line = fc.constantFrom("data: a", "event: b", ":", "", "é🎉", "id: 1");
    const text = fc
      .array(fc.tuple(line, fc.constantFrom("\n", "\r\n", "\r")))
      .map((lines) => lines.map((pair) => pair.join("")).join(""));
    fc.assert(
      fc.property(text, fc.array(fc.nat(200)), (body, cuts) => {
        const bytes = new TextEncoder().encode(body);
        const whole = frameEnds(new FrameSplitter(), bytes);
        const splitter = new FrameSplitter();
        const edges = [0, ...cuts.filter((cut) => cut <= bytes.length).sort((a, b) => a - b), bytes.length];
        const ends: number[] = [];
        for (let at = 1; at < edges.length; at++) {
          ends.push(
            ...frameEnds(splitter, bytes.slice(edges[at - 1], edges[at])).map((end) => end + edges[at - 1]!),
          );
        }
        // A CR at the end of a chunk ends its line. An LF at the start of the next chunk belongs to the same line ending.
        expect(ends.length).toBe(whole.length);
        for (const [at, end] of ends.entries()) expect([end, end + 1]).toContain(whole[at]);
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    ["report", [call(), message("Here: /mnt/data/plan.docx"), message("and /mnt/data/plan.docx")]],
    ["cite", [call("doc.save('plan.docx')"), message("Done.")]],
    ["cite", [call("doc.save('plan.docx')"), message("Done."), call()]],
  ] as const)(
    "come out the same for any chunks of a stream with CR LF: unmentioned %s",
    async (unmentioned, output) => {
      const body = frames(streamOf([...output]), "\r\n");
      const through = async (cut: number | number[]): Promise<string> => {
        const { fetch } = upstream({ answer: () => sse(body, cut), files: [PLAN] });
        const options = { fetch, unmentioned };
        return (await createFileCitationsFetch(options)(`${BASE}/responses`, POST)).text();
      };
      const whole = await through(Infinity);
      expect(whole).toContain("annotation.added");
      expect(whole.replaceAll("\r\n", "")).not.toMatch(/[\r\n]/);
      for (let cut = 1; cut < 8; cut++) expect(await through(cut)).toBe(whole);
      const betweenTheTwo = [...body.matchAll(/\r/g)].map(({ index }) => index + 1);
      expect(await through(betweenTheTwo)).toBe(whole);
    },
  );
});

describe("ids, indices and types that cannot be converted to strings", () => {
  const chart = file("/mnt/data/chart.png");
  const throughEvents = (events: readonly StreamEvent[]) =>
    repaired(events, sourceOf([chart]).list, { unmentioned: "cite" });
  const odd = { toString: "x", valueOf: null };

  it("in an annotation do not prevent other citations", async () => {
    const annotation = { type: "container_file_citation", container_id: odd, file_id: odd, start_index: odd };
    const wrote = call("plt.savefig('chart.png')");
    const given = response([wrote, message({ text: "Done.", annotations: [annotation] })]);
    const { response: repaired, report } = await repairResponse(given, sourceOf([chart]).list, {
      unmentioned: "cite",
    });
    expect(report.outcome).toBe("recovered");
    expect(JSON.stringify(repaired)).toContain(chart.id);
    const out = await throughEvents(streamOf(given.output as Record<string, unknown>[]));
    expect(JSON.stringify(out.at(-1))).toContain(chart.id);
  });

  it("in events do not change the order while other events are held", async () => {
    const events = streamOf([call("plt.savefig('chart.png')"), message("Done.")]);
    const strange = [{ type: odd }, { type: "response.output_text.annotation.added", output_index: odd }];
    const with_ = [...events.slice(0, -1), ...strange, ...events.slice(-1)] as unknown as StreamEvent[];
    const out = await throughEvents(with_);
    expect(
      out.filter((event) => with_.includes(event) || event.type !== "response.output_text.annotation.added")
        .length,
    ).toBe(with_.length);
    expect(out.slice(0, -2)).toEqual(with_.slice(0, -1));
  });
});
