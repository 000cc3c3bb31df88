import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/build-command.ts"],
    coverage: {
      include: ["src/**"],
      exclude: ["src/cli/**"], // it runs in processes of its own: `npm run coverage:command`
      reporter: [["text", { skipFull: true }]],
      thresholds: { lines: 95, branches: 95 },
    },
  },
});
