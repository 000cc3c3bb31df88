/** Tests what docs/troubleshooting.md says about reports. Most tests run with a plain and a streamed response of the emulator. */
import OpenAI from "openai";
import { expect, it } from "vitest";
import { addLinkInstruction, type Report, repairResponse, withFileCitations } from "../src/index.js";
import { createResponsesEmulator, type EmulatorOptions, type Step } from "../src/testing/index.js";

const REQUEST = {
  model: "gpt-5",
  input: "A plan, please",
  tools: [{ type: "code_interpreter" as const, container: { type: "auto" as const } }],
};
const PLAN = "/mnt/data/plan.docx";

const writing = (content: string): Step => ({
  type: "python",
  code: `open('${PLAN}', 'w')`,
  files: { [PLAN]: content },
});
const says = (text: string): Step => ({ type: "message", text });

type Event = { type: string; output_index?: number; annotation?: { file_id: string; container_id: string } };

/** Runs a model's steps in a plain or streamed response. Returns the client, the report and the events of the stream. */
async function run(steps: readonly Step[], isStreamed: boolean, options: EmulatorOptions = {}) {
  const emulator = createResponsesEmulator({ script: () => steps, ...options });
  const reports: Report[] = [];
  const client = withFileCitations(new OpenAI({ apiKey: "any", fetch: emulator.fetch }), {
    retries: 0,
    onReport: (report) => reports.push(report),
  });
  const events: Event[] = [];
  if (isStreamed) {
    const stream = await client.responses.create({ ...REQUEST, stream: true });
    for await (const event of stream) events.push(event as Event);
  } else await client.responses.create(REQUEST);
  expect(reports).toHaveLength(1);
  return { client, report: reports[0]!, events };
}

const reasonsOf = ({ unresolved }: Report) => unresolved.map(({ reason }) => reason);
const contentOf = async (client: OpenAI, { citations }: Report): Promise<(string | number)[]> =>
  Promise.all(
    citations.map(({ annotation: { file_id, container_id } }) =>
      client.containers.files.content.retrieve(file_id, { container_id }).then(
        (content) => content.text(),
        ({ status }) => status,
      ),
    ),
  );

const EACH = [
  ["plain", false],
  ["streamed", true],
] as const;

