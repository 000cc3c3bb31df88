import { Command, Option } from "commander";
import { DEFAULT_BASE_URL } from "./api.js";
import { wholeNumberFrom } from "./wrong-use.js";

/** What `serve` is told: lengths in MB and KB, the time to stop in seconds. */
export interface ServeOptions {
  port: number;
  host: string;
  upstream: string;
  instruction: boolean;
  maxBody: number;
  maxJson: number;
  maxHeaders: number;
  grace: number;
  json?: true;
}

/** `serve`: a reverse proxy for the whole API, for clients in any language. */
export function serveCommand(): Command {
  return new Command("serve")
    .description("a proxy for the API: its answers have their file citations, for clients in any language")
    .option("--port <port>", "the port to listen on; 0 is any that is free", wholeNumberFrom(0, 65_535), 8787)
    .option("--host <address>", "the address to listen on", "127.0.0.1")
    .addOption(
      new Option("--upstream <url>", "the base URL of the API")
        .env("OPENAI_BASE_URL")
        .default(DEFAULT_BASE_URL),
    )
    .option("--no-instruction", "do not ask the model for the links that the API cites by itself")
    .option("--max-body <MB>", "the longest body of a request, such as an upload", wholeNumberFrom(1), 600)
    .option("--max-json <MB>", "the longest body of POST /responses, held in memory", wholeNumberFrom(1), 64)
    .option("--max-headers <KB>", "the longest head of a request", wholeNumberFrom(1, 1024), 16)
    .option("--grace <seconds>", "how long running requests may take to end", wholeNumberFrom(0, 86_400), 30)
    .option("--json", "log in JSON, for a program to read")
    .addHelpText("after", MORE_HELP)
    .action(run);
}

/** A server and its client take as long to load as all the rest: they are loaded for this command only. */
async function run(options: ServeOptions): Promise<void> {
  const { serve } = await import("./proxy-process.js");
  await serve(options);
}

const MORE_HELP = `
Requests go on with their callers' own keys; the proxy needs none. Each is one line of the log, on stdout.

Example:
  $ openai-file-citations serve
  $ OPENAI_BASE_URL=http://127.0.0.1:8787/v1 python app.py`;
