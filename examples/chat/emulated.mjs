/** A model that needs no key: it makes a chart and a table, and names their paths as reasoning models do. */
import { readFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { createResponsesEmulator } from "openai-file-citations/testing";

const CHART = new Uint8Array(readFileSync(new URL("sales.png", import.meta.url)));
const TABLE = "month,sales\nJanuary,1200\nFebruary,1350\nMarch,1425\nApril,1310\nMay,1560\nJune,1720\n";

/** @public The test plays it too, in an API whose stream it holds. */
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
      "The numbers behind it are in `/mnt/data/sales.csv`, one line for each month.",
    ].join("\n\n"),
  },
];

const emulator = createResponsesEmulator({
  script,
  // As fast as somebody reads.
  beforeEvent: ({ type }) => (type.endsWith(".delta") ? setTimeout(40) : undefined),
});
export const emulatedFetch = emulator.fetch;
