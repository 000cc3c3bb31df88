import { InvalidArgumentError } from "commander";

/** The command cannot do what it was asked to. The process ends with 2, and nothing was written. */
export class WrongUse extends Error {
  override name = "WrongUse";
}

/** Reads an option's whole number, for commander. */
export function wholeNumberFrom(least: number): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (/^\d+$/.test(text) && Number.isSafeInteger(number) && number >= least) return number;
    throw new InvalidArgumentError(`It must be a whole number, ${least} or more.`);
  };
}
