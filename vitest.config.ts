import { availableParallelism } from "node:os";
import { configDefaults, defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/**
 * Tests that replace a module for the whole process, or that count the process's timers: connections of an earlier file can still
 * have some.
 */
const ISOLATED = [
  "test/copies.test.ts",
  "test/directory-store.test.ts",
  "test/directory.test.ts",
  "test/emulator-faults.test.ts",
  "test/emulator-websocket.test.ts",
  "test/fetch-include.test.ts",
  "test/fetch-lists.test.ts",
  "test/live-links-faults.test.ts",
  "test/proxy-bodies.test.ts",
  "test/repair-faults.test.ts",
  "test/save-faults.test.ts",
  "test/save-retries.test.ts",
  "test/store-copies.test.ts",
  "test/store-faults.test.ts",
  "test/stored/splitter.test.ts",
];
const SLOW_ISOLATED = ["test/faults.slow.test.ts"];
/** Files that start many processes or take several seconds. `npm test` leaves them out, `npm run test:slow` runs only them. */
const SLOW = ["test/**/*.slow.test.ts"];
/** Which files run: `fast`, `slow`, or `all` as in CI. A path such as `test/faults` on the command line runs the files it names. */
const isNamed = process.argv.some((word) => word.startsWith("test/"));
const { TESTS = isNamed ? "all" : "fast" } = process.env;

/** Slow files come first, so that none is left for one worker at the end while the other has nothing to do. */
class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isSlow = ({ moduleId }: TestSpecification): boolean => moduleId.endsWith(".slow.test.ts");
    return [...sorted.filter(isSlow), ...sorted.filter((file) => !isSlow(file))];
  }
}

export default defineConfig({
  test: {
    // For what hangs. What is only slow, on a machine that has other work, has the time that it takes.
    testTimeout: 300_000,
    // On two cores, vitest would take one.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    hookTimeout: 300_000,
    sequence: { sequencer: SlowFirst },
    globalSetup: ["test/build-command.ts", "test/shared-folder.ts"],
    projects: [
      // Most files share a process, because importing src and openai again takes longer than most tests.
      {
        extends: true,
        test: {
          name: "shared",
          include: TESTS === "slow" ? SLOW : ["test/**/*.test.ts"],
          exclude: [
            ...configDefaults.exclude,
            ...ISOLATED,
            ...SLOW_ISOLATED,
            ...(TESTS === "fast" ? SLOW : []),
          ],
          isolate: false,
        },
      },
      {
        extends: true,
        test: {
          name: "isolated",
          include: [...(TESTS === "slow" ? [] : ISOLATED), ...(TESTS === "fast" ? [] : SLOW_ISOLATED)],
        },
      },
    ],
    // `npm run coverage`. The command runs in processes of its own. scripts/coverage.mjs adds their coverage.
    coverage: {
      reportOnFailure: true,
      include: ["src/**"],
      reporter: ["html", "json-summary"],
    },
  },
});
