/** Signs and verifies the tokens in links to files. A token is a JWT (HS256). */
import { errors, jwtVerify, SignJWT } from "jose";
import { isId } from "../containers/ids.js";
import type { ReplacedText } from "../options.js";

/** The file that a token names. A token can also contain an expiry, and the text that the link replaces. */
export interface LinkedFile {
  containerId: string;
  fileId: string;
  name: string;
}

/** Distinguishes the tokens in links from other tokens that are signed with the same secret. */
const AUDIENCE = "openai-file-citations";
const ALGORITHM = "HS256";
/** The minimum length of a key by RFC 7518, 3.2. A shorter key would be easier to guess than the signature. */
const LEAST_SECRET_BYTES = 32;

/** Returns one or several secrets as keys. Throws a `TypeError` if one is invalid or too short. */
export function keysOf(secret: unknown): Uint8Array[] {
  const secrets: unknown[] = Array.isArray(secret) ? secret : [secret];
  const keys = secrets.map((one) => (typeof one === "string" ? new TextEncoder().encode(one) : one));
  const isKey = (key: unknown): key is Uint8Array =>
    key instanceof Uint8Array && key.length >= LEAST_SECRET_BYTES;
  if (keys.length > 0 && keys.every(isKey)) return keys;
  // The message does not show the value: it may be a secret that is only too short.
  throw new TypeError(
    `options.secret must be ${LEAST_SECRET_BYTES} bytes or more, or an array of such secrets`,
  );
}

/**
 * Returns a token for a file. The token is valid for `expiresIn` seconds; with `Infinity`, it never expires. `replaced` is the
 * text that the link replaces, if the text is known.
 */
export function signed(
  file: LinkedFile,
  key: Uint8Array,
  expiresIn: number,
  replaced?: ReplacedText,
): Promise<string> {
  const text = replaced && { t: [replaced.text, replaced.before, replaced.after] };
  const token = new SignJWT({ c: file.containerId, f: file.fileId, n: file.name, ...text })
    .setProtectedHeader({ alg: ALGORITHM })
    .setAudience(AUDIENCE);
  if (expiresIn !== Number.POSITIVE_INFINITY) {
    token.setExpirationTime(Math.ceil(Date.now() / 1000 + expiresIn));
  }
  return token.sign(key);
}

/**
 * Returns the file that a token names, or the reason why the token is not valid. The token may be signed with any of the keys.
 *
 * @param mayBeEndless true if a token without an expiry is valid.
 */
export async function verified(
  token: string,
  keys: readonly Uint8Array[],
  mayBeEndless: boolean,
): Promise<LinkedFile | "expired" | "forged"> {
  for (const key of keys) {
    try {
      const { payload } = await jwtVerify(token, key, {
        algorithms: [ALGORITHM],
        audience: AUDIENCE,
        requiredClaims: mayBeEndless ? [] : ["exp"],
      });
      const { c: containerId, f: fileId, n: name } = payload;
      return isId(containerId) && isId(fileId) && typeof name === "string"
        ? { containerId, fileId, name }
        : "forged";
    } catch (error) {
      if (error instanceof errors.JWTExpired) return "expired";
      // If this key did not sign the token, the next key is tried. All other errors would occur with any key.
      if (!(error instanceof errors.JWSSignatureVerificationFailed)) return "forged";
    }
  }
  return "forged";
}

/**
 * Returns the model's text that a link replaced, if the link's token contains this text. The token may have expired. Returns
 * `undefined` if none of the keys signed the token, or if the token does not contain the text.
 */
export async function replacedBy(
  token: string,
  keys: readonly Uint8Array[],
): Promise<ReplacedText | undefined> {
  for (const key of keys) {
    try {
      const { payload } = await jwtVerify(token, key, {
        algorithms: [ALGORITHM],
        audience: AUDIENCE,
        currentDate: new Date(0),
      });
      const [text, before, after] = Array.isArray(payload.t) ? payload.t : [];
      const isWhole = [text, before, after].every((part) => typeof part === "string");
      return isWhole ? { text, before, after } : undefined;
    } catch {
      // If this key did not sign the token, the next key is tried.
    }
  }
  return undefined;
}
