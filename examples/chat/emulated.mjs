/** Emulates a model, so that no key is needed. Like a real model, it writes paths and links that no browser can open. */
import { readFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { createResponsesEmulator } from "openai-file-citations/testing";

const CHART = new Uint8Array(readFileSync(new URL("sales.png", import.meta.url)));
const TABLE = "month,sales\nJanuary,1200\nFebruary,1350\nMarch,1425\nApril,1310\nMay,1560\nJune,1720\n";

/** @public The test of this example runs the same script on another emulator, whose stream the test can pause. */
export const script = ({ previous }) => [
  { type: "reasoning" },
  {
    type: "python",
    code: "plot(sales).savefig('/mnt/data/sales.png'); sales.to_csv('/mnt/data/sales.csv')",
    files: { "sales.png": CHART, "sales.csv": TABLE },
  },
  {
    type: "message",
    text: [
      previous.length === 0 ? "Here is the chart:" : "Here it is once more:",
      "![Sales per month](/mnt/data/sales.png)",
      "The numbers are in [sales.csv](sandbox:/mnt/data/sales.csv), month by month.",
    ].join("\n\n"),
  },
];

const emulator = createResponsesEmulator({
  script,
  // Sends the deltas about as fast as a person reads.
  beforeEvent: ({ type }) => (type.endsWith(".delta") ? setTimeout(40) : undefined),
});
export const emulatedFetch = emulator.fetch;
