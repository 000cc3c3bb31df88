/** Builds the errors for invalid arguments, and calls user callbacks safely. */

/** Returns the error for a wrong argument. Its message names the argument, what is accepted and the value that was given. */
export function badInput(name: string, expected: string, got: unknown): TypeError {
  return new TypeError(`${name} must be ${expected}, got ${show(got)}`);
}

/** Returns the error for unknown options. Its message names the unknown options and the options that exist. */
export function unknownNames(
  name: string,
  unknown: readonly string[],
  accepted: readonly string[],
): TypeError {
  return new TypeError(`${name} has no property ${unknown.join(", ")}; it accepts ${accepted.join(", ")}`);
}

/** Throws a `TypeError` if an object has unknown options. */
export function checkNames(options: object, names: readonly string[]): void {
  const unknown = Object.keys(options).filter((name) => !names.includes(name));
  if (unknown.length > 0) throw unknownNames("options", unknown, names);
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Returns whether a value is a promise of any kind. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === "function";
}

/** Returns a thrown value as an `Error`. Works for any value, even one that cannot be converted to a string. */
export function asError(error: unknown): Error {
  try {
    return error instanceof Error ? error : new Error(String(error));
  } catch {
    return new Error("a value was thrown that is not an Error and cannot be converted to a string");
  }
}

/** Describes a value in a few words. Shows at most 60 characters of a string, and no values of an object or array. */
function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  if (typeof value === "function") return "a function";
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === "object" && value !== null) {
    const keys = Object.keys(value);
    return keys.length === 0
      ? "{}"
      : `an object with ${keys.slice(0, 6).join(", ")}${keys.length > 6 ? ", …" : ""}`;
  }
  return String(value);
}

/** Calls a user callback and ignores errors that it throws or rejects with. */
export function notify<Value>(callback: ((value: Value) => unknown) | undefined, value: Value): void {
  try {
    Promise.resolve(callback?.(value)).catch(() => {});
  } catch {}
}
