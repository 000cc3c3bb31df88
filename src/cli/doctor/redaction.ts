/**
 * Removes personal data from recorded requests and responses. A field, a header or a piece of a URL is kept only if it is in one
 * of the lists below. Each id is replaced by the same new id everywhere, so that a reader still sees which parts belong together.
 * This file is long because it lists everything that is kept.
 */
import { isRecord } from "../../errors.js";

export const REMOVED = "(removed)";

/** The headers whose values are kept. A value is kept only if it matches the header's pattern. */
const HEADERS: ReadonlyMap<string, RegExp> = new Map([
  ["content-type", /^[\w.+-]+\/[\w.+-]+$/],
  ["content-length", /^\d+$/],
  ["content-encoding", /^[\w-]+$/],
  ["transfer-encoding", /^[\w-]+$/],
  ["retry-after", /^\d+$/],
  ["openai-processing-ms", /^\d+$/],
  ["openai-version", /^\d{4}-\d\d-\d\d$/],
]);

/**
 * Request headers that a recording keeps without their values. A request header in `HEADERS` is kept with its value, if the
 * value matches the pattern and needs no redaction. All other request headers are left out, because even their names may be
 * personal.
 */
const NAMED = new Set(["authorization", "api-key", "openai-organization", "openai-project"]);

const setOf = (names: string): ReadonlySet<string> => new Set(names.trim().split(/\s+/));

/** Fields whose texts are kept. The ids and secrets in these texts are replaced. */
const TEXTS = setOf(`
  type status object role text delta code logs path filename source message param reason event input effort verbosity
  phase anchor memory_limit service_tier truncation tool_choice finish_reason`);

/** Fields whose objects and arrays are kept. The fields inside them are redacted by the same rules. */
const STRUCTURES = setOf(`
  response output content item part annotations annotation error errors tools container outputs data usage include
  input_tokens_details output_tokens_details incomplete_details reasoning text action environment summary
  expires_after stream_options format`);

/** Fields whose numbers are kept. */
const NUMBERS =
  /^(?:\w+_)?(?:at|index|number|tokens|bytes|minutes|status|p|logprobs|temperature|calls|delay)$/;

/** Matches the field names that the recording keeps. Other names may hold personal data. */
const FIELD = /^[a-z][a-z0-9_]{0,39}$/;

const ID_FIELD = /^(?:id|\w+_ids?|container|after)$/;
/** Matches the prefix that an id keeps when it is replaced: `cfile_68c2…` becomes `cfile_1`. */
const PREFIX = /^(resp|msg|rs|ci|cntr|cfile|file|sess|call|sh|sho|conv|req|ig)[_-]/;
/** The shortest id that is replaced inside of texts. A shorter id is replaced only in a field that holds an id. */
const SHORTEST_ID = 8;

/** The path segments and the query parameters that a recorded URL keeps. All others may contain personal data. */
const SEGMENTS = setOf("models responses containers files content conversations items input_items");
const PARAMETERS = setOf("limit order include[] include stream starting_after");

