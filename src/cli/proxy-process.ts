/** The proxy as a process: what it says, what it logs, how it ends. */
import { type ApiProxy, createProxy, type ProxyOptions } from "../http/proxy.js";
import { fetchUpstream } from "../http/upstream.js";
import { DEFAULT_BASE_URL } from "./api.js";
import type { ServeOptions } from "./serve.js";
import { type Answered, type ProxyServer, startServer } from "./server.js";
import { WrongUse } from "./wrong-use.js";

const KILOBYTE = 2 ** 10;
const MEGABYTE = 2 ** 20;
/** `npx` hands on a signal that the terminal has sent to all: two as near as that are one. */
const SAME_SIGNAL_MS = 100;

/** Serves until a signal ends it. */
export async function serve(options: ServeOptions): Promise<void> {
  const { port, host, instruction, maxBody, maxJson, maxHeaders, grace, json } = options;
  // What the environment says in a blank is nothing.
  const upstream = options.upstream.trim() || DEFAULT_BASE_URL;
  const proxy = proxyOf({
    upstream,
    fetch: fetchUpstream,
    instruction,
    maxBody: maxBody * MEGABYTE,
    maxJson: maxJson * MEGABYTE,
  });
  const server = await startServer(proxy, {
    port,
    host,
    maxHeaders: maxHeaders * KILOBYTE,
    onAnswered: logTo(process.stdout, json ? JSON.stringify : asText),
  }).catch((error: NodeJS.ErrnoException) => {
    if (isNoAddress(error)) throw new WrongUse(`--host ${host}: ${error.message}`);
    throw error;
  });
  console.error(`listening on ${server.url}, upstream ${upstream}`);
  const wereAllAnswered = await stopOnSignal(server, grace);
  if (!wereAllAnswered) throw new Error(`requests ran longer than ${grace} s, and were cut off`);
}

/** The proxy; that an option of it is wrong is the user's doing. */
function proxyOf(options: ProxyOptions): ApiProxy {
  try {
    return createProxy(options);
  } catch (error) {
    throw new WrongUse((error as Error).message);
  }
}

/** Whether a server cannot listen because of its host: a name that is none, an address of another machine. */
function isNoAddress({ syscall, code }: NodeJS.ErrnoException): boolean {
  return syscall === "getaddrinfo" || code === "EADDRNOTAVAIL";
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
    failed && !aborted && "recovery failed",
    aborted && "broken off",
  ].filter(Boolean);
  return [`${time} ${method} ${path} ${status} ${ms} ms`, ...notes].join(", ");
}
