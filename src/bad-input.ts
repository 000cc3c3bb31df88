/** The error for what a caller passed: it names the thing, what it takes and what it got. */
export function badInput(name: string, takes: string, got: unknown): TypeError {
  return new TypeError(`${name} must be ${takes}, got ${show(got)}`);
}

/** An error that says which options there are not, and which there are. */
export function unknownNames(name: string, unknown: readonly string[], takes: readonly string[]): TypeError {
  return new TypeError(`${name} has no ${unknown.join(", ")}; it takes ${takes.join(", ")}`);
}

/** Throws a `TypeError` for options that are none. */
export function checkNames(options: object, names: readonly string[]): void {
  const unknown = Object.keys(options).filter((name) => !names.includes(name));
  if (unknown.length > 0) throw unknownNames("options", unknown, names);
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What was thrown, as an error: anything can be. */
export function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

/** A value in a few words. Never more of it than that: it may hold a secret or a megabyte. */
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