const WORD = /[\w*+@-]+(?:\.[\w*+@-]+)*/g;
/** Patterns of words that are always removed from texts, such as keys, ids and addresses, even if they are not known secrets. */
const PERSONAL_WORDS = [
  /^(?:sk|pk|rk|whsec|org|proj|user|acct|asst|key)[-_][\w*]{3}/i,
  /^eyJ[\w-]{8}/,
  /@/,
  /^\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}$/,
  /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/i,
  /^(?:resp|msg|rs|ci|cntr|cfile|file|req)[_-][A-Za-z\d]{16}/,
];
const BEARER = /\bBearer \S+/gi;
const URL_IN_TEXT = /\bhttps?:\/\/[^\s"'<>)\]]+/gi;

/** The host that replaces all hosts in a recording, except OpenAI's. */
const OTHER_HOST = "host.invalid";
const OPENAI_MODEL =
  /^(?:openai\/)?(?:gpt-|chatgpt-|o)\d+(?:\.\d+)?[a-z]?(?:-(?:\d+|chat|codex|latest|max|mini|nano|preview|pro|turbo))*$/;
const OPENAI_HOST = /^(?:[a-z]{2}\.)?api\.openai\.com$/;

/**
 * The minimum length of a secret that is removed from texts. This limit is for secrets that are certainly personal, such as the
 * key, the host, a request header, or a response header about an account.
 */
const SHORTEST_OWN = 3;
/**
 * The minimum length of all other secrets: the values of other response headers, and single words in the value of any header.
 * This limit is higher than `SHORTEST_OWN`, because these values and words may be harmless.
 */
const SHORTEST_OTHER = 8;

export class Redaction {
  readonly #base: URL;
  readonly #secrets = new Set<string>();
  readonly #ids = new Map<string, string>();
  readonly #counts = new Map<string, number>();
  /**
   * The texts that `text()` replaces, with their replacements, longest text first. The next call computes them if they are
   * `undefined`. Each new secret or id makes them `undefined`.
   */
  #replacements: readonly [string, string][] | undefined;

  /**
   * @param model the model that got the requests. The name of an OpenAI model is kept. Any other name is removed, because the
   * user may have chosen it.
   * @param secrets texts that must not be in the recording, such as the key.
   */
  constructor(baseURL: string, model: string, secrets: readonly (string | undefined)[]) {
    this.#base = new URL(baseURL);
    for (const secret of secrets) this.#hide(secret?.trim() ?? "", SHORTEST_OWN);
    if (!this.#isOpenAIModel(model)) this.#hide(model, SHORTEST_OWN);
    const { host, hostname, pathname } = this.#base;
    if (OPENAI_HOST.test(hostname)) return;
    for (const name of [host, hostname, ...personalSegments(pathname)]) this.#hide(name, SHORTEST_OWN);
  }

  /**
   * Learns which values and names of headers must be removed from texts. `isOwn` is true for the headers of a request. Call this
   * method for the headers of all requests and responses before you redact anything.
   */
  learnHeaders(headers: Headers, isOwn: boolean): void {
    for (const [name, value] of headers) {
      if (HEADERS.get(name)?.test(mainPart(value))) continue;
      if (isOwn && !NAMED.has(name)) this.#hide(name, SHORTEST_OWN);
      const isPersonal = isOwn || /organization|project|cookie|account|user/.test(name);
      this.#hide(value, isPersonal ? SHORTEST_OWN : SHORTEST_OTHER);
      for (const part of value.split(/[\s;,=]+/)) this.#hide(part, SHORTEST_OTHER);
    }
  }

  /** Learns the ids in a parsed body. Call it for all bodies before you redact anything. */
  learnIds(value: unknown, field = ""): void {
    if (typeof value === "string") {
      if (ID_FIELD.test(field)) this.#idFor(value, field);
    } else if (Array.isArray(value)) {
      for (const entry of value) this.learnIds(entry, field);
    } else if (isRecord(value)) {
      for (const [name, inner] of Object.entries(value)) this.learnIds(inner, fieldIn(value, name));
    }
  }

  headers(headers: Headers, isOwn: boolean): Record<string, string> {
    const kept: Record<string, string> = {};
    for (const [name, value] of headers) {
      const main = mainPart(value);
      if (HEADERS.get(name)?.test(main) && this.text(main) === main) kept[name] = main;
      else if (isOwn ? NAMED.has(name) : this.text(name) === name) kept[name] = REMOVED;
    }
    return kept;
  }

  url(url: string): string {
    const { hostname, pathname: basePath } = this.#base;
    const { pathname, searchParams } = new URL(url);
    const base = OPENAI_HOST.test(hostname) ? `https://${hostname}/v1` : `https://${OTHER_HOST}/v1`;
    const segments = pathname
      .slice(basePath.replace(/\/+$/, "").length)
      .split("/")
      .map((segment, at, all) => this.#segment(segment, all[at - 1]));
    const parameters = [...searchParams].map(([name, value]) => {
      if (name === "after") return `after=${this.#idFor(value, "after")}`;
      return PARAMETERS.has(name) && /^[\w.]{1,40}$/.test(value) ? `${name}=${this.text(value)}` : "";
    });
    const search = parameters.filter(Boolean).join("&");
    return `${base}${segments.join("/")}${search && "?"}${search}`;
  }

  /**
   * Returns a copy of a parsed body. Each id is replaced by a new id. Fields that are known to be harmless keep their values, but
   * secrets and ids inside their texts are replaced. All other values except `null`, booleans and empty values are replaced by
   * `REMOVED`.
   */
  json(value: unknown): unknown {
    return this.#json(value, "", "");
  }

  /** Returns a text in which the secrets, ids and addresses are replaced. */
  text(text: string): string {
    let kept = text.replace(URL_IN_TEXT, (url) => withoutHost(url));
    for (const [from, to] of this.#allReplacements()) kept = kept.replaceAll(from, to);
    return kept
      .replace(BEARER, REMOVED)
      .replace(WORD, (word) => (PERSONAL_WORDS.some((pattern) => pattern.test(word)) ? REMOVED : word));
  }

  #segment(segment: string, before: string | undefined): string {
    if (segment === "" || SEGMENTS.has(segment)) return segment;
    const name = decoded(segment);
    return before === "models" ? this.#model(name) : this.#idFor(name, "id");
  }

  #model(name: string): string {
    return this.#isOpenAIModel(name) ? this.text(name) : REMOVED;
  }

  /**
   * Returns whether `name` is the name of an OpenAI model. With OpenAI's own server, this is any name without special characters.
   * On other servers, users may choose names, so only names of known forms are accepted. The name of a fine-tuned model has a
   * colon and is never accepted.
   */
  #isOpenAIModel(name: string): boolean {
    return OPENAI_MODEL.test(name) || (OPENAI_HOST.test(this.#base.hostname) && /^[\w.-]+$/.test(name));
  }

  /** Returns the new id that replaces an id. An id is always replaced by the same new id. */
  #idFor(id: string, field: string): string {
    if (id === "") return "";
    const known = this.#ids.get(id);
    if (known !== undefined) return known;
    const prefix =
      PREFIX.exec(id)?.[1] ?? { container_id: "cntr", container: "cntr", file_id: "cfile" }[field] ?? "id";
    const count = (this.#counts.get(prefix) ?? 0) + 1;
    this.#counts.set(prefix, count);
    const alias = `${prefix}_${count}`;
    this.#ids.set(id, alias);
    this.#replacements = undefined;
    return alias;
  }

  #hide(secret: string, shortest: number): void {
    if (secret.length < shortest) return;
    this.#secrets.add(secret);
    this.#replacements = undefined;
  }

  #allReplacements(): readonly [string, string][] {
    if (this.#replacements) return this.#replacements;
    const ids = [...this.#ids].filter(([id]) => id.length >= SHORTEST_ID);
    const secrets = Array.from(this.#secrets, (secret): [string, string] => [secret, REMOVED]);
    const all = [...ids, ...secrets].flatMap(([from, to]): [string, string][] => {
      const encoded = encodeURIComponent(from);
      return encoded === from
        ? [[from, to]]
        : [
            [from, to],
            [encoded, to],
          ];
    });
    this.#replacements = all.sort(([a], [b]) => b.length - a.length);
    return this.#replacements;
  }

  #json(value: unknown, field: string, parent: string): unknown {
    if (value === null || typeof value === "boolean") return value;
    if (typeof value === "number") {
      return NUMBERS.test(field) && !this.#secrets.has(String(value)) ? value : REMOVED;
    }
    if (typeof value === "string") return this.#string(value, field, parent);
    if (Array.isArray(value)) {
      return isKept(field) || value.length === 0
        ? value.map((entry) => this.#json(entry, field, parent))
        : REMOVED;
    }
    if (!isRecord(value)) return REMOVED;
    return isKept(field) || Object.keys(value).length === 0 ? this.#object(value) : REMOVED;
  }

  #object(value: Record<string, unknown>): Record<string, unknown> {
    const type = typeof value.type === "string" ? value.type : "";
    const entries = Object.entries(value).map(([name, inner]) => {
      const isName = FIELD.test(name) && this.text(name) === name;
      return [
        isName ? name : REMOVED,
        this.#json(inner, isName ? fieldIn(value, name) : UNKNOWN, type),
      ] as const;
    });
    return Object.fromEntries(entries);
  }

  #string(value: string, field: string, parent: string): string {
    if (value === "") return value;
    if (field === "model") return this.#model(value);
    if (ID_FIELD.test(field)) return this.#idFor(value, field);
    // The model's reasoning is removed, because it may repeat secret instructions that a gateway added to the request.
    if (/reasoning|summary/.test(parent) && (field === "text" || field === "delta")) return REMOVED;
    return TEXTS.has(field) || field === "include" ? this.text(value) : REMOVED;
  }
}

/** Returns whether an object or array in a field is kept. `field` is empty for the whole body. */
function isKept(field: string): boolean {
  return field === "" || STRUCTURES.has(field) || TEXTS.has(field) || ID_FIELD.test(field);
}

/** Stands for a field name that was removed. No list above has this name, so the field's value is redacted too. */
const UNKNOWN = "?";

/**
 * Returns the field name that decides what is kept. Usually returns `name` unchanged. The `id` of a model object is an exception:
 * for this field, returns `model`, because the field holds the name of a model.
 */
function fieldIn(object: Record<string, unknown>, name: string): string {
  return name === "id" && object.object === "model" ? "model" : name;
}

/** Returns the segments of a base URL's path that may contain the user's own names, such as the name of a project. */
function personalSegments(pathname: string): string[] {
  return pathname.split("/").filter((segment) => !/^(?:v\d+|api|openai|projects)$/.test(segment));
}

/** Returns a header's value without its parameters. */
function mainPart(value: string): string {
  return value.split(";")[0]!.trim();
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

/** Returns a URL below openai.com without its query. For any other URL, returns the URL of a host that does not exist. */
function withoutHost(url: string): string {
  const { hostname, origin, pathname } = URL.canParse(url) ? new URL(url) : new URL(`https://${OTHER_HOST}`);
  return /(?:^|\.)openai\.com$/.test(hostname) ? origin + pathname : `https://${OTHER_HOST}`;
}
