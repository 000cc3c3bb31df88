/**
 * Checks values against two schemas. `recordings/schema.mjs` makes our own schema from the types of the `openai` package. Our own
 * schema allows no added properties. The other schema is the one that OpenAI publishes. It is used only if `../shared` has it.
 */
import { readFileSync } from "node:fs";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import { expect } from "vitest";
import { hasShared, readShared } from "./shared.js";

export class Schema {
  readonly name: string;
  readonly definitions: Readonly<Record<string, unknown>>;
  readonly #ajv = new Ajv2020({ strict: false, validateFormats: false });

  constructor(name: string, text: string) {
    const schema = JSON.parse(text);
    this.name = name;
    this.definitions = schema.$defs;
    this.#ajv.addSchema(schema, "schema");
  }

  /** Returns whether a value is valid against the definition `name`. */
  isValid(name: string, value: unknown): boolean {
    return this.#validatorOf(name)(value);
  }

  /** Fails the test if a value is invalid against the definition `name`. */
  expectValid(name: string, value: unknown): void {
    const validate = this.#validatorOf(name);
    const errors = validate(value) ? [] : validate.errors;
    expect(errors, `${this.name}: ${JSON.stringify(value).slice(0, 2000)}`).toEqual([]);
  }

  #validatorOf(name: string): ValidateFunction {
    const validate = this.#ajv.getSchema(`schema#/$defs/${name}`);
    if (!validate) throw new Error(`${this.name} has no definition ${name}`);
    return validate;
  }
}

export const ownSchema = new Schema(
  "our own schema",
  readFileSync(new URL("recordings/schema.json", import.meta.url), "utf8"),
);

/** OpenAI's schema, or `undefined` without `../shared`. */
export const sharedSchema = hasShared
  ? new Schema("OpenAI's schema", readShared("openai/responses.schema.json"))
  : undefined;

export const SCHEMAS: readonly Schema[] = sharedSchema ? [ownSchema, sharedSchema] : [ownSchema];

/** Expects that a value is valid against the definition `name` in every schema. */
export function expectValid(name: string, value: unknown): void {
  for (const schema of SCHEMAS) schema.expectValid(name, value);
}
