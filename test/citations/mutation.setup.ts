/**
 * Limits the time of each fast-check property for `npm run mutation`. That command runs the tests many times, each time with one
 * small change to the code (a mutant). All runs of each property, for each mutant, would take days. If a mutant breaks a
 * property, one of the first runs usually fails.
 */
import fc from "fast-check";
import { expect } from "vitest";

// repetition.test.ts has no time limit, because it expects more than 1,000 repetitions in all its runs together.
const needsAllRuns = expect.getState().testPath?.endsWith("repetition.test.ts");
if (!needsAllRuns) {
  fc.configureGlobal({
    interruptAfterTimeLimit: 20,
    reporter: (run) => {
      // On a busy machine, the time limit can pass before the first run. This must not fail the test.
      if (run.failed && !(run.interrupted && run.numRuns === 0))
        throw new Error(fc.defaultReportMessage(run));
    },
  });
}
