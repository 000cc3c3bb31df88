/** The versions of the official client with which the package is tested: 5, 6, an older version 7 and the newest version 7. */
import OpenAI from "openai";
import OpenAI5 from "openai-5";
import OpenAI7 from "openai-7";
import OpenAI755 from "openai-7-55";

// Each version of the SDK has its own types. The casts give all versions the types of openai 6, so one test can call them all.
export const SDKS = [
  ["openai 5", OpenAI5 as unknown as typeof OpenAI],
  ["openai 6", OpenAI],
  ["openai 7.55", OpenAI755 as unknown as typeof OpenAI],
  ["openai 7", OpenAI7 as unknown as typeof OpenAI],
] as const;
