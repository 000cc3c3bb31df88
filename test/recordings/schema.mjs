/**
 * Makes `schema.json`, a JSON Schema of responses, their items, stream events and containers, from the types of the newest
 * installed `openai` package.
 *
 *     node test/recordings/schema.mjs            # writes schema.json
 *     node test/recordings/schema.mjs --check    # fails if schema.json is not what the script makes
 *
 * The schema is stricter than the types in two ways: it allows no additional properties, and indices and sequence numbers are
 * integers. In other ways, the schema is less strict, because the service does not always follow the types: see `NOT_ALWAYS`,
 * `serviceProperties` and `#objectSchema`.
 *
 * Uses the compiler API of TypeScript 7, the version in this repository. Packages that generate a JSON Schema need TypeScript
 * 5 or 6. The compiler API is not stable yet: a new version of TypeScript may rename its functions.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { API, SymbolFlags, TypeFlags } from "typescript/unstable/sync";

const folder = fileURLToPath(new URL("./", import.meta.url));

/** Properties that the types require and responses can lack: `output_text`, which only the SDK adds, and two new properties. */
const NOT_ALWAYS = new Set(["output_text", "access_programs", "cache_write_tokens"]);

/** Returns the properties that the service sends and the types lack. `type` is the value of the object's `type` property. */
function serviceProperties(name, type, properties) {
  return {
    ...(/^(Beta)?Response$/.test(name) && { billing: { type: "object" }, store: { type: "boolean" } }),
    // Azure sends this property.
    ...(type === "container_file_citation" && { index: { type: "null" } }),
    // Any delta event can have this property, but only some of the event types declare it.
    ...(type?.endsWith(".delta") && { obfuscation: { type: "string" } }),
    // Over a WebSocket, each event of a response has the `stream_id` of its request.
    ...("sequence_number" in properties && { stream_id: { type: "string" } }),
  };
}

class Schema {
  /** The definitions by name. */
  definitions = new Map();
  #checker;
  /**
   * Maps each name to the id of its type, to detect two types with the same name. A name is added before the definition is
   * made, because a type can contain itself.
   */
  #named = new Map();

  constructor(checker) {
    this.#checker = checker;
  }

