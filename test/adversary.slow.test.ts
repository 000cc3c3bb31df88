/**
 * Checks invented conversations. The test knows which file each mention means. It fails if the library cites a wrong file, or
 * lacks a citation that it must add. A failure prints the smallest conversation that still fails. ADVERSARY_RUNS sets the number
 * of conversations, and ADVERSARY_SEED sets the random seed. `npm run fuzz` checks 100,000 conversations.
 */
import fc from "fast-check";
import { afterAll, beforeAll, it, vi } from "vitest";
import { describe, faultsOf, summary } from "./adversary-check.js";
import { conversationOf } from "./adversary-conversations.js";

const RUNS = Number(process.env.ADVERSARY_RUNS ?? 2000);
// With ADVERSARY_RUNS, the default seed is random. Otherwise it is 1, so that results before and after a change are comparable.
const SEED = Number(
  process.env.ADVERSARY_SEED ?? (process.env.ADVERSARY_RUNS ? Math.floor(Math.random() * 2 ** 31) : 1),
);

beforeAll(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date", "performance"] }));
afterAll(() => void vi.useRealTimers());

it(`cites no wrong file, and cites each file that must be found, in ${RUNS} conversations`, async () => {
  const tape = fc.array(fc.noBias(fc.nat(9999)), { minLength: 30, maxLength: 240, size: "max" });
  const holds = fc.asyncProperty(tape, async (numbers) => {
    const conversation = conversationOf(numbers);
    const faults = await faultsOf(conversation);
    if (faults.length > 0)
      throw new Error(`ADVERSARY_SEED=${SEED} ADVERSARY_RUNS=${RUNS}\n${describe(conversation, faults)}`);
  });
  const run = await fc.check(holds, { seed: SEED, numRuns: RUNS });
  console.log(`ADVERSARY_SEED=${SEED} ADVERSARY_RUNS=${RUNS}: ${summary()}`);
  if (run.failed) throw run.errorInstance;
}, 3_600_000);
