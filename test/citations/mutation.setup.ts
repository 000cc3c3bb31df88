/** For `npm run mutation`: a property that a mutant breaks breaks soon. Thousands of runs for each would take days. */
import fc from "fast-check";
import { expect } from "vitest";

// This one counts what its runs have met.
const isWhole = expect.getState().testPath?.endsWith("repetition.test.ts");
if (!isWhole) {
  fc.configureGlobal({
    interruptAfterTimeLimit: 20,
    reporter: (run) => {
      // On a busy machine the time can be over before the first run: that says nothing of the mutant.
      if (run.failed && !(run.interrupted && run.numRuns === 0))
        throw new Error(fc.defaultReportMessage(run));
    },
  });
}
