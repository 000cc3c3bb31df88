/** Downloads the file that Python wrote, and checks each of its bytes. */
import { saveFiles } from "../../files/save.js";
import type { ContainerFile, ContainerFileCitation } from "../../types.js";
import { Api, type Connection } from "../api.js";
import { type Finding, failed, ok, warning } from "./check.js";
import { BYTES, FILENAME } from "./task.js";

type Fetch = typeof globalThis.fetch;

/** Downloads the file with `saveFiles`, and compares its bytes with those that Python should have written. */
export async function checkDownload(
  connection: Connection,
  { fetch, signal }: { fetch: Fetch; signal: AbortSignal },
  citation: Pick<ContainerFileCitation, "container_id" | "file_id">,
  listed: ContainerFile | undefined,
): Promise<Finding> {
  const { key = "none", baseURL, headers } = connection;
  const api = new Api({ key, baseURL, headers, fetch });
  const annotations = [{ type: "container_file_citation", filename: FILENAME, ...citation }];
  const content = [{ type: "output_text", text: "", annotations }];
  let bytes = new Uint8Array();
  const { failed: errors } = await saveFiles(
    api,
    { output: [{ type: "message", content }] },
    async (_, stream) => {
      bytes = new Uint8Array(await new Response(stream).arrayBuffer());
    },
    { signal, retries: 1 },
  );
  signal.throwIfAborted();
  if (errors[0]) return failed(errors[0].error.message, adviceFor(errors[0].error));
  return compared(bytes, listed);
}

function adviceFor(error: Error): string {
  // For a 404, `saveFiles` returns a new error. The `cause` of this new error is the original error, which has the status.
  const { status } = (error.cause ?? error) as { status?: unknown };
  if (status === 404) {
    return "The container has expired, or the server has no route for the content of files. See the file list above.";
  }
  if (status === 401 || status === 403)
    return "The key may not download files of containers. See the file list above.";
  return "Run the command again later.";
}

function compared(bytes: Uint8Array, listed: ContainerFile | undefined): Finding {
  const differs = BYTES.findIndex((byte, at) => bytes[at] !== byte);
  if (differs < 0 && bytes.length === BYTES.length)
    return ok(`${bytes.length} bytes, the same as Python wrote`);
  const seen =
    bytes.length === BYTES.length
      ? `the bytes differ, starting with byte ${differs + 1}`
      : `${bytes.length} bytes, but Python should have written ${BYTES.length}`;
  if (listed?.bytes === bytes.length && bytes.length !== BYTES.length) {
    return warning(
      `${seen}; the list also says ${bytes.length}`,
      "The model changed the code. Run the command again.",
    );
  }
  return failed(
    seen,
    "Something between you and the API changes files, for example by reading them as text. Download without it.",
  );
}
