// The simplest program that rewrites stored responses: reads, parses, stringifies and writes each line. repair.bench.mjs
// compares `repair` with it.
//
//     node bench/rewrite.mjs input output
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";

const [input, output] = process.argv.slice(2);
const file = await open(output, "w");
let rest = Buffer.alloc(0);
let lines = [];
let length = 0;
async function flush() {
  await file.write(lines.join(""));
  lines = [];
  length = 0;
}
for await (const chunk of createReadStream(input, { highWaterMark: 256 * 1024 })) {
  const bytes = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
  let from = 0;
  for (let end = bytes.indexOf(10) + 1; end > 0; end = bytes.indexOf(10, from) + 1) {
    const line = `${JSON.stringify(JSON.parse(bytes.toString("utf8", from, end)))}\n`;
    lines.push(line);
    length += line.length;
    if (length > 2 ** 20) await flush();
    from = end;
  }
  rest = bytes.subarray(from);
}
await flush();
await file.close();
