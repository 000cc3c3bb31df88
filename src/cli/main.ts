#!/usr/bin/env node
import { parseArgs } from "node:util";
import { demoAsJson, demoAsText, runDemo } from "./demo.js";

/** What was asked for: the demo, as JSON or to read. Anything else is an error with the usage in it. */
function readArguments(): { json: boolean } | Error {
  try {
    const { values, positionals } = parseArgs({
      options: { json: { type: "boolean" } },
      allowPositionals: true,
    });
    if (positionals.join(" ") === "demo") return { json: values.json === true };
    return new Error(`there is no command "${positionals.join(" ")}"`);
  } catch (error) {
    return error as Error;
  }
}

const asked = readArguments();
if (asked instanceof Error) {
  console.error(`${asked.message}\nusage: openai-file-citations demo [--json]`);
  process.exitCode = 2;
} else {
  const result = await runDemo();
  console.log(asked.json ? demoAsJson(result) : demoAsText(result));
}
