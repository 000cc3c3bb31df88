import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // For what hangs. What is only slow, on a machine that has other work, has the time that it takes.
    testTimeout: 300_000,
    // On two cores, vitest would take one.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    hookTimeout: 300_000,
    globalSetup: ["test/build-command.ts", "test/shared-folder.ts"],
    // `npm run coverage`. The command runs in processes of its own: scripts/coverage.mjs adds what those ran.
    coverage: {
      reportOnFailure: true,
      include: ["src/**"],
      reporter: ["html", "json-summary"],
    },
  },
});
