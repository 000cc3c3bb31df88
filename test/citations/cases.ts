/**
 * Converts the rows of a table to test cases. A row has the container's files, and texts in which the expected outcome is marked.
 * This module imports no test runner, so that benchmarks can use the module.
 */
import type { Annotation, ContainerFile } from "../../src/types.js";
import { file, marked, type Outcome } from "./forms.js";

interface Text {
  text: string;
  files?: string[];
  /** The API's citations. Each covers the first occurrence of the text `spelled` and cites the file at `path`. */
  cited?: [spelled: string, path: string][];
}

export interface Row {
  rule: string;
  /** Paths below `/mnt/data`. The prefix `user:` makes a file an upload; the suffix `@far` puts it into the container `far`. */
  files?: string[];
  /** Texts with the marks that `marked` in forms.ts parses. Text without marks must not be cited. */
  texts: (string | Text)[];
}

/** The arguments of the resolver, and the outcome that it must return. */
export interface Case {
  /** The text with its marks. */
  source: string;
  text: string;
  files: ContainerFile[];
  annotations: Annotation[];
  outcome: Outcome;
}

/** Returns the cases of a row. The default for `files` is `a.csv`. */
export function casesOf({ files: rowFiles = ["a.csv"], texts }: Row): Case[] {
  return texts.map((given) => {
    const row = typeof given === "string" ? { text: given } : given;
    const files = (row.files ?? rowFiles).map(listed);
    const { text, outcome } = marked(row.text, files[0]?.id.slice("cfile_".length));
    return { source: row.text, text, files, annotations: annotationsIn(text, row.cited ?? []), outcome };
  });
}

function listed(name: string): ContainerFile {
  const [, user, path, container] = /^(user:)?(.*?)(?:@(\w+))?$/.exec(name)!;
  const more = { ...(user && { source: "user" }), ...(container && { container_id: container }) };
  return file(path!, { ...more, id: `cfile_${container ? `${path}@${container}` : path}` });
}

/** Returns the API's citations of a text. */
function annotationsIn(text: string, cited: [string, path: string][]): Annotation[] {
  return cited.map(([spelled, path]) => ({
    type: "container_file_citation",
    container_id: "cntr_1",
    file_id: `cfile_${path}`,
    filename: path.split("/").at(-1)!,
    start_index: text.indexOf(spelled),
    end_index: text.indexOf(spelled) + spelled.length,
  }));
}
