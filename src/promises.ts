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
 * Maps the values with `change`. Returns a promise if at least one result is a promise, else an array. If `change` throws,
 * the returned promise rejects. The other values are still mapped, and `Promise.all` handles the rejections of their promises.
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
