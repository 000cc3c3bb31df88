import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 30_000, // thousands of runs of a property, counted for the coverage, on a machine that has other work
    globalSetup: ["test/build-command.ts"],
    // `npm run coverage`. The command runs in processes of its own: scripts/coverage.mjs adds what those ran.
    coverage: {
      reportOnFailure: true,
      include: ["src/**"],
      exclude: ["src/cli/**"],
      reporter: [["text", { skipFull: true }], "json-summary"],
    },
  },
});
