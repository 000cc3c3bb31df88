/** Freezes a value and everything in it, so that changing it throws. Returns the value. */
export function frozen<Value>(original: Value): Value {
  if (typeof original === "object" && original !== null && !Object.isFrozen(original)) {
    Object.freeze(original);
    for (const child of Object.values(original)) frozen(child);
  }
  return original;
}
