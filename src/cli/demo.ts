import { Command } from "commander";

/** `demo`: the bug, the repair and the file on one page. */
export function demoCommand(): Command {
  return new Command("demo")
    .description("show the bug, the repair and the file, with an emulator of the API: no key, no network")
    .option("--json", "one JSON object, for a program to read")
    .addHelpText("after", "\nExample:\n  $ openai-file-citations demo")
    .action(async ({ json }: { json?: true }) => {
      const { runDemo, demoAsJson, demoAsText } = await importDemo();
      const result = await runDemo();
      console.log(json ? demoAsJson(result) : demoAsText(result));
    });
}

/** The demo asks through the official client, which need not be installed for anything else here. */
async function importDemo(): Promise<typeof import("./demo-page.js")> {
  try {
    return await import("./demo-page.js");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== "ERR_MODULE_NOT_FOUND" || !message.includes("'openai'")) throw error;
    throw new Error(
      "the demo asks through the openai package, which is not installed: npx -p openai -p openai-file-citations openai-file-citations demo",
    );
  }
}
