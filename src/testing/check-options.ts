/** Checks options against a table of accepted values. */
import { describe, isObject } from "./wire.js";

/** For each option, a function that returns true for a valid value, and a description of the valid values for error messages. */
export type Checks<Options> = Readonly<
  Record<keyof Options, readonly [fits: (value: unknown) => boolean, takes: string]>
>;

/**
 * Throws a `TypeError` if the options are not an object, or if an option is unknown or has an invalid value.
 *
 * @param owner the function or option that takes the options, such as `createResponsesEmulator`.
 * @param prefix the text before an option's name in errors, such as `gateway.`.
 */
export function checkOptions<Options>(
  options: unknown,
  checks: Checks<Options>,
  owner: string,
  prefix = "",
): void {
  if (!isObject(options))
    throw wrong(prefix === "" ? `The options of ${owner}` : owner, "an object", options);
  const known = new Map<string, Checks<Options>[keyof Options]>(Object.entries(checks));
  for (const [name, value] of Object.entries(options)) {
    const check = known.get(name);
    if (check === undefined) {
      const names = [...known.keys()].join(", ");
      throw new TypeError(`${owner} has no option ${describe(name)}; its options are ${names}.`);
    }
    const [fits, takes] = check;
    if (value !== undefined && !fits(value)) throw wrong(`The option ${prefix}${name}`, takes, value);
  }
}

export const isFunction = (value: unknown): boolean => typeof value === "function";

export const isBoolean = (value: unknown): boolean => typeof value === "boolean";

export const atLeast = (least: number) => (value: unknown) =>
  Number.isInteger(value) && Number(value) >= least;

export const isStringRecord = (value: unknown): boolean =>
  isObject(value) && Object.values(value).every((entry) => typeof entry === "string");

/** Returns the error for an invalid value of an option or of a step's field. */
export function wrong(name: string, takes: string, got: unknown): TypeError {
  return new TypeError(`${name} must be ${takes}, got ${describe(got)}.`);
}
