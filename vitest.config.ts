import { availableParallelism } from "node:os";
import { configDefaults, defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/**
 * Test files that need their own process. Some replace a module for the whole process. Others count the process's timers, and in a
 * shared process, connections of an earlier test file can still have timers.
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
/**
 * `TESTS` selects which files run: `fast`, `slow`, or `all` as in CI. The default is `fast`. If the command line has a path such as
 * `test/faults`, the default is `all`, so that the path can select slow files too.
 */
const isNamed = process.argv.some((word) => word.startsWith("test/"));
const { TESTS = isNamed ? "all" : "fast" } = process.env;

/**
 * Runs slow files first. Otherwise, one worker could still run a slow file at the end, while the other workers have nothing to
 * do.
 */
class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isSlow = ({ moduleId }: TestSpecification): boolean => moduleId.endsWith(".slow.test.ts");
    return [...sorted.filter(isSlow), ...sorted.filter((file) => !isSlow(file))];
  }
}

export default defineConfig({
  test: {
    // Ends a test that hangs. This timeout is long, so that no test fails only because the machine is busy.
    testTimeout: 300_000,
    // On two cores, vitest would start only one worker.
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
    // For `npm run coverage`. Vitest does not see the processes of the command. scripts/coverage.mjs adds their coverage.
    coverage: {
      reportOnFailure: true,
      include: ["src/**"],
      reporter: ["html", "json-summary"],
    },
  },
});
