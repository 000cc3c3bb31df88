import { defineConfig } from "vitest/config";

/** For `npm run mutation`: the tests that a mutant of src/citations has to get past. */
export default defineConfig({
  test: {
    include: ["test/citations/**/*.test.ts", "test/links*.test.ts"],
    setupFiles: ["test/citations/mutation.setup.ts"],
    testTimeout: 10_000,
  },
});
