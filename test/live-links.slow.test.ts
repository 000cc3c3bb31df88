/** Tests that a text with links has the same result plain and streamed, wherever the stream is cut. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cases, cutsOf, given } from "./linked-texts.js";
import { expectRanges, plain, plainFetch, type Read, streamed, throughFetch } from "./linking.js";

const RUNS = Number(process.env.LINK_RUNS ?? 200);

describe("a text with links", () => {
  it.each(cases)("reads the same, plain and streamed, however it is cut: %s", async (_, given) => {
    const whole = await plain(given);
    expectRanges(whole);
    expect(await plainFetch(given)).toEqual(whole);
    const each = Array.from(given.text, (_character, at) => at);
    expect(await streamed(given, each)).toEqual(whole);
    expect(await throughFetch(given, each, 7)).toEqual(whole);
    for (const at of each) expect(await streamed(given, [at]), `cut at ${at}`).toEqual(whole);
  });
});

/**
 * Sorts the annotations, because their order in a stream can differ. Some citations are decided only at the final event. A
 * stream sends those citations last.
 */
function sorted({ text, annotations }: Read): Read {
  return { text, annotations: [...annotations].sort((a, b) => a.start_index - b.start_index) };
}

describe("any text with links", () => {
  it("reads the same, plain and streamed, however it is cut", async () => {
    const property = fc.asyncProperty(
      given,
      cutsOf,
      fc.integer({ min: 1, max: 300 }),
      async (one, cuts, size) => {
        const inText = cuts.filter((cut) => cut < one.text.length);
        const whole = sorted(await plain(one));
        expectRanges(whole);
        expect(sorted(await streamed(one, inText))).toEqual(whole);
        expect(sorted(await throughFetch(one, inText, size))).toEqual(whole);
      },
    );
    await fc.assert(property, { numRuns: RUNS });
  });
});
