/** Tests that `Window` outputs results in the order of their items, and that its work grows linearly with the number of items. */
import { expect, it } from "vitest";
import { Window } from "../../src/cli/stored/window.js";

it("outputs a million items that wait for the first one, in order and in linear time", async () => {
  const count = 1_000_000;
  let next = 0;
  const window = new Window<number, { n: number }>(8, (item, { n }) => {
    if (item !== next || n !== next) throw new Error(`got ${item} and ${n}, expected ${next}`);
    next++;
  });
  let settle!: (result: { n: number }) => void;
  window.add(
    0,
    1,
    new Promise<{ n: number }>((done) => {
      settle = done;
    }),
  );
  for (let n = 1; n < count; n++) window.add(n, 1, { n });
  settle({ n: 0 });
  await window.settled();
  const startedAt = performance.now();
  window.drain();
  expect(performance.now() - startedAt).toBeLessThan(5000);
  expect(next).toBe(count);
  expect(window.isEmpty).toBe(true);
  window.add(count, 1, { n: count }); // an empty window outputs a result at once
  expect(next).toBe(count + 1);
});
