import { badInput } from "./bad-input.js";
import { createFileCitationsFetch, isFileCitationsFetch } from "./http/fetch.js";
import { type FileCitationsOptions, settingsOf } from "./options.js";
import type { ContainerFilesClient } from "./responses/list-pages.js";
import { isContainerFilesClient } from "./responses/lookup.js";

/** An OpenAI client of any version and class: one that lists container files and makes copies of itself. */
export interface OpenAIClient extends ContainerFilesClient {
  // Each version of the SDK has options of its own, and takes what is none of them for an error: all accept `never`.
  withOptions(options: never): OpenAIClient;
}

/**
 * A client of the same class, whose every call to the Responses API comes back with its file citations: the very
 * same client in all else. Containers are listed through the client that was given.
 *
 * @param client an `OpenAI` or `AzureOpenAI` client, or one of a class of your own. It is not changed. One that is wrapped
 * already comes back as it is, with the options that it has.
 * @throws {TypeError} when `client` is none, or an option is wrong.
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
  if (!isContainerFilesClient(client) || typeof client.withOptions !== "function") {
    throw badInput("client", "an OpenAI client, with withOptions and containers.files.list", client);
  }
  settingsOf(options); // a wrong option is an error, also where the client is wrapped already
  const { fetch, apiVersion, deploymentName, _options } = client as Client & {
    fetch?: typeof globalThis.fetch;
    apiVersion?: string;
    deploymentName?: string;
    _options?: { apiKey?: unknown };
  };
  if (isFileCitationsFetch(fetch)) return client;
  const copyOptions = {
    fetch: createFileCitationsFetch({ ...options, client, fetch }),
    // AzureOpenAI does not hand these two on to its copies by itself, and throws without the first.
    ...(apiVersion !== undefined && { apiVersion }),
    ...(deploymentName !== undefined && { deployment: deploymentName }),
    // openai 5 hands on the key that a function gave it last, or none, in place of the function.
    ...(typeof _options?.apiKey === "function" && { apiKey: _options.apiKey }),
  };
  return client.withOptions(copyOptions as never) as Client;
}
