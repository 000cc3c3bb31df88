import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/**
 * The order of the test files. A mutant is a small change to src/citations. Stryker stops testing a mutant after the first test that
 * fails, so the files that find the most mutants in the least time come first.
 */
const ORDER = [
  "ranges",
  "uncited",
  "units",
  "answers",
  "names",
  "table",
  "links",
  "links-markup",
  "links-any-text",
  "properties",
  "repetition",
];
const rank = ({ moduleId }: TestSpecification): number =>
  ORDER.findIndex((name) => moduleId.endsWith(`/${name}.test.ts`));

class FastestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return files.sort((a, b) => rank(a) - rank(b));
  }
}

/** For `npm run mutation`: the tests that Stryker runs for each mutant. */
export default defineConfig({
  test: {
    include: ["test/citations/**/*.test.ts", "test/links*.test.ts"],
    setupFiles: ["test/citations/mutation.setup.ts"],
    sequence: { sequencer: FastestFirst },
    testTimeout: 60_000, // Stryker itself ends a mutant that takes too long
  },
});
