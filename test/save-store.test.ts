/** Tests `saveFiles` with a store. The links of a file route with the same store open the saved files. */
import { expect, expectTypeOf, it } from "vitest";
import { createFileRoute } from "../src/files/route.js";
import { saveFiles } from "../src/index.js";
import { SECRET } from "./file-route.js";
import { memoryStore } from "./memory-store.js";
import { citing, clientOf } from "./saving.js";

it("saves files and images into a store under keys made of ids, and a route finds the files there", async () => {
  const { store, copies } = memoryStore();
  const client = clientOf(() => new Response("1,2"));
  const { output } = citing("out/../a.csv");
  const png =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";
  output.push({ type: "image_generation_call", id: "ig_1", result: png });
  const outputs = [{ type: "image", url: `data:image/png;base64,${png}` }];
  output.push({
    type: "code_interpreter_call",
    id: "ci_1",
    outputs: [{ type: "logs", logs: "" }, ...outputs],
  });
  const { saved, failed } = await saveFiles(client, { output }, store);
  expect(failed).toEqual([]);
  expectTypeOf(saved[0]!.location).toEqualTypeOf<string>();
  expect(saved.map(({ location }) => location)).toEqual(["cntr_1/cfile_0", "images/ig_1", "images/ci_1-2"]);
  expect([...copies.keys()].sort()).toEqual(saved.map(({ location }) => location).sort());
  expect(copies.get("cntr_1/cfile_0")!.file).toEqual({ filename: "a.csv" });
  const route = createFileRoute(
    clientOf(() => expect.unreachable()),
    { secret: SECRET, store },
  );
  const [file] = saved.map(({ file }) => file).filter((file) => file.kind === "container-file");
  const link = `https://example.com${await route.urlFor(file!)}`;
  expect(await (await route.handler(new Request(link))).text()).toBe("1,2");
  await route.keep();
});

it("calls the functions of a store as its methods", async () => {
  class Bucket {
    #names: string[] = [];
    async put(_: string, { filename }: { filename: string }, stream: ReadableStream<Uint8Array>) {
      await new Response(stream).arrayBuffer();
      this.#names.push(filename);
    }
    async get() {
      this.#names.push("get");
      return undefined;
    }
    names = () => this.#names.splice(0);
  }
  const bucket = new Bucket();
  const client = clientOf(() => new Response("x"));
  await saveFiles(client, citing("a.csv"), bucket);
  expect(bucket.names()).toEqual(["a.csv"]);
  const route = createFileRoute(client, { secret: SECRET, store: bucket });
  await route.urlFor({ kind: "container-file", containerId: "cntr_1", fileId: "cfile_1", filename: "b.csv" });
  await route.keep();
  expect(bucket.names()).toEqual(["get", "b.csv"]);
});
