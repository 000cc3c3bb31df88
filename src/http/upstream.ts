/** The proxy's way to the upstream: less of everything than `fetch` brings, at half its cost. */
import type { Readable } from "node:stream";
import { pipeline } from "node:stream";
import { createBrotliDecompress, createGunzip } from "node:zlib";
import { EnvHttpProxyAgent, request } from "undici";
import { webStreamOf } from "./fetch.js";

const DECODERS: Readonly<Record<string, () => NodeJS.ReadWriteStream>> = {
  gzip: createGunzip,
  "x-gzip": createGunzip,
  br: createBrotliDecompress,
};

/** A `fetch` for requests that are put together with care, and how to end its connections. */
export interface Upstream {
  /** Follows no redirect, adds no header, and waits as long as it takes. */
  fetch: typeof globalThis.fetch;
  close(): Promise<void>;
}

/** Connections to an upstream, kept and used again; through the proxy that the environment names, if it does. */
export function connectUpstream(): Upstream {
  // An answer may take longer to begin than the five minutes that are the default.
  const dispatcher = new EnvHttpProxyAgent({ headersTimeout: 0, bodyTimeout: 0 });
  return {
    close: () => dispatcher.destroy(),
    fetch: async (url, { method = "GET", headers, body, signal } = {}) => {
      const answer = await request(
        url as string,
        {
          dispatcher,
          method,
          headers: Array.isArray(headers) ? headers.flat() : headers,
          body,
          signal,
        } as Parameters<typeof request>[1],
      );
      const { statusCode: status, statusText } = answer;
      const answered = headersOf(answer.headers);
      const hasBody = method !== "HEAD" && status !== 204 && status !== 304;
      const stream = hasBody ? webStreamOf(decoded(answer.body, answered)) : null;
      if (!hasBody) answer.body.resume();
      return new Response(stream, { status, statusText, headers: answered });
    },
  };
}

function headersOf(headers: Record<string, string | string[] | undefined>): Headers {
  const given = new Headers();
  for (const [name, values] of Object.entries(headers)) {
    for (const value of typeof values === "string" ? [values] : (values ?? [])) given.append(name, value);
  }
  return given;
}

/**
 * A body that came encoded although it was asked for plain, decoded, for the middleware to read. In an encoding that
 * is none of ours it goes on as it came, to who may know it.
 */
function decoded(body: Readable, headers: Headers): Readable {
  const encodings =
    headers
      .get("content-encoding")
      ?.toLowerCase()
      .split(/\s*,\s*/) ?? [];
  const decoders = encodings.reverse().map((encoding) => DECODERS[encoding]);
  if (decoders.length === 0 || decoders.includes(undefined)) return body;
  headers.delete("content-encoding");
  headers.delete("content-length");
  // What breaks one breaks all of them, and its reader sees it.
  return pipeline([body, ...decoders.map((create) => create!())], () => {}) as unknown as Readable;
}
