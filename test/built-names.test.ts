/**
 * Tests file names that code builds, as in `f'/mnt/data/dist_{n}.png'`. A message such as "Saved in /mnt/data: dist_1.png" can
 * mention this name without a path, because the message names the root `/mnt/data`. Each test repairs the same output as a
 * plain response and as a stream, and expects the same result.
 */
import { describe, expect, it } from "vitest";
import {
  type ContainerFile,
  type RepairOptions,
  type Report,
  repairResponse,
  repairResponseStream,
} from "../src/index.js";
import { call, cited, file, message, response, type StreamEvent, streamOf } from "./upstream.js";

const OLD = 1_750_000_000;
const CODE = "for n in range(2): plt.savefig(f'/mnt/data/dist_{n}.png')";
const SAVED = "Saved in /mnt/data: dist_0.png";
const written = file("/mnt/data/dist_0.png", { id: "new" });
const inFolder = file("/mnt/data/out/dist_0.png", { id: "new" });
const older = (path: string, more: Partial<ContainerFile> = {}) =>
  file(path, { id: "older", created_at: OLD, ...more });
const upload = (path: string) => older(path, { source: "user" });

/**
 * Repairs an output as a plain response and as a stream, and checks that both have the same result. Returns the citations as
 * `id@text`, the uncited mentions as `reason:text`, and the number of list requests.
 */
async function repaired(
  output: Record<string, unknown>[],
  files: readonly ContainerFile[],
  options: RepairOptions = {},
) {
  const reports: Report[] = [];
  const settings = { retries: 0, ...options, onReport: (report: Report) => void reports.push(report) };
  const list = async () => files;
  const plain = (await repairResponse(response(output), list, settings)).response;
  let final: unknown;
  const added = [];
  for await (const event of repairResponseStream(streamOf(output), list, settings)) {
    if (event.type === "response.output_text.annotation.added") added.push(event.annotation);
    final = (event as StreamEvent).response;
  }
  expect(cited(final)).toEqual(cited(plain));
  expect(added).toHaveLength(cited(plain).length);
  const [result, other] = reports.map(({ citations, unresolved, listRequests }) => ({
    ids: citations.map(
      (citation) => `${citation.annotation.file_id}@${"text" in citation ? citation.text : ""}`,
    ),
    reasons: unresolved.map(({ reason, text }) => `${reason}:${text}`),
    requests: listRequests,
  }));
  expect(other).toEqual(result);
  return result!;
}

const FOUND = { ids: ["new@dist_0.png"], reasons: [], requests: 1 };
const AMBIGUOUS = {
  ids: [],
  reasons: ["directory:/mnt/data", "ambiguous:dist_0.png"],
  requests: 1,
};

