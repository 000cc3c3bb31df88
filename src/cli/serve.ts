/** Defines `serve`, the command that runs the proxy, and parses its options. */
import { isIPv6 } from "node:net";
import { Command, InvalidArgumentError, Option } from "commander";
import { hostNameIn } from "./allowed-hosts.js";
import { DEFAULT_BASE_URL } from "./api.js";
import type { ServeOptions } from "./proxy-process.js";
import { wholeNumberFrom } from "./wrong-use.js";

/** Defines `serve`, which runs a reverse proxy for the whole API. */
export function serveCommand(): Command {
  return new Command("serve")
    .description(
      "run a proxy that adds missing file citations to the API's responses, for clients in any language",
    )
    .option("--port <port>", "the port to listen on; 0 for any free port", wholeNumberFrom(0, 65_535), 8787)
    .option("--host <address>", "the address to listen on", "127.0.0.1")
    .addOption(
      new Option("--upstream <url>", "the base URL of the API")
        .env("OPENAI_BASE_URL")
        .default(DEFAULT_BASE_URL),
    )
    .option("--no-instruction", "do not add the instruction to write links that the API cites by itself")
    .option("--max-body <MB>", "the largest request body, such as an upload", wholeNumberFrom(1), 600)
    .option(
      "--max-json <MB>",
      "the largest body that is held in memory: of POST /responses, and with --links of all requests with input",
      wholeNumberFrom(1),
      64,
    )
    .option(
      "--max-held <MB>",
      "how much memory these bodies may take in all requests together",
      wholeNumberFrom(1),
      512,
    )
    .option("--max-headers <KB>", "the largest request headers", wholeNumberFrom(1, 1024), 16)
    .option(
      "--allow-host <name>",
      "also answer requests to this host and from its pages; repeatable",
      addHostName,
      [],
    )
    .option(
      "--grace <seconds>",
      "how long to wait for running requests before stopping",
      wholeNumberFrom(0, 86_400),
      30,
    )
    .option("--json", "write the log as JSON Lines")
    .option(
      "--links [url]",
      "write working links into the answers, below /files of this public URL; default: the address of the proxy",
    )
    .option("--keep <folder>", "keep the files of links in this folder; created if necessary")
    .option(
      "--expires <time>",
      "how long a link works, such as 12h or 7d, or never; default: 7d with --keep, else 20m",
      secondsIn,
    )
    .option("--missing <note>", "write this note in place of a link to a file that is not there")
    .addHelpText("after", MORE_HELP)
    .action(run);
}

/** Parses one `--allow-host` and adds it to the previous ones. */
function addHostName(text: string, names: readonly string[]): string[] {
  const isPlain = /^(?:\[.*\]|[^:*]+)$/.test(text);
  const name = isIPv6(text) ? hostNameIn(`[${text}]`) : isPlain && hostNameIn(text);
  if (name) return [...names, name];
  throw new InvalidArgumentError(
    "It must be a host name or an address, without scheme, port, path or *, such as proxy.example.",
  );
}

/** The units of `--expires`. */
const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** Parses `--expires`: a number with its unit, or `never`. Returns seconds; `Infinity` for `never`. */
function secondsIn(text: string): number {
  if (text === "never") return Number.POSITIVE_INFINITY;
  const [, number, unit] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  const seconds = Number(number) * (SECONDS[unit!] ?? 0);
  if (seconds > 0) return seconds;
  throw new InvalidArgumentError(
    "It must be a whole number above 0 with s, m, h or d, such as 7d, or never.",
  );
}

/** Loads the server only for this command, because loading it takes as long as loading the rest of the program. */
async function run(options: ServeOptions): Promise<void> {
  const { serve } = await import("./proxy-process.js");
  await serve(options);
}

const MORE_HELP = `
The proxy forwards each request with the caller's own key and needs none itself. It logs one line per request to stdout.

With --links, it needs OPENAI_API_KEY to download the files, and only requests with the same key get links. Set FILE_LINKS_SECRET
(openssl rand -base64 32), or the links end with the process.

Examples:
  $ openai-file-citations serve
  $ OPENAI_BASE_URL=http://127.0.0.1:8787/v1 python app.py
  $ openai-file-citations serve --links https://files.example.com --keep ./files`;
