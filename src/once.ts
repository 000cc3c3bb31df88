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

/** Like {@link once}, but with one value per object. The first call with an object makes the value of this object. */
/* @__NO_SIDE_EFFECTS__ */
export function oncePer<Key extends object, Value extends object>(
  make: (key: Key) => Value,
): (key: Key) => Value {
  const values = new WeakMap<Key, Value>();
  return (key) => {
    const value = values.get(key) ?? make(key);
    values.set(key, value);
    return value;
  };
}