it.each(EACH)("the report says that the endpoint lacks the container routes: %s", async (_, isStreamed) => {
  const steps = [writing("v1"), says(`Here: ${PLAN}`)];
  const unsupported = await run(steps, isStreamed, { gateway: { containerRoutes: "unsupported" } });
  expect(unsupported.report).toMatchObject({
    outcome: "failed",
    error: { message: "the container's file list answered 400" },
  });
  const missing = await run(steps, isStreamed, { gateway: { containerRoutes: "missing" } });
  expect(missing.report).toMatchObject({
    outcome: "failed",
    error: { message: expect.stringMatching(/^the container's file list answered 404/) },
  });
  for (const { report } of [unsupported, missing]) {
    expect(reasonsOf(report)).toEqual(["container-unavailable"]);
    expect(report.containers).toHaveLength(1);
  }
});

it("a client of the provider lists the containers behind a gateway without their routes", async () => {
  const emulator = createResponsesEmulator({ script: () => [writing("v1"), says(`Here: ${PLAN}`)] });
  const provider = new OpenAI({ apiKey: "any", fetch: emulator.fetch });
  const gateway = new OpenAI({
    apiKey: "other",
    baseURL: "https://gateway.example/v1",
    fetch: async (url, init) =>
      String(url).includes("/containers/")
        ? new Response("Not Found", { status: 404 })
        : emulator.fetch(String(url).replace("https://gateway.example", "https://api.openai.com"), init),
  });
  const request = addLinkInstruction(REQUEST);
  const answer = await gateway.responses.create(request);
  expect((await repairResponse(answer, gateway)).report.outcome).toBe("failed");
  const { report } = await repairResponse(answer, provider, { request });
  expect(report.outcome).toBe("recovered");
  expect(await contentOf(provider, report)).toEqual(["v1"]);
});

it.each(EACH)("an answer that was cut off is reported without an error: %s", async (_, isStreamed) => {
  const cut: Step = { type: "incomplete", reason: "max_output_tokens" };
  const before = await run([says(`I will save it as ${PLAN}`), cut], isStreamed);
  expect(before.report).toMatchObject({ outcome: "unchanged", containers: [] });
  expect(before.report.error).toBeUndefined();
  expect(reasonsOf(before.report)).toEqual(["container-unavailable"]);
  const after = await run([writing("v1"), says("Saved as [it](sandbox:/mnt/data/plan.do"), cut], isStreamed);
  expect(after.report).toMatchObject({ outcome: "unchanged", containers: [expect.anything()] });
  expect(after.report.error).toBeUndefined();
  expect(reasonsOf(after.report)).toEqual(["not-found"]);
});

it.each(EACH)("a file that is announced before it is written is cited: %s", async (_, isStreamed) => {
  const { report, events } = await run(
    [says(`Next I write ${PLAN}`), writing("v1"), says("Done.")],
    isStreamed,
  );
  expect(report).toMatchObject({ outcome: "recovered", citations: [{ outputIndex: 0 }] });
  if (isStreamed) {
    expect(events.slice(-2)).toMatchObject([
      { type: "response.output_text.annotation.added", output_index: 0 },
      { type: "response.completed" },
    ]);
  }
  const never = await run([says(`Next I write ${PLAN}`), { ...writing(""), files: {} } as Step], isStreamed);
  expect(reasonsOf(never.report)).toEqual(["not-found"]);
});

it("if a later call overwrites a file, a plain response cites the new version twice, and a stream cites each version", async () => {
  const steps = [writing("v1"), says(`First: ${PLAN}`), writing("v2"), says(`Second: ${PLAN}`)];
  const plain = await run(steps, false);
  expect(await contentOf(plain.client, plain.report)).toEqual(["v2", "v2"]);
  const streamed = await run(steps, true);
  const [first, second] = streamed.report.citations.map(({ annotation }) => annotation.file_id);
  expect(first).not.toBe(second);
  // The first citation names the old version. The emulator answers 404 for it, because the new version has replaced it.
  expect(await contentOf(streamed.client, streamed.report)).toEqual([404, "v2"]);
});

it("the sentence in the instructions, or in stored messages, keeps the beginning of the prompt, which a cache can use", () => {
  const call = { type: "code_interpreter_call", id: "ci_1", code: "1", container_id: "cntr_1", outputs: [] };
  const user = (content: string) => ({ role: "user", content });
  const first = [user("One")];
  const second = [user("One"), call, { role: "assistant", content: "Done." }, user("Two")];
  const prompts = (placement: "instructions" | "last-user-message") =>
    [first, second].map((input) => {
      const request = { ...REQUEST, instructions: "Be brief.", input };
      const { instructions, input: sent } = addLinkInstruction(request, { instruction: { placement } });
      return [instructions, ...sent].map((item) => JSON.stringify(item));
    });

  const [one, two] = prompts("instructions") as [string[], string[]];
  expect(two.slice(0, one.length)).toEqual(one);
  const [alone, later] = prompts("last-user-message") as [string[], string[]];
  expect(alone.at(-1)).not.toBe(later[alone.length - 1]);
  expect(alone.at(-1)).toContain("sandbox:/mnt/data/report.csv");

  // If the caller stores the messages as they were sent, the next prompt begins with the same messages.
  const { input: sent } = addLinkInstruction({ ...REQUEST, input: first });
  const next = addLinkInstruction({ ...REQUEST, input: [...sent, ...second.slice(1)] });
  expect(next.input.slice(0, sent.length)).toEqual(sent);
  expect(JSON.stringify(next.input.at(-1))).toContain("sandbox:/mnt/data/report.csv");
});
