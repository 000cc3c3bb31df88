import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 30_000, // thousands of runs of a property, counted for the coverage, on a machine that has other work
    globalSetup: ["test/build-command.ts"],
    coverage: {
      include: ["src/**"],
      exclude: ["src/cli/**"], // it runs in processes of its own: `npm run coverage:command`
      reporter: [["text", { skipFull: true }]],
      thresholds: { lines: 95, branches: 95 },
    },
  },
});
