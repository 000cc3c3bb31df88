/** Tables of texts with their outcome marked in them: a row a rule, several texts a row. */
import { describe, expect, test } from "vitest";
import type { Annotation, ContainerFile } from "../../src/types.js";
import { file, marked, resolved } from "./forms.js";

interface Text {
  text: string;
  files?: string[];
  /** What the API cited: the text it covers, at its first place, and the file. */
  cited?: [spelled: string, path: string][];
}

export interface Row {
  rule: string;
  /** Paths below `/mnt/data`; `user:` before one makes it an upload, `@far` behind it puts it into that container. */
  files?: string[];
  /** Marked as `marked` in forms.ts says; what is not marked must not be cited. */
  texts: (string | Text)[];
}

/** The tests of a table. The files are `a.csv` where neither the row nor the text says which. */
export function describeRows(table: readonly Row[]): void {
  describe.each(table)("$rule", ({ files: rowFiles = ["a.csv"], texts }) => {
    test.each(texts.map((row) => (typeof row === "string" ? { text: row } : row)))("$text", (row: Text) => {
      const files = (row.files ?? rowFiles).map(listed);
      const { text, outcome } = marked(row.text, files[0]?.id.slice("cfile_".length));
      expect(resolved(text, files, given(text, row.cited ?? []))).toEqual(outcome);
    });
  });
}

function listed(name: string): ContainerFile {
  const [, user, path, container] = /^(user:)?(.*?)(?:@(\w+))?$/.exec(name)!;
  const more = { ...(user && { source: "user" }), ...(container && { container_id: container }) };
  return file(path!, { ...more, id: `cfile_${container ? `${path}@${container}` : path}` });
}

/** A citation as the API made it. */
function given(text: string, cited: [string, path: string][]): Annotation[] {
  return cited.map(([spelled, path]) => ({
    type: "container_file_citation",
    container_id: "cntr_1",
    file_id: `cfile_${path}`,
    filename: path.split("/").at(-1)!,
    start_index: text.indexOf(spelled),
    end_index: text.indexOf(spelled) + spelled.length,
  }));
}
