/** Defines `demo`. The demo itself is in demo-run.ts. */
import { Command } from "commander";

/** Returns the command `demo`, which shows the bug, the repair and the file on one page. */
export function demoCommand(): Command {
  return new Command("demo")
    .description(
      "show the bug, the repair and the file with an emulator of the API; needs no key and no network",
    )
    .option("--json", "print one JSON object")
    .addHelpText("after", "\nExample:\n  $ openai-file-citations demo")
    .action(async ({ json }: { json?: true }) => {
      const { runDemo, demoAsJson, demoAsText } = await importDemo();
      const result = await runDemo();
      console.log(json ? demoAsJson(result) : demoAsText(result));
    });
}

/** Loads the demo only for this command, because no other command needs the `openai` package. */
async function importDemo(): Promise<typeof import("./demo-run.js")> {
  try {
    return await import("./demo-run.js");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== "ERR_MODULE_NOT_FOUND" || !message.includes("'openai'")) throw error;
    throw new Error(
      "the demo needs the openai package, which is not installed. Run: npx -p openai -p openai-file-citations openai-file-citations demo",
    );
  }
}
