/** Generates random values that are valid against a schema of the API. */
import fc from "fast-check";
import { TEXTS } from "./fuzz-values.js";
import type { Schema as ApiSchema } from "./schemas.js";

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

/**
 * The definitions that the library reads. Some definitions have one name in OpenAI's schema and another in our own. If a value
 * can have several definitions, one is chosen at random. In half of these cases, only the definitions in this set can be
 * chosen. In the other half, every definition of the value can be chosen.
 */
const READ = new Set(
  [
    "OutputMessage",
    "ResponseOutputMessage",
    "CodeInterpreterToolCall",
    "ResponseCodeInterpreterToolCall",
    "FunctionShellCall",
    "ResponseFunctionShellToolCall",
    "ImageGenToolCall",
    "ResponseOutputItem.ImageGenerationCall",
    "OutputTextContent",
    "ResponseOutputText",
    "ContainerFileCitationBody",
    "ResponseOutputText.ContainerFileCitation",
    "ResponseOutputTextAnnotationAddedEvent.ContainerFileCitation",
    "CodeInterpreterTool",
    "Tool.CodeInterpreter",
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
/** These properties are generated first. When no choices are left (see `made`), all further optional properties are left out. */
const FIRST = ["response", "item", "part", "output", "content", "text", "annotations", "input", "tools"];
/** Strings that match the patterns in the schema: a name, and an id that starts with `tunnel_`. */
const PATTERNED = ["name_1", `tunnel_${"a1".repeat(16)}`];
const NUMBERS = [0, 1, 2, 10, 42, 423, 100_000];

/**
 * Generates values of the definition `name`. A list of at most `most` numbers determines the choices, one number for each choice.
 * After the end of the list, each choice takes the first or smallest option. So every value is finite, and a shorter list gives a
 * smaller value.
 */
export function made(schema: ApiSchema, name: string, most = 300): fc.Arbitrary<unknown> {
  const definitions = schema.definitions as Record<string, Schema>;
  const choices = fc.array(fc.nat({ max: 255 }), { maxLength: most, size: "max" });
  return (
    choices
      .map((list) => new Maker(definitions, list).make({ $ref: `#/$defs/${name}` }))
      // A few values are invalid, because two parts of an `allOf` define the same property differently.
      .filter((one) => schema.isValid(name, one))
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

  /** Returns the next choice, from 0 to `count - 1`. In values nested deeper than 40 levels, returns 0 to end recursion. */
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
    return this.#oneOf(TEXTS); // the schema allows any value
  }

  #definition($ref: string): Schema {
    return this.#definitions[$ref.slice("#/$defs/".length)]!;
  }

  #alternative(schemas: readonly Schema[]): Schema {
    const read = schemas.filter(({ $ref }) => READ.has($ref!));
    return this.#oneOf(read.length > 0 && this.#choose(2) === 0 ? read : schemas);
  }

  /** Returns one object that fits all of these schemas. A schema may have an `allOf` itself. */
  #object(schemas: readonly Schema[]): Record<string, unknown> {
    const parts = schemas.flatMap(({ $ref, allOf, ...schema }) => [
      schema as Schema,
      ...(allOf ?? []).map((part) => (part.$ref ? this.#definition(part.$ref) : part)),
    ]);
    const properties: Record<string, Schema> = {};
    for (const part of parts) {
      for (const [key, schema] of Object.entries(part.properties ?? {})) {
        // Two parts of the `allOf` can define the same property. The later definition replaces the earlier one, because the
        // later one is nearly always stricter in OpenAI's schema. `made` removes the few values that become invalid.
        properties[key] = schema;
      }
    }
    const required = new Set(parts.flatMap((part) => part.required ?? []));
    // In the definition of one event, `required` names a property that `properties` does not define.
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
