/** What a link to a file says, signed so that nobody can change it: a JWT (HS256). */
import { errors, jwtVerify, SignJWT } from "jose";
import { isId } from "../responses/ids.js";

/** What a link is signed over, besides its expiry. */
export interface LinkedFile {
  containerId: string;
  fileId: string;
  name: string;
}

/** So that no other token that happens to be signed with the same secret is taken for a link. */
const AUDIENCE = "openai-file-citations";
const ALGORITHM = "HS256";
/** A shorter key is easier to guess than the signature (RFC 7518, 3.2). */
const LEAST_SECRET_BYTES = 32;

/** The keys that one or several secrets are. Throws a `TypeError` for what is none. */
export function keysOf(secret: unknown): Uint8Array[] {
  const secrets: unknown[] = Array.isArray(secret) ? secret : [secret];
  const keys = secrets.map((one) => (typeof one === "string" ? new TextEncoder().encode(one) : one));
  const isKey = (key: unknown): key is Uint8Array =>
    key instanceof Uint8Array && key.length >= LEAST_SECRET_BYTES;
  if (keys.length > 0 && keys.every(isKey)) return keys;
  // What it got is not shown: it may be a secret that is only too short.
  throw new TypeError(`options.secret must be ${LEAST_SECRET_BYTES} bytes or more, or an array of such`);
}

/** A token that stands for a file, for so many seconds. */
export function signed(file: LinkedFile, key: Uint8Array, expiresIn: number): Promise<string> {
  return new SignJWT({ c: file.containerId, f: file.fileId, n: file.name })
    .setProtectedHeader({ alg: ALGORITHM })
    .setAudience(AUDIENCE)
    .setExpirationTime(Math.ceil(Date.now() / 1000 + expiresIn))
    .sign(key);
}

/** The file that a token stands for, if it was signed with one of the keys. */
export async function verified(
  token: string,
  keys: readonly Uint8Array[],
): Promise<LinkedFile | "expired" | "forged"> {
  for (const key of keys) {
    try {
      const { payload } = await jwtVerify(token, key, {
        algorithms: [ALGORITHM],
        audience: AUDIENCE,
        requiredClaims: ["exp"],
      });
      const { c: containerId, f: fileId, n: name } = payload;
      return isId(containerId) && isId(fileId) && typeof name === "string"
        ? { containerId, fileId, name }
        : "forged";
    } catch (error) {
      if (error instanceof errors.JWTExpired) return "expired";
      // Another key may have signed it. Whatever else is wrong with it, no key makes right.
      if (!(error instanceof errors.JWSSignatureVerificationFailed)) return "forged";
    }
  }
  return "forged";
}
