/** Makes the links of `serve --links` with the key and the secret in the environment, and describes them to the user. */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { access, constants, mkdir } from "node:fs/promises";
import { withoutServerText } from "../containers/retries.js";
import { asError } from "../errors.js";
import { directoryStore } from "../files/directory-store.js";
import { createFileRoute, type FileRoute } from "../files/route.js";
import type { ProxyFiles } from "../http/proxy.js";
import { FILES_PATH } from "../http/proxy-paths.js";
import { Api, connectionOf } from "./api.js";
import { checkFolder } from "./saving.js";
import { shown } from "./terminal.js";
import { WrongUse } from "./wrong-use.js";

/** The options of `serve` about links. */
export interface ServeLinkOptions {
  /** The public URL of the links. `true`: the links lead to the address that the proxy listens on. */
  links?: string | true;
  /** The folder that keeps the files. */
  keep?: string;
  /** How long a link works, in seconds. */
  expires?: number;
  /** The note in place of a link to a file that is not there. */
  missing?: string;
}

/** The links of the proxy. Call `listen` before the first request is handled. */
export interface ServedLinks {
  files: ProxyFiles;
  /** The host name of the public URL. `undefined` if the links lead to the address that the proxy listens on. */
  host: string | undefined;
  /** Sets the URL at which the proxy listens. Returns notes about the links, to print for the user. */
  listen(url: string): string[];
  /** Waits until no file is being copied. Returns `false` if that takes longer than `ms`. */
  kept(ms: number): Promise<boolean>;
}

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** How long links work by default, in seconds. A container expires after the same idle time. */
const DEFAULT_SECONDS = 20 * MINUTE;
/** How long links work by default with `--keep`, which copies the files to a folder. */
const DEFAULT_KEPT_SECONDS = 7 * DAY;
const LEAST_SECRET_BYTES = 32;

/**
 * Returns the links for `serve`; `undefined` without `--links`.
 *
 * @throws WrongUse if an option is invalid, the key is missing or the secret is too short. The message contains no secret.
 */
export async function servedLinks(
  options: ServeLinkOptions,
  upstream: string,
  env: NodeJS.ProcessEnv,
): Promise<ServedLinks | undefined> {
  const { links, keep, missing } = options;
  if (links === undefined) {
    for (const name of ["keep", "expires", "missing"] as const)
      if (options[name] !== undefined) throw new WrongUse(`--${name} has no effect without --links`);
    return undefined;
  }
  const { expires = keep === undefined ? DEFAULT_SECONDS : DEFAULT_KEPT_SECONDS } = options;
  const publicUrl = links === true ? undefined : publicUrlIn(links);
  if (missing?.trim() === "") throw new WrongUse("--missing must be a text that is not empty");
  if (expires === Number.POSITIVE_INFINITY && keep === undefined)
    throw new WrongUse("--expires never needs --keep: without it, a file is gone when its container expires");
  const { key, ...connection } = connectionOf({ ...env, OPENAI_BASE_URL: upstream });
  if (key === undefined)
    throw new WrongUse("--links needs a key to download the files: set OPENAI_API_KEY to the callers' key");
  const secret = secretIn(env);
  if (keep !== undefined) await prepareFolder(keep);

  let route: FileRoute;
  const open = (basePath: string): void => {
    route = createFileRoute(new Api({ key, ...connection }), {
      ...{ secret, basePath, expiresIn: expires },
      ...(keep !== undefined && { store: directoryStore(keep) }),
      onError: (error) => console.error(`a file: ${messageOf(error, [key, secret])}`),
    });
  };
  return {
    files: {
      links: {
        toUrl: (citation, replaced) => route.toUrl(citation, replaced),
        originals: (text) => route.originals(text),
        ...(missing !== undefined && { onMissing: () => missing }),
      },
      hasOwnKey: ownKeyRule(key, connection.headers),
      handler: (request) => route.handler(request),
    },
    host: publicUrl && new URL(publicUrl).hostname,
    listen(url) {
      const base = (publicUrl ?? reachable(url)) + FILES_PATH;
      open(base);
      return [
        `links: ${base}/…, ${openFor(expires)}, ${keep === undefined ? "until the container expires" : `files kept in ${shown(keep)}`}`,
        "links: only for requests with the key in OPENAI_API_KEY, because the files of another key cannot be opened",
        ...(env.FILE_LINKS_SECRET
          ? []
          : ["links: end with this process, because FILE_LINKS_SECRET is not set"]),
      ];
    },
    kept: (ms) => within(ms, route.keep()),
  };
}

