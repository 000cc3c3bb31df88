import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

/** Tests that replace a module for the whole process, or need a process in which nothing was imported before. */
const ISOLATED = [
  "test/copies.test.ts",
  "test/directory-store.test.ts",
  "test/directory.test.ts",
  "test/emulator-websocket.test.ts",
  "test/stored/splitter.test.ts",
];
/** `npm run test:slow`: tests that start a process for each row, or that take a second or more for one. */
const SLOW = ["test/**/*.slow.test.ts"];

export default defineConfig({
  test: {
    // For what hangs. What is only slow, on a machine that has other work, has the time that it takes.
    testTimeout: 300_000,
    // On two cores, vitest would take one.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    hookTimeout: 300_000,
    globalSetup: ["test/build-command.ts", "test/shared-folder.ts"],
    projects: [
      // Most files share a process: importing src and openai again for each file takes longer than most tests.
      {
        extends: true,
        test: {
          name: "shared",
          include: ["test/**/*.test.ts"],
          exclude: ["**/node_modules/**", ...ISOLATED, ...SLOW],
          isolate: false,
        },
      },
      { extends: true, test: { name: "isolated", include: ISOLATED } },
      { extends: true, test: { name: "slow", include: SLOW, isolate: false } },
    ],
    // `npm run coverage`. The command runs in processes of its own: scripts/coverage.mjs adds what those ran.
    coverage: {
      reportOnFailure: true,
      include: ["src/**"],
      reporter: ["html", "json-summary"],
    },
  },
});
