/** A value that nobody can change, to its depth: who tries throws. */
export function frozen<Value>(original: Value): Value {
  if (typeof original === "object" && original !== null && !Object.isFrozen(original)) {
    Object.freeze(original);
    for (const child of Object.values(original)) frozen(child);
  }
  return original;
}
