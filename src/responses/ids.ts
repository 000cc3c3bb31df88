/** The ids of containers, files and responses, as data. */

const ID = /^[A-Za-z0-9][\w-]{0,255}$/;

/**
 * Whether an id may stand in a URL. What a response names is data: an id of another form could lead a request
 * elsewhere, and no container, file or response has one.
 */
export function isId(id: unknown): id is string {
  return typeof id === "string" && ID.test(id);
}
