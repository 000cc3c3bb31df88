/** Values that OpenAI's schema says are right, made from it. */
import fc from "fast-check";
import { TEXTS } from "./fuzz-values.js";
import { isValid, readShared } from "./shared.js";

interface Schema {
  $ref?: string;
  anyOf?: Schema[];
  allOf?: Schema[];
  const?: unknown;
  enum?: unknown[];
  type?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: boolean | Schema;
  items?: Schema;
  minItems?: number;
  maxItems?: number;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  pattern?: string;
}

/** What the library reads. Of several, these are made as often as all others together. */
const READ = new Set(
  [
    "OutputMessage",
    "CodeInterpreterToolCall",
    "FunctionShellCall",
    "ImageGenToolCall",
    "OutputTextContent",
    "ContainerFileCitationBody",
    "CodeInterpreterTool",
    "ResponseCreatedEvent",
    "ResponseOutputItemAddedEvent",
    "ResponseOutputTextAnnotationAddedEvent",
    "ResponseTextDeltaEvent",
    "ResponseTextDoneEvent",
    "ResponseContentPartDoneEvent",
    "ResponseOutputItemDoneEvent",
    "ResponseCompletedEvent",
    "ResponseErrorEvent",
  ].map((name) => `#/$defs/${name}`),
);
/** Made first, while there are choices left. */
const FIRST = ["response", "item", "part", "output", "content", "text", "annotations", "input", "tools"];
/** For the patterns of the schema: of names, and of a tunnel's id. */
const PATTERNED = ["name_1", `tunnel_${"a1".repeat(16)}`];
const NUMBERS = [0, 1, 2, 10, 42, 423, 100_000];

let definitions: Record<string, Schema> | undefined;

/**
 * Values of `name` in the schema. What they are is read off a list of choices: where it ends, the first and the
 * smallest is taken. So every value ends, and a shorter list is a smaller value.
 */
export function made(name: string, most = 300): fc.Arbitrary<unknown> {
  definitions ??= JSON.parse(readShared("openai/responses.schema.json")).$defs as Record<string, Schema>;
  const choices = fc.array(fc.nat({ max: 255 }), { maxLength: most, size: "max" });
  return (
    choices
      .map((list) => new Maker(definitions!, list).make({ $ref: `#/$defs/${name}` }))
      // A few are not: where two parts of an `allOf` say different things of one property.
      .filter((one) => isValid(name, one))
  );
}

class Maker {
  readonly #definitions: Record<string, Schema>;
  readonly #choices: readonly number[];
  #next = 0;
  #depth = 0;

  constructor(definitions: Record<string, Schema>, choices: readonly number[]) {
    this.#definitions = definitions;
    this.#choices = choices;
  }

  make(schema: Schema): unknown {
    this.#depth++;
    try {
      return this.#make(schema);
    } finally {
      this.#depth--;
    }
  }

  /** One of so many. Deep down always the first, so that what holds its own kind has an end. */
  #choose(count: number): number {
    return this.#depth > 40 ? 0 : (this.#choices[this.#next++] ?? 0) % count;
  }

  #oneOf<Value>(values: readonly Value[]): Value {
    return values[this.#choose(values.length)]!;
  }

  #make(schema: Schema): unknown {
    const { $ref, anyOf, allOf, type } = schema;
    if ($ref) return this.make(this.#definition($ref));
    if (anyOf) return this.make(this.#alternative(anyOf));
    if (allOf) return this.#object(allOf.map((part) => (part.$ref ? this.#definition(part.$ref) : part)));
    if ("const" in schema) return schema.const;
    if (schema.enum) return this.#oneOf(schema.enum);
    if (type === "object" || schema.properties) return this.#object([schema]);
    if (type === "array") return this.#array(schema);
    if (type === "string") return this.#string(schema);
    if (type === "boolean") return this.#choose(2) === 1;
    if (type === "null") return null;
    if (type === "integer" || type === "number") {
      const { minimum = 0, maximum = Infinity } = schema;
      return Math.min(Math.max(this.#oneOf(NUMBERS), minimum), maximum);
    }
    return this.#oneOf(TEXTS); // anything will do
  }

  #definition($ref: string): Schema {
    return this.#definitions[$ref.slice("#/$defs/".length)]!;
  }

  #alternative(schemas: readonly Schema[]): Schema {
    const read = schemas.filter(({ $ref }) => READ.has($ref!));
    return this.#oneOf(read.length > 0 && this.#choose(2) === 0 ? read : schemas);
  }

  /** All of these as one object; what they are all of may itself be all of some. */
  #object(schemas: readonly Schema[]): Record<string, unknown> {
    const parts = schemas.flatMap(({ $ref, allOf, ...schema }) => [
      schema as Schema,
      ...(allOf ?? []).map((part) => (part.$ref ? this.#definition(part.$ref) : part)),
    ]);
    const properties: Record<string, Schema> = {};
    for (const part of parts) {
      for (const [key, schema] of Object.entries(part.properties ?? {})) {
        // Of two that speak of one property, the later one is the narrower in this schema.
        properties[key] = schema;
      }
    }
    const required = new Set(parts.flatMap((part) => part.required ?? []));
    // One event must have a property that the schema does not describe.
    const keys = [...FIRST.filter((key) => key in properties), ...Object.keys(properties), ...required];
    const object: Record<string, unknown> = {};
    for (const key of new Set(keys)) {
      if (required.has(key) || this.#choose(3) === 1) object[key] = this.make(properties[key] ?? {});
    }
    const more = parts.find((part) => typeof part.additionalProperties === "object")?.additionalProperties;
    if (more && this.#choose(3) === 1) object["constructor" as string] = this.make(more as Schema);
    return object;
  }

  #array({ items = {}, minItems = 0, maxItems = 4 }: Schema): unknown[] {
    const length = Math.min(Math.max(this.#choose(5), minItems), maxItems);
    return Array.from({ length }, () => this.make(items));
  }

  #string({ pattern, minLength = 0, maxLength = Infinity }: Schema): string {
    if (pattern) return PATTERNED.find((text) => new RegExp(pattern).test(text))!;
    const count = this.#choose(4) + 1;
    const text = Array.from({ length: count }, () => this.#oneOf(TEXTS)).join(" ");
    return text.length < minLength ? "a".repeat(minLength) : text.slice(0, maxLength);
  }
}
