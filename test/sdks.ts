/** The official client in each major version that the package works with. */
import OpenAI from "openai";
import OpenAI5 from "openai-5";
import OpenAI7 from "openai-7";

// The SDKs have types of their own; the calls made here are the same in each.
export const SDKS = [
  ["openai 5", OpenAI5 as unknown as typeof OpenAI],
  ["openai 6", OpenAI],
  ["openai 7", OpenAI7 as unknown as typeof OpenAI],
] as const;
