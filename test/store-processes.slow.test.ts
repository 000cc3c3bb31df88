/** Tests that several processes can copy the same files into one directory store at the same time. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { directoryStore } from "../src/node.js";
import { commandFolder, environment } from "./command.js";

const FILES = 60;
const contentOf = (at: number): string => `${at};`.repeat(20_000);

/** The program of each process. It waits until its stdin ends, so that all processes start together. Then it copies all files. */
const PROGRAM = `
  const { directoryStore } = await import(process.argv[1]);
  const store = directoryStore(process.argv[2]);
  for await (const _ of process.stdin);
  for (let at = 0; at < ${FILES}; at++) {
    const content = (at + ";").repeat(20_000);
    await store.put("cntr_1/cfile_" + at, { filename: at + ".txt" }, new Blob([content]).stream());
  }
`;

it("processes that copy the same files make whole copies and leave no other files", async () => {
  const folder = await mkdtemp(join(tmpdir(), "processes-test-"));
  try {
    const args = ["--input-type=module", "-e", PROGRAM, join(commandFolder, "dist/node.js"), folder];
    const children = Array.from({ length: 3 }, () =>
      spawn(process.execPath, args, { env: environment(), stdio: ["pipe", "inherit", "inherit"] }),
    );
    const codes = children.map((child) => once(child, "close"));
    for (const child of children) child.stdin.end();
    expect((await Promise.all(codes)).map(([code]) => code)).toEqual([0, 0, 0]);

    const store = directoryStore(folder);
    for (let at = 0; at < FILES; at++) {
      const copy = (await store.get(`cntr_1/cfile_${at}`))!;
      expect(await new Response(copy.stream()).text()).toBe(contentOf(at));
    }
    const names = await readdir(folder, { recursive: true, withFileTypes: true });
    expect(names.filter((entry) => entry.isFile())).toHaveLength(2 * FILES);
  } finally {
    await rm(folder, { recursive: true });
  }
});
