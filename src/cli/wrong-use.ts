/** Defines the error for wrong use of the command, and a parser for numbers in options. */
import { InvalidArgumentError } from "commander";

/** The error for a command that was used wrongly. The command has written nothing, and the exit code is 2. */
export class WrongUse extends Error {
  override name = "WrongUse";
}

/** Returns a parser for an option that takes a whole number, for commander. */
export function wholeNumberFrom(least: number, most = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (/^\d+$/.test(text) && number >= least && number <= most) return number;
    const upTo = most === Number.MAX_SAFE_INTEGER ? "or more" : `to ${most}`;
    throw new InvalidArgumentError(`It must be a whole number, ${least} ${upTo}.`);
  };
}
