/** Handles values that may be promises, without waiting for those that are not. */

/**
 * Calls `next` with a value. If the value is not a promise, calls `next` synchronously, because a response with nothing to repair
 * must not wait for a microtask.
 */
export function andThen<Value, Result>(
  value: Value | Promise<Value>,
  next: (value: Value) => Result | Promise<Result>,
): Result | Promise<Result> {
  return value instanceof Promise ? value.then(next) : next(value);
}

/**
 * Maps the values with `change`. Returns a promise only if one of the results is a promise. If `change` throws, the
 * error becomes a rejected promise, so that `Promise.all` still handles the rejections of the other promises.
 */
export function all(
  values: readonly unknown[],
  change: (value: unknown, at: number) => unknown,
): unknown[] | Promise<unknown[]> {
  const results = values.map((value, at) => {
    try {
      return change(value, at);
    } catch (error) {
      return Promise.reject(error);
    }
  });
  return results.some((value) => value instanceof Promise) ? Promise.all(results) : results;
}