/**
 * Checks a public URL and returns it without a slash at its end. The error message does not repeat the URL, because the URL may
 * contain credentials.
 */
function publicUrlIn(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isPlain = url && !(url.username || url.password || url.search || url.hash);
  if (!isPlain || !/^https?:$/.test(url.protocol))
    throw new WrongUse(
      "--links must be an http or https URL without credentials, query and fragment, such as https://files.example.com",
    );
  return url.origin + url.pathname.replace(/\/+$/, "");
}

/**
 * Returns the proxy's URL as links need it. Replaces the hosts `0.0.0.0` and `[::]` with `localhost`. A proxy can listen on these
 * hosts, but a browser cannot open them.
 */
function reachable(url: string): string {
  return url.replace(/^http:\/\/(?:0\.0\.0\.0|\[::\])(?=:)/, "http://localhost");
}

/** Returns the secret that signs the links. If `FILE_LINKS_SECRET` is not set, returns a random secret. */
function secretIn({ FILE_LINKS_SECRET: secret }: NodeJS.ProcessEnv): string {
  if (!secret) return randomBytes(LEAST_SECRET_BYTES).toString("hex");
  if (Buffer.byteLength(secret) >= LEAST_SECRET_BYTES) return secret;
  throw new WrongUse(
    `FILE_LINKS_SECRET must be ${LEAST_SECRET_BYTES} bytes or more, such as the output of: openssl rand -base64 32`,
  );
}

/** Creates the folder of `--keep` before the server starts, so that an error shows at the start and not at the first file. */
async function prepareFolder(path: string): Promise<void> {
  await checkFolder(path, "--keep");
  try {
    await mkdir(path, { recursive: true });
    await access(path, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new WrongUse(`--keep ${path} cannot be written: ${(error as Error).message}`);
  }
}

/** The headers that select which containers a key can see. */
const SCOPES = ["openai-organization", "openai-project"];

/**
 * Returns a function that tells whether a request has the proxy's key. The function also returns false if the request names an
 * organization or project that the proxy does not use. The proxy may be unable to open files of that organization or project.
 */
function ownKeyRule(key: string, own: Headers): (headers: Headers) => boolean {
  const digest = digestOf(key);
  const isKey = (text: string): boolean => timingSafeEqual(digestOf(text), digest);
  return (headers) => {
    const [, bearer] = /^bearer +(\S.*)$/i.exec(headers.get("authorization") ?? "") ?? [];
    const apiKey = headers.get("api-key");
    if (headers.has("authorization") ? bearer === undefined : apiKey === null) return false;
    const keys = [bearer, apiKey].filter((one) => typeof one === "string");
    const isOwnScope = (name: string): boolean => [null, own.get(name)].includes(headers.get(name));
    return keys.every(isKey) && SCOPES.every(isOwnScope);
  };
}

/**
 * Returns the hash of a text. Comparing two hashes takes the same time for texts of any length. So the time of a comparison tells
 * nothing about the key.
 */
function digestOf(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

function openFor(seconds: number): string {
  if (seconds === Number.POSITIVE_INFINITY) return "which never expire";
  const [unit, length] = (
    [
      ["days", DAY],
      ["hours", HOUR],
      ["minutes", MINUTE],
    ] as const
  ).find(([, one]) => seconds % one === 0 && seconds > one) ?? ["seconds", 1];
  return `open for ${seconds / length} ${unit}`;
}

/** Returns an error's message without secrets. The message is safe to print on a terminal. */
function messageOf(error: unknown, secrets: readonly string[]): string {
  const { message } = asError(withoutServerText(error));
  return shown(secrets.reduce((text, secret) => text.replaceAll(secret, "…"), message));
}

/** Returns whether `promise` resolves within `ms` milliseconds. */
async function within(ms: number, promise: Promise<void>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, ms, false);
  });
  const isDone = await Promise.race([promise.then(() => true), late]);
  clearTimeout(timer);
  return isDone;
}
