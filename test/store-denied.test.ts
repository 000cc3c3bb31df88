/** Tests a store in a folder in which the process may not write. */
import { chmod, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { directoryStore } from "../src/node.js";
import { BYTES, setUp } from "./file-route.js";

it.skipIf(!process.geteuid)(
  "a store in a folder that denies access: the link works from the container",
  async () => {
    const folder = await mkdtemp(join(tmpdir(), "store-denied-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    await chmod(folder, 0o555);
    const { get, route, errors } = await setUp({ store: directoryStore(folder) });
    // Root may write to every folder. So if the test runs as root, it switches to a user without write access.
    const isRoot = process.geteuid!() === 0;
    if (isRoot) process.seteuid!(65_534);
    try {
      const answer = await get();
      expect(Buffer.from(await answer.arrayBuffer()).equals(BYTES)).toBe(true);
      await route.keep();
    } finally {
      if (isRoot) process.seteuid!(0);
    }
    expect(errors).not.toEqual([]);
    for (const error of errors) expect(error).toMatchObject({ code: "EACCES" });
    expect(await readdir(folder)).toEqual([]);
    await get();
    await route.keep();
    expect(await readdir(folder)).toHaveLength(isRoot ? 1 : 0);
  },
);
