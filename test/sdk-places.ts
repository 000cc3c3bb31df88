/** Finds the places in the types of an installed openai SDK that can hold a container file citation or a container id. */
import { readdirSync, readFileSync } from "node:fs";
import { join, relative, resolve, sep } from "node:path";
import {
  type ClassDeclaration,
  type InterfaceDeclaration,
  isClassDeclaration,
  isInterfaceDeclaration,
  isModuleDeclaration,
  isPropertyDeclaration,
  isPropertySignatureDeclaration,
  isTypeAliasDeclaration,
  isTypeLiteralNode,
  type Node,
  type PropertyDeclaration,
  type PropertySignatureDeclaration,
  type TypeAliasDeclaration,
} from "typescript/unstable/ast";
import { API, type Checker, type Symbol as CompilerSymbol, type Type } from "typescript/unstable/sync";

/** Returns the folder of the newest openai SDK among the dependencies of the package in `folder`. */
export function newestSdkIn(folder: string): string {
  const { dependencies, devDependencies } = manifestIn(folder);
  const names = Object.entries({ ...dependencies, ...devDependencies })
    .filter(([name, range]) => name === "openai" || range.startsWith("npm:openai@"))
    .map(([name]) => join(folder, "node_modules", name));
  const newestFirst = names
    .map((sdk) => ({ sdk, version: manifestIn(sdk).version }))
    .sort((a, b) => b.version.localeCompare(a.version, "en", { numeric: true }));
  return newestFirst[0]!.sdk;
}

interface Manifest {
  version: string;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
}

function manifestIn(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
}

/**
 * Returns the properties in the SDK's types that can hold a citation or a container id: a sorted list of strings of the form
 * `file: namespace.type.property`. There are three kinds of properties:
 *
 * - `container_id`
 * - `annotations`, if its elements can have a `container_id`
 * - a property whose value is a text with such annotations, or a list of such texts
 */
export function placesIn(sdkFolder: string): string[] {
  const folder = resolve(sdkFolder);
  const files = declarationFilesIn(folder);
  const config = join(folder, "tsconfig.surface.json");
  const options = { strict: true, noEmit: true, module: "nodenext", target: "es2022", types: [] };
  // The compiler opens only projects, so it gets the text of a project file that does not exist on disk.
  const text = JSON.stringify({ compilerOptions: options, files });
  const api = new API({
    cwd: folder,
    fs: {
      readFile: (path) => (path === config ? text : undefined),
      fileExists: (path) => (path === config ? true : undefined),
    },
  });
  try {
    const { program, checker } = api.updateSnapshot({ openProjects: [config] }).getProject(config)!;
    const finder = new PlaceFinder(checker);
    const places = files.flatMap((file) => {
      const name = relative(folder, file).split(sep).join("/");
      return finder.placesIn(program.getSourceFile(file)!).map((place) => `${name}: ${place}`);
    });
    return [...new Set(places)].sort();
  } finally {
    api.close();
  }
}

function declarationFilesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".d.ts") && !/^(?:src|_vendor|node_modules)\b/.test(file))
    .map((file) => join(folder, file));
}

/**
 * A node of the syntax tree. `name` consists of the names of the enclosing namespaces, types and properties, and the node's own
 * name.
 */
interface NamedNode {
  name: string;
  node: Node;
}

/** Returns the interfaces, classes, aliases, object types and properties below a node of the syntax tree. */
function namedNodesIn(node: Node, namespace = ""): NamedNode[] {
  const found: NamedNode[] = [];
  node.forEachChild((child) => {
    const name = [namespace, nameOf(child)].filter(Boolean).join(".");
    if (isType(child) || isProperty(child) || isTypeLiteralNode(child)) found.push({ name, node: child });
    found.push(...namedNodesIn(child, name));
  });
  return found;
}

function nameOf(node: Node): string | undefined {
  return isType(node) || isProperty(node) || isModuleDeclaration(node) ? node.name?.getText() : undefined;
}

function isType(node: Node): node is InterfaceDeclaration | ClassDeclaration | TypeAliasDeclaration {
  return isInterfaceDeclaration(node) || isClassDeclaration(node) || isTypeAliasDeclaration(node);
}

function isProperty(node: Node): node is PropertySignatureDeclaration | PropertyDeclaration {
  return isPropertySignatureDeclaration(node) || isPropertyDeclaration(node);
}

class PlaceFinder {
  readonly #checker: Checker;
  /** The results of `#isCitedText`, by the type's id. */
  readonly #isCited = new Map<number, boolean>();

  constructor(checker: Checker) {
    this.#checker = checker;
  }

  placesIn(file: Node): string[] {
    const named = namedNodesIn(file);
    if (named.length === 0) return [];
    const types = this.#checker.getTypeAtLocation(
      named.map(({ node }) => (isType(node) && node.name) || node),
    );
    return named.flatMap(({ name, node }, index) => {
      const type = types[index];
      if (!type) return [];
      if (isProperty(node)) return this.#holdsText(type) ? [name] : [];
      return this.#ownPlacesOf(type).map((property) => `${name}.${property}`);
    });
  }

  #ownPlacesOf(type: Type): string[] {
    // A union has no places of its own, because each of its members is visited separately.
    if (type.isUnionType()) return [];
    const places = this.#has(type, "container_id") ? ["container_id"] : [];
    return this.#isCitedText(type) ? [...places, "annotations"] : places;
  }

  /** Returns whether values of the type can be a text with citations, or a list that can contain such texts. */
  #holdsText(type: Type): boolean {
    return this.#membersOf(type).some(
      (member) =>
        this.#isCitedText(member) || this.#elementsOf(member).some((element) => this.#isCitedText(element)),
    );
  }

  /** Returns whether a type has `annotations` that can name a container. */
  #isCitedText(type: Type): boolean {
    const known = this.#isCited.get(type.id);
    if (known !== undefined) return known;
    const annotations = this.#has(type, "annotations");
    const list = annotations && this.#checker.getTypeOfSymbol(annotations);
    const elements = list ? this.#membersOf(list).flatMap((member) => this.#elementsOf(member)) : [];
    const isCited = elements.some((element) => this.#has(element, "container_id"));
    this.#isCited.set(type.id, isCited);
    return isCited;
  }

  #has(type: Type, property: string): CompilerSymbol | undefined {
    return type.isObjectType() || type.isIntersectionType()
      ? this.#checker.getPropertyOfType(type, property)
      : undefined;
  }

  #membersOf(type: Type): readonly Type[] {
    return type.isUnionType() ? type.getTypes() : [type];
  }

  #elementsOf(list: Type): readonly Type[] {
    if (!list.isTypeReference() || !this.#checker.isArrayLikeType(list)) return [];
    return this.#checker.getTypeArguments(list).flatMap((type) => this.#membersOf(type));
  }
}