describe("other files of the same name", () => {
  it.each<[string, ContainerFile[]]>([
    ["an older file in a folder", [written, older("/mnt/data/old/dist_0.png")]],
    ["an upload in a folder", [written, upload("/mnt/data/in/dist_0.png")]],
    ["an upload with this former name", [written, upload("/mnt/data/file-Ab12-dist_0.png")]],
    [
      "an older file and an upload in folders",
      [inFolder, older("/mnt/data/old/dist_0.png"), upload("/mnt/data/in/dist_0.png")],
    ],
    ["an older file in another case", [written, older("/mnt/data/Dist_0.png")]],
  ])("do not count: %s", async (_, files) => {
    expect(await repaired([call(CODE), message(SAVED)], files)).toEqual(FOUND);
  });

  it.each<[string, ContainerFile[]]>([
    ["an older file has exactly that path", [inFolder, older("/mnt/data/dist_0.png")]],
    ["an upload has exactly that path", [inFolder, upload("/mnt/data/dist_0.png")]],
    [
      "the response wrote two",
      [written, file("/mnt/data/out/dist_0.png"), older("/mnt/data/old/dist_0.png")],
    ],
  ])("are ambiguous if %s", async (_, files) => {
    expect(await repaired([call(CODE), message(SAVED)], files)).toEqual(AMBIGUOUS);
  });

  it.each([
    ["an older file", older("/mnt/data/old/dist_0.png")],
    ["an upload", upload("/mnt/data/old/dist_0.png")],
  ])("are ambiguous if a call names the path of %s", async (_, other) => {
    const output = [call(`${CODE}\nopen('/mnt/data/old/dist_0.png')`), message(SAVED)];
    expect(await repaired(output, [written, other])).toEqual(AMBIGUOUS);
  });

  it("are ambiguous if the message does not name a root", async () => {
    const output = [call(`${CODE}\n# dist_0.png`), message("Saved: dist_0.png")];
    expect(await repaired(output, [written, older("/mnt/data/old/dist_0.png")])).toEqual({
      ...AMBIGUOUS,
      reasons: ["ambiguous:dist_0.png"],
    });
  });

  it("leave the name uncited if a path in the text means one of them", async () => {
    const text = "I read /mnt/data/old/dist_0.png. Now dist_0.png has a title. All plots are in /mnt/data.";
    const found = await repaired([call(CODE), message(text)], [written, older("/mnt/data/old/dist_0.png")]);
    expect(found.ids).toEqual(["older@/mnt/data/old/dist_0.png"]);
  });
});

describe("a root and a name in two parts of one message", () => {
  it.each([
    ["the root first", ["Saved in /mnt/data:", "dist_0.png"]],
    ["the name first", ["dist_0.png is ready.", "I saved it in `/mnt/data/`."]],
    ["a part between them", ["dist_0.png is ready.", "It has a title.", "It is in /mnt/data."]],
  ])("count together: %s", async (_, texts) => {
    expect(await repaired([call(CODE), message(...texts)], [written])).toEqual(FOUND);
    expect(
      await repaired([call(CODE), message(...texts)], [written, older("/mnt/data/o/dist_0.png")]),
    ).toEqual(FOUND);
  });

  it("do not count together if they are in two messages", async () => {
    const output = [call(CODE), message("dist_0.png is ready."), message("The folder is /mnt/data.")];
    expect(await repaired(output, [written])).toMatchObject({ ids: [] });
  });

  it("cause no list request if no part names the root", async () => {
    expect(await repaired([call(CODE), message("Saved.", "dist_0.png")], [written])).toEqual({
      ids: [],
      reasons: [],
      requests: 0,
    });
  });

  it("count together even if the final event of the stream has no output", async () => {
    const texts = ["dist_0.png is ready.", "I saved it in /mnt/data."];
    const events = streamOf([call(CODE), message(...texts)]).map((event) =>
      event.type === "response.completed" ? { ...event, response: response([]) } : event,
    );
    const added = [];
    for await (const event of repairResponseStream(events, async () => [written])) {
      if (event.type === "response.output_text.annotation.added") added.push(event);
    }
    expect(added).toMatchObject([{ content_index: 0, annotation: { file_id: "new" } }]);
  });
});

it.each([
  ["in the same part", ["See [it](dist_0.png). It is in /mnt/data."]],
  ["in a later part", ["See [it](dist_0.png).", "It is in /mnt/data."]],
])("a link to a name that code builds is cited and gets no note, with the root %s", async (_, texts) => {
  const files = [inFolder, older("/mnt/data/old/dist_0.png")];
  const links = { toUrl: () => "https://f.test/1", onMissing: () => "GONE" };
  const output = [call(CODE), message(...texts)];
  expect(await repaired(output, files, { links })).toEqual(FOUND);
  const events = [];
  for await (const event of repairResponseStream(streamOf(output), async () => files, { links }))
    events.push(event);
  const { response: linked } = await repairResponse(response(output), async () => files, { links });
  const final = events.at(-1) as StreamEvent;
  expect((final.response as typeof linked).output).toEqual(linked.output);
  expect(JSON.stringify([linked, events])).not.toContain("GONE");
});
