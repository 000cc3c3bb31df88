/** Wraps an OpenAI client so that its responses have all file citations. */
import { isContainerFilesClient } from "./containers/listing.js";
import type { ContainerFilesClient } from "./containers/pages.js";
import { badInput, isRecord } from "./errors.js";
import { createFileCitationsFetch, isFileCitationsFetch } from "./http/fetch.js";
import { oncePer } from "./once.js";
import { type FileCitationsOptions, settingsOf } from "./options.js";

/** An OpenAI client of any version and class. It can list container files, and `withOptions` returns a copy of the client. */
export interface OpenAIClient extends ContainerFilesClient {
  // Each version of the SDK has its own option type. `never` is assignable to all of them.
  withOptions(options: never): OpenAIClient;
}

/**
 * Returns a client of the same class whose calls to the Responses API return responses with all file citations. In all other
 * respects the new client works like the given one. It lists the containers' files through the given client.
 *
 * @param client an `OpenAI`, `AzureOpenAI` or `BedrockOpenAI` client, or a client of your own subclass. It is not changed. A
 * client that this function made is returned as it is and keeps its options, even if a tracing wrapper has wrapped it since.
 * @throws {TypeError} if `client` is not an OpenAI client, an option is wrong, or the client's `withOptions` makes no usable copy.
 * A copy is not usable if its responses would get no citations, or if it would lack something that the client has, such as
 * tracing. A tracing wrapper can cause this, for example LangSmith's `wrapOpenAI`, Langfuse's `observeOpenAI` or Braintrust's
 * `wrapOpenAI`. So call this function before the wrapper.
 * @example
 * ```ts
 * import OpenAI from "openai";
 * import { withFileCitations } from "openai-file-citations";
 *
 * const client = withFileCitations(new OpenAI());
 * const response = await client.responses.create({
 *   model: "gpt-5",
 *   input: "Write a lesson plan as a Word file",
 *   tools: [{ type: "code_interpreter", container: { type: "auto" } }],
 * });
 * ```
 */
export function withFileCitations<Client extends OpenAIClient>(
  client: Client,
  options: FileCitationsOptions = {},
): Client {
  if (!isContainerFilesClient(client)) throw badInput("client", EXPECTED, client);
  settingsOf(options); // checks the options even if the client is already wrapped
  if (isRepaired(client)) return client;
  if (typeof client.withOptions !== "function") {
    throw new TypeError(`${badInput("client", EXPECTED, client).message}. ${ADVICE}`);
  }
  const copy = copyOf(client, options);
  if (!isRepaired(copy)) throw badCopy("does not send its requests through the fetch passed to withOptions");
  const lost = findLoss(client, copy);
  if (lost !== undefined) throw badCopy(`lacks the client's own ${lost}`);
  return copy;
}

const EXPECTED = "an OpenAI client, with withOptions and containers.files.list";

const ADVICE =
  "Wrap the client before observeOpenAI, wrapOpenAI or another wrapper, as in observeOpenAI(withFileCitations(client)), " +
  "or give the client's constructor `fetch: createFileCitationsFetch()`";

/** Returns the error for a client whose copy would not add citations, or would lack something that the client has. */
function badCopy(fault: string): TypeError {
  return new TypeError(
    `client must be an OpenAI client that withOptions can copy, got one whose copy ${fault}. ${ADVICE}`,
  );
}

function copyOf<Client extends OpenAIClient>(client: Client, options: FileCitationsOptions): Client {
  const { fetch, apiVersion, deploymentName, bedrockTokenProvider, _options } = client as Client & {
    fetch?: typeof globalThis.fetch;
    apiVersion?: string;
    deploymentName?: string;
    bedrockTokenProvider?: unknown;
    _options?: { apiKey?: unknown };
  };
  const copyOptions = {
    fetch: createFileCitationsFetch({ ...options, client, fetch }),
    // AzureOpenAI does not pass `apiVersion` and `deployment` on to its copies, and a copy throws without `apiVersion`.
    ...(apiVersion !== undefined && { apiVersion }),
    ...(deploymentName !== undefined && { deployment: deploymentName }),
    // Passes on an API key that is a function. In openai 5, a copy would get only the function's last result, or no key. A
    // BedrockOpenAI client accepts no function as key, and passes its token provider on to its copies.
    ...(typeof _options?.apiKey === "function" && !bedrockTokenProvider && { apiKey: _options.apiKey }),
  };
  return client.withOptions(copyOptions as never) as Client;
}

/**
 * Returns whether requests of `client.responses` go through a `fetch` of this package. Checks the `fetch` of the client that
 * `responses` uses. LangSmith's copy of a client has its own `fetch` property, but no request uses this property.
 */
function isRepaired(client: object | undefined): boolean {
  if (!client) return false;
  const sender = ownValue(Reflect.get(client, "responses"), "_client") ?? client;
  return isFileCitationsFetch(ownValue(sender, "fetch"));
}

/** Returns the value of an own property. Does not call the `get` trap of a tracing proxy, which could return another value. */
function ownValue(object: unknown, name: string): unknown {
  return isRecord(object) ? Object.getOwnPropertyDescriptor(object, name)?.value : undefined;
}

/**
 * Copies values from the client to `copy` if `copy` lacks them. Does the same for the client's resources, such as
 * `client.responses`. Returns the first property that `copy` still lacks, or `undefined`. `copy` still lacks values that
 * cannot be copied, and methods that a tracing wrapper has replaced, such as `responses.create`. PostHog's subclass needs the
 * copied values: it keeps its `posthog` option in several places, and `withOptions` does not pass the option on.
 */
function findLoss(client: object, copy: object, resource = client, copied = copy): string | undefined {
  for (const key of Reflect.ownKeys(resource)) {
    const value: unknown = Reflect.get(resource, key);
    const copiedValue: unknown = Reflect.get(copied, key);
    if (value === undefined) continue;
    if (copiedValue === undefined) {
      if (!isPortable(value, client) || !Reflect.set(copied, key, value)) return String(key);
    } else if (isRecord(value) && ownValue(copiedValue, "_client") === copy) {
      const lost = findLoss(client, copy, value, copiedValue as object);
      if (lost !== undefined) return `${String(key)}.${lost}`;
    }
  }
  // A tracing wrapper replaces methods on the client itself. The copy has the inherited methods instead, so it lacks the tracing.
  return inheritedMethods(copied).find(
    (name) => !Object.hasOwn(copied, name) && Reflect.get(resource, name) !== Reflect.get(copied, name),
  );
}

/**
 * Returns whether the copy of a client can share a value with the client. A function, or an object that contains the client, cannot
 * be shared, because it may send requests through the client instead of the copy. The responses to these requests would get no
 * citations.
 */
function isPortable(value: unknown, client: object): boolean {
  return typeof value !== "function" && value !== client && !Object.values(value ?? {}).includes(client);
}

/** Returns the names of the methods that an object inherits. */
function inheritedMethods(object: object): string[] {
  const type: object | null = Object.getPrototypeOf(object);
  return type === null || type === Object.prototype ? [] : methodsOf(type);
}

/**
 * Returns the names of the methods of a prototype, including inherited ones. They are read once per prototype: without this
 * cache, wrapping a client takes 0.3 ms longer.
 */
const methodsOf = oncePer((type: object): string[] => {
  const own = Object.entries(Object.getOwnPropertyDescriptors(type))
    .filter(([name, { value }]) => typeof value === "function" && name !== "constructor")
    .map(([name]) => name);
  return [...new Set([...own, ...inheritedMethods(type)])];
});
