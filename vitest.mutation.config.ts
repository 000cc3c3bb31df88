import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** What notices most in the least time comes first: the first failure is the last test that a mutant costs. */
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

/** For `npm run mutation`: the tests that a mutant of src/citations has to get past. */
export default defineConfig({
  test: {
    include: ["test/citations/**/*.test.ts", "test/links*.test.ts"],
    setupFiles: ["test/citations/mutation.setup.ts"],
    sequence: { sequencer: FastestFirst },
    testTimeout: 60_000, // Stryker ends what takes too long
  },
});
