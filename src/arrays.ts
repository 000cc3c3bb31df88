/** Returns whether two arrays hold identical values in the same order. */
export function isSame(values: readonly unknown[], others: readonly unknown[]): boolean {
  return (
    values === others ||
    (values.length === others.length && values.every((value, at) => value === others[at]))
  );
}
