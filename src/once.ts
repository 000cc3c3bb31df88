/**
 * Returns a function that makes a value at its first call and returns the same value from then on. Use it for values that take
 * milliseconds to make, so that the import of the package stays fast.
 */
/* @__NO_SIDE_EFFECTS__ */
export function once<Value extends object>(make: () => Value): () => Value {
  let value: Value | undefined;
  return () => {
    value ??= make();
    return value;
  };
}
