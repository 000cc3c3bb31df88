/** Starts the proxy of `serve --links` in the process of the test, with the emulator as its upstream. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { type ServedLinks, type ServeLinkOptions, servedLinks } from "../src/cli/serve-links.js";
import type { EmulatorOptions } from "../src/testing/index.js";
import { listenEmulator, REQUEST, type Served, serveProxy } from "./serving.js";

export const OWN_KEY = "sk-the-proxys-own";
export const SECRET = "a secret of the links, of 32 bytes or more";
export const ENV = { OPENAI_API_KEY: OWN_KEY, FILE_LINKS_SECRET: SECRET };

/** Returns an empty folder that exists until the end of the test. */
export async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "serve-links-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Starts a proxy with links in front of an API. */
export async function serveLinks(
  upstream: string,
  options: ServeLinkOptions = {},
  env: NodeJS.ProcessEnv = ENV,
  proxyOptions: Parameters<typeof serveProxy>[1] = {},
): Promise<Served & { links: ServedLinks; notices: string[] }> {
  const links = (await servedLinks({ links: true, ...options }, upstream, env))!;
  const served = await serveProxy(upstream, { ...proxyOptions, files: links.files, linkHost: links.host });
  onTestFinished(async () => void (await links.kept(5000)));
  return { ...served, links, notices: links.listen(served.url) };
}

/** Starts an emulator, and a proxy with links in front of it. */
export async function setUpLinks(options: ServeLinkOptions = {}, emulatorOptions: EmulatorOptions = {}) {
  const { emulator, upstream } = await listenEmulator(emulatorOptions);
  return { emulator, upstream, proxy: await serveLinks(upstream, options) };
}

/** Sends `POST /responses` to a proxy. */
export function post(
  { baseURL }: { baseURL: string },
  params: object = {},
  headers: Record<string, string> = { authorization: `Bearer ${OWN_KEY}` },
): Promise<Response> {
  return fetch(`${baseURL}/responses`, {
    method: "POST",
    headers: { ...headers, "content-type": "application/json" },
    body: JSON.stringify({ ...REQUEST, ...params }),
  });
}

interface Answer {
  output: { type: string; content?: { text: string; annotations: object[] }[] }[];
}

/** Returns the text of a response. */
export function textOf({ output }: Answer): string {
  return output.flatMap(({ content = [] }) => content.map(({ text }) => text)).join("\n");
}

/** Sends a request and returns the text of the response. */
export async function answerOf(...request: Parameters<typeof post>): Promise<string> {
  return textOf((await (await post(...request)).json()) as Answer);
}

/** Returns the first link in a text that leads to a file of the proxy, or a message if there is none. */
export function linkIn(text: string): string {
  return /\((http[^\s()]+\/files\/[^\s()]+)\)/.exec(text)?.[1] ?? `no link in ${text}`;
}

/** Returns the id of the container that was created last. */
export function containerOf({ containers }: { containers: ReadonlyMap<string, unknown> }): string {
  return [...containers.keys()].at(-1)!;
}