  /** Returns the schema of a type. If the type has a name, the schema is a reference to its definition. */
  of(type) {
    const name = this.#nameOf(type);
    if (!name) return this.#made(type);
    if (!this.#named.has(name)) {
      this.#named.set(name, type.id);
      this.definitions.set(name, this.#made(type, name));
    }
    if (this.#named.get(name) !== type.id) throw new Error(`two types are called ${name}`);
    return { $ref: `#/$defs/${name}` };
  }

  /** Returns the name of a type with its namespaces, or `undefined` if the type has no name, is generic or is an array. */
  #nameOf(type) {
    if (type.getAliasTypeArguments().length > 0 || this.#checker.isArrayType(type)) return undefined;
    let symbol = type.getAliasSymbol() ?? (type.isObjectType() ? type.getSymbol() : undefined);
    const names = [];
    // Goes up through the namespaces to the module. A module's name is a file path, so the regular expression does not match it.
    // The symbol of an unnamed type has the name `__type`.
    for (; symbol && /^\w+$/.test(symbol.name); symbol = symbol.getParent()) names.unshift(symbol.name);
    return names[0]?.startsWith("__") ? undefined : names.join(".") || undefined;
  }

  #made(type, name) {
    const { flags } = type;
    if (flags & (TypeFlags.Any | TypeFlags.Unknown)) return {};
    if (flags & TypeFlags.Null) return { type: "null" };
    if (flags & TypeFlags.BooleanLiteral) return { enum: [this.#checker.typeToString(type) === "true"] };
    if (type.isLiteralType()) return { enum: [type.value] };
    if (flags & TypeFlags.String) return { type: "string" };
    if (flags & TypeFlags.Number) return { type: "number" };
    if (flags & TypeFlags.Boolean) return { type: "boolean" };
    if (type.isUnionType()) return this.#unionSchema(type.getTypes());
    // In a union such as `"a" | (string & {})`, the intersection stands for any string.
    if (type.isIntersectionType() && type.getTypes().some((one) => one.flags & TypeFlags.String)) {
      return { type: "string" };
    }
    if (this.#checker.isArrayType(type)) {
      return { type: "array", items: this.of(this.#checker.getTypeArguments(type)[0]) };
    }
    if (type.isObjectType() || type.isIntersectionType()) return this.#objectSchema(type, name);
    throw new Error(`no JSON Schema is known for the type ${this.#checker.typeToString(type)}`);
  }

  /** Returns the schema of a union. The order of the alternatives does not depend on the compiler. Literals become one `enum`. */
  #unionSchema(types) {
    const schemas = types.filter(({ flags }) => !(flags & TypeFlags.Undefined)).map((type) => this.of(type));
    const others = schemas.filter((schema) => !schema.enum).sort(byText);
    const isString = others.some(({ type }) => type === "string");
    const literals = schemas
      .flatMap((schema) => schema.enum ?? [])
      .filter((value) => !(isString && typeof value === "string"));
    if (literals.includes(true) && literals.includes(false)) return alternatives([...others, BOOLEAN]);
    return alternatives([...(literals.length > 0 ? [{ enum: literals.sort() }] : []), ...others]);
  }

  /** Returns the schema of an object. A property that is not required may be null, because the service sends null for it. */
  #objectSchema(type, name) {
    const properties = {};
    const required = [];
    for (const symbol of this.#checker.getPropertiesOfType(type)) {
      const isOptional = (symbol.flags & SymbolFlags.Optional) !== 0 || NOT_ALWAYS.has(symbol.name);
      const schema = numbered(symbol.name, this.of(this.#checker.getTypeOfSymbol(symbol)));
      properties[symbol.name] = isOptional ? orNull(schema) : schema;
      if (!isOptional) required.push(symbol.name);
    }
    Object.assign(properties, serviceProperties(name, properties.type?.enum?.[0], properties));
    const [index] = this.#checker.getIndexInfosOfType(type);
    return {
      type: "object",
      properties,
      required,
      additionalProperties: index ? this.of(index.valueType) : false,
    };
  }
}

const BOOLEAN = { type: "boolean" };

function byText(a, b) {
  return JSON.stringify(a) < JSON.stringify(b) ? -1 : 1;
}

function alternatives(schemas) {
  return schemas.length === 1 ? schemas[0] : { anyOf: schemas };
}

function orNull(schema) {
  const schemas = schema.anyOf ?? [schema];
  const hasNull = schemas.some((one) => one.type === "null") || Object.keys(schema).length === 0;
  return hasNull ? schema : { anyOf: [...schemas, { type: "null" }] };
}

/** Returns the schema of a property. An index and a sequence number are integers, which TypeScript cannot say. */
function numbered(name, schema) {
  const isWhole = schema.type === "number" && /(^|_)index$|^sequence_number$/.test(name);
  return isWhole ? { type: "integer" } : schema;
}

/** Returns the text of `schema.json`, with one definition on each line. */
function made() {
  const api = new API({ cwd: folder });
  try {
    const [project] = api.updateSnapshot({ openProjects: [`${folder}tsconfig.json`] }).getProjects();
    const { checker, program } = project;
    const types = `${folder}types.ts`;
    const at = program.getSourceFile(types).text.indexOf("Definitions");
    const roots = checker.getDeclaredTypeOfSymbol(checker.getSymbolAtPosition(types, at));
    const schema = new Schema(checker);
    for (const root of checker.getPropertiesOfType(roots)) {
      const definition = schema.of(checker.getTypeOfSymbol(root));
      if (!schema.definitions.has(root.name)) schema.definitions.set(root.name, definition);
    }
    const lines = [...schema.definitions]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, definition]) => `${JSON.stringify(name)}: ${JSON.stringify(definition)}`);
    return `{"$schema": "https://json-schema.org/draft/2020-12/schema", "$defs": {\n${lines.join(",\n")}\n}}\n`;
  } finally {
    api.close();
  }
}

const path = `${folder}schema.json`;
const text = made();
if (!process.argv.includes("--check")) {
  writeFileSync(path, text);
} else if (readFileSync(path, "utf8") !== text) {
  console.error("test/recordings/schema.json is not what schema.mjs makes. Run: npm run recordings");
  process.exitCode = 1;
}
