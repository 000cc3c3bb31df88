/**
 * Limits the time of each property for `npm run mutation`, which tests many copies of the code with one change each (mutants). If
 * a mutant breaks a property, one of the first runs usually fails. Thousands of runs per property and mutant would take days.
 */
import fc from "fast-check";
import { expect } from "vitest";

// repetition.test.ts counts repetitions over all runs of its property, so its time is not limited.
const needsAllRuns = expect.getState().testPath?.endsWith("repetition.test.ts");
if (!needsAllRuns) {
  fc.configureGlobal({
    interruptAfterTimeLimit: 20,
    reporter: (run) => {
      // On a busy machine, the time can be over before the first run. This must not fail the test.
      if (run.failed && !(run.interrupted && run.numRuns === 0))
        throw new Error(fc.defaultReportMessage(run));
    },
  });
}
