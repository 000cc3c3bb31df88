import { Command, InvalidArgumentError, Option } from "commander";
import { createProxy } from "../http/proxy.js";
import { connectUpstream } from "../http/upstream.js";
import { type Answered, type ProxyServer, startServer } from "./server.js";

interface ServeOptions {
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

/** As OpenAI's own clients have it. */
const DEFAULT_UPSTREAM = "https://api.openai.com/v1";
const KILOBYTE = 2 ** 10;
const MEGABYTE = 2 ** 20;
/** `npx` hands on a signal that the terminal has sent to all: two as near as that are one. */
const SAME_SIGNAL_MS = 100;

/** `serve`: a reverse proxy for the whole API, for clients in any language. */
export function serveCommand(): Command {
  return new Command("serve")
    .description("a proxy for the API: its answers have their file citations, for clients in any language")
    .option("--port <port>", "the port to listen on; 0 is any that is free", wholeNumber(0, 65_535), 8787)
    .option("--host <address>", "the address to listen on", "127.0.0.1")
    .addOption(
      new Option("--upstream <url>", "the base URL of the API")
        .env("OPENAI_BASE_URL")
        .default(DEFAULT_UPSTREAM),
    )
    .option("--no-instruction", "do not ask the model for the links that the API cites by itself")
    .option("--max-body <MB>", "the longest body of a request, such as an upload", wholeNumber(1), 600)
    .option("--max-json <MB>", "the longest body of POST /responses, held in memory", wholeNumber(1), 64)
    .option("--max-headers <KB>", "the longest head of a request", wholeNumber(1, 1024), 16)
    .option("--grace <seconds>", "how long running requests may take to end", wholeNumber(0, 86_400), 30)
    .option("--json", "log in JSON, for a program to read")
    .addHelpText("after", MORE_HELP)
    .action(serve);
}

const MORE_HELP = `
Requests go on with their callers' own keys; the proxy needs none. Each is one line of the log, on stdout.

Example:
  $ openai-file-citations serve
  $ OPENAI_BASE_URL=http://127.0.0.1:8787/v1 python app.py`;

async function serve(options: ServeOptions, command: Command): Promise<void> {
  const { port, host, instruction, maxBody, maxJson, maxHeaders, grace, json } = options;
  // What the environment says in a blank is nothing.
  const upstream = options.upstream.trim() || DEFAULT_UPSTREAM;
  const connections = connectUpstream();
  const proxy = orWrongUse(command, () =>
    createProxy({
      upstream,
      fetch: connections.fetch,
      instruction,
      maxBody: maxBody * MEGABYTE,
      maxJson: maxJson * MEGABYTE,
    }),
  );
  const server = await startServer(proxy, {
    port,
    host,
    maxHeaders: maxHeaders * KILOBYTE,
    onAnswered: logTo(process.stdout, json ? JSON.stringify : asText),
  });
  console.error(`listening on ${server.url}, upstream ${upstream}`);
  const wereAllAnswered = await stopOnSignal(server, grace);
  await connections.close();
  if (!wereAllAnswered) throw new Error(`requests ran longer than ${grace} s, and were cut off`);
}

/** Waits for a signal to stop, and then for the requests that run. The second signal ends at once. */
function stopOnSignal(server: ProxyServer, grace: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    let first: number | undefined;
    const stop = (signal: string): void => {
      if (first === undefined) {
        first = performance.now();
        console.error(`${signal}: waiting for the requests that run, ${grace} s at most`);
        server.stop(grace * 1000).then(resolve, reject);
      } else if (performance.now() - first > SAME_SIGNAL_MS) {
        console.error(`${signal}: ended at once`);
        process.exit(1);
      }
    };
    process.on("SIGTERM", stop).on("SIGINT", stop);
  });
}

/** Writes a line for each request. A log that nobody reads any more is no reason to stop. */
function logTo(stream: NodeJS.WriteStream, format: (answered: Answered) => string): (line: Answered) => void {
  let isRead = true;
  stream.removeAllListeners("error").on("error", (error: Error) => {
    if (isRead) console.error(`the log has ended: ${error.message}`);
    isRead = false;
  });
  return (answered) => {
    if (isRead) stream.write(`${format(answered)}\n`);
  };
}

/** `2026-11-21T05:44:53.123Z POST /v1/responses 200 1234 ms, 1 citation recovered` */
function asText({ time, method, path, status, ms, recovered, aborted, failed }: Answered): string {
  const notes = [
    recovered > 0 && `${recovered} citation${recovered === 1 ? "" : "s"} recovered`,
    failed && "recovery failed",
    aborted && "broken off",
  ].filter(Boolean);
  return [`${time} ${method} ${path} ${status} ${ms} ms`, ...notes].join(", ");
}

/** What `make` makes; a wrong option of it is the user's. */
function orWrongUse<Made>(command: Command, make: () => Made): Made {
  try {
    return make();
  } catch (error) {
    return command.error(`error: ${(error as Error).message}`);
  }
}

function wholeNumber(least: number, most = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value <= most) return value;
    const upTo = most === Number.MAX_SAFE_INTEGER ? " on" : ` to ${most}`;
    throw new InvalidArgumentError(`It takes a whole number from ${least}${upTo}.`);
  };
}
