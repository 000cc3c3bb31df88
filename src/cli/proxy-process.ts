/** Runs the proxy as a process: prints messages, logs requests, and stops on a signal. */
import { type ApiProxy, createProxy, type ProxyOptions } from "../http/proxy.js";
import { fetchUpstream } from "../http/upstream.js";
import { DEFAULT_BASE_URL } from "./api.js";
import { type ServedLinks, type ServeLinkOptions, servedLinks } from "./serve-links.js";
import { type Answered, type ProxyServer, startServer } from "./server.js";
import { WrongUse } from "./wrong-use.js";

const KILOBYTE = 2 ** 10;
const MEGABYTE = 2 ** 20;
/**
 * A second signal is ignored if it comes within this time after the first signal. One Ctrl-C can send two signals to this
 * process: one directly from the terminal, and one that `npx` forwards.
 */
const SAME_SIGNAL_MS = 100;

/** The options of `serve`. Body limits are in MB, the header limit is in KB, and `grace` is in seconds. */
export interface ServeOptions extends ServeLinkOptions {
  port: number;
  host: string;
  upstream: string;
  instruction: boolean;
  maxBody: number;
  maxJson: number;
  maxHeld: number;
  maxHeaders: number;
  allowHost: string[];
  grace: number;
  json?: true;
}

/** Serves until a signal stops it. */
export async function serve(options: ServeOptions): Promise<void> {
  const { port, host, allowHost, instruction, maxBody, maxJson, maxHeld, maxHeaders, grace, json } = options;
  // A blank OPENAI_BASE_URL counts as not set.
  const upstream = options.upstream.trim() || DEFAULT_BASE_URL;
  const links = await servedLinks(options, upstream, process.env);
  const proxy = proxyOf({
    upstream,
    fetch: fetchUpstream,
    instruction,
    maxBody: maxBody * MEGABYTE,
    maxJson: maxJson * MEGABYTE,
    maxHeld: maxHeld * MEGABYTE,
    files: links?.files,
  });
  const server = await startServer(proxy, {
    port,
    host,
    allowHosts: allowHost,
    linkHost: links?.host,
    maxHeaders: maxHeaders * KILOBYTE,
    onAnswered: logTo(process.stdout, json ? JSON.stringify : asText),
  }).catch((error: NodeJS.ErrnoException) => {
    if (isInvalidHost(error)) throw new WrongUse(`--host ${host}: ${error.message}`);
    throw error;
  });
  // No request is handled before this line, because nothing is awaited between the start of the server and this line.
  const notices = links?.listen(server.url) ?? [];
  for (const line of [`listening on ${server.url}, upstream ${upstream}`, ...notices]) console.error(line);
  const [allAnswered, allKept] = await stopOnSignal(server, grace, links);
  if (!allKept) {
    console.error(`error: some files were not kept, because they were still being copied after ${grace} s`);
    process.exit(1); // the copies would keep the process alive
  }
  if (!allAnswered)
    throw new Error(`some requests were aborted, because they were still running after ${grace} s`);
}

/** Creates the proxy. Throws `WrongUse` for an invalid option. */
function proxyOf(options: ProxyOptions): ApiProxy {
  try {
    return createProxy(options);
  } catch (error) {
    throw new WrongUse((error as Error).message);
  }
}

/**
 * Returns whether an error means that a server cannot listen because of its host: an unknown name, or an address of another
 * machine.
 */
function isInvalidHost({ syscall, code }: NodeJS.ErrnoException): boolean {
  return syscall === "getaddrinfo" || code === "EADDRNOTAVAIL";
}

/**
 * Waits for a signal. Then waits until running requests and copies of files have ended, for at most `grace` seconds. Returns
 * whether all requests were answered, and whether all files were copied. A second signal ends the process immediately.
 */
function stopOnSignal(
  server: ProxyServer,
  grace: number,
  links: ServedLinks | undefined,
): Promise<[boolean, boolean]> {
  const end = async (until: number): Promise<[boolean, boolean]> => {
    const allAnswered = await server.stop(grace * 1000);
    return [allAnswered, (await links?.kept(Math.max(0, until - performance.now()))) ?? true];
  };
  return new Promise((resolve, reject) => {
    let first: number | undefined;
    const stop = (signal: string): void => {
      if (first === undefined) {
        first = performance.now();
        console.error(`${signal}: waiting up to ${grace} s for running requests`);
        end(first + grace * 1000).then(resolve, reject);
      } else if (performance.now() - first > SAME_SIGNAL_MS) {
        console.error(`${signal} again: exiting now`);
        process.exit(1);
      }
    };
    process.on("SIGTERM", stop).on("SIGINT", stop);
  });
}

/** Returns a function that logs requests. If the log can no longer be written, the proxy keeps running without a log. */
function logTo(stream: NodeJS.WriteStream, format: (answered: Answered) => string): (line: Answered) => void {
  let isRead = true;
  stream.removeAllListeners("error").on("error", (error: Error) => {
    if (isRead) console.error(`logging stopped: ${error.message}`);
    isRead = false;
  });
  return (answered) => {
    if (isRead) stream.write(`${format(answered)}\n`);
  };
}

/** Formats a log line: `2026-11-21T05:44:53.123Z POST /v1/responses 200 1234 ms, 1 citation recovered`. */
function asText({ time, method, path, status, ms, recovered, aborted, failed, otherKey }: Answered): string {
  const notes = [
    recovered > 0 && `${recovered} citation${recovered === 1 ? "" : "s"} recovered`,
    failed && !aborted && "recovery failed",
    aborted && "broken off",
    otherKey && "other key: no links",
  ].filter(Boolean);
  return [`${time} ${method} ${path} ${status} ${ms} ms`, ...notes].join(", ");
}
