/** The recordings, the schema and the cases beside the repository. They are no part of the package. */
import { existsSync, readFileSync } from "node:fs";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import { describe, expect } from "vitest";

const folder = new URL("../../shared/", import.meta.url);
const isThere = existsSync(folder);
if (!isThere && !process.env.CI) console.warn("skipped: the tests that read ../shared, which is not here");

/** A `describe` for tests that read `../shared`: skipped where it is absent, but not in CI, where it must be. */
export const describeShared = describe.skipIf(!isThere && !process.env.CI);

export function readShared(path: string): string {
  return readFileSync(new URL(path, folder), "utf8");
}

let ajv: Ajv2020 | undefined;

function validatorOf(name: string): ValidateFunction {
  if (!ajv) {
    ajv = new Ajv2020({ strict: false, validateFormats: false });
    ajv.addSchema(JSON.parse(readShared("openai/responses.schema.json")), "openai");
  }
  const validate = ajv.getSchema(`openai#/$defs/${name}`);
  if (!validate) throw new Error(`the schema has no ${name}`);
  return validate;
}

/** Whether a value is what OpenAI's schema says of `name`; where there is no schema, nothing is. */
export function isValid(name: string, value: unknown): boolean {
  return isThere && validatorOf(name)(value);
}

/** Fails unless a value is what OpenAI's schema says of `name`. */
export function expectValid(name: string, value: unknown): void {
  const validate = validatorOf(name);
  expect(validate(value) ? [] : validate.errors, JSON.stringify(value).slice(0, 2000)).toEqual([]);
}
