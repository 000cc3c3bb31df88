import { InvalidArgumentError } from "commander";

/** The command cannot do what it was asked to. The process ends with 2, and nothing was written. */
export class WrongUse extends Error {
  override name = "WrongUse";
}

/** Reads an option's whole number, for commander. */
export function wholeNumberFrom(least: number, most = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (/^\d+$/.test(text) && number >= least && number <= most) return number;
    const upTo = most === Number.MAX_SAFE_INTEGER ? "or more" : `to ${most}`;
    throw new InvalidArgumentError(`It must be a whole number, ${least} ${upTo}.`);
  };
}
