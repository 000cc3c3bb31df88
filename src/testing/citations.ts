/** Adds the citations that the real API would add: for `sandbox:` links and for charts. */
import type { Container, EmulatedFile } from "./containers.js";
import type { ContainerFileCitation, IndexUnit } from "./wire.js";

// The label must not contain brackets: no recording shows that the service annotates a link or image with brackets in its label.
const LINK_START = /\[[^[\]]*\]\((?=sandbox:\/)/g;
/** Matches what follows a link's destination: an optional title and the closing parenthesis. */
const LINK_END = /(?:[ \t\n]+(?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|\((?:\\.|[^()\\])*\))[ \t\n]*)?\)/y;
const SCHEME = "sandbox:";

/**
 * Returns the citations that the service itself would add to a text. It cites a Markdown link or image if the destination
 * is `sandbox:` and the exact path of a file in one of the containers.
 *
 * @param containers the containers to search, in this order.
 * @param unit the unit of the ranges.
 */
export function citeSandboxLinks(
  text: string,
  containers: readonly Container[],
  unit: IndexUnit,
): ContainerFileCitation[] {
  const indexOf =
    unit === "utf-16" ? (offset: number) => offset : (offset: number) => countCodePoints(text, offset);
  const citations: ContainerFileCitation[] = [];
  for (const match of text.matchAll(LINK_START)) {
    const start = match.index + match[0].length;
    const found = fileAt(text, start + SCHEME.length, containers);
    if (found === undefined) continue;
    const end = start + SCHEME.length + found.file.path.length;
    citations.push(cite(found.container, found.file, indexOf(start), indexOf(end)));
  }
  return citations;
}

/** Returns the citation of a chart. Its range is 0..0, because it refers to no place in the text. */
export function citeChart(container: Container, file: EmulatedFile): ContainerFileCitation {
  return cite(container, file, 0, 0);
}

function fileAt(text: string, start: number, containers: readonly Container[]) {
  for (const container of containers) {
    // Tries the longest path first: in `(sandbox:/mnt/data/a) b)`, the file names `a` and `a) b` are both followed by `)`.
    const file = container.files
      .toSorted((a, b) => b.path.length - a.path.length)
      .find(({ path }) => text.startsWith(path, start) && endsLink(text, start + path.length));
    if (file !== undefined) return { container, file };
  }
  return undefined;
}

function endsLink(text: string, at: number): boolean {
  LINK_END.lastIndex = at;
  return LINK_END.test(text);
}

function cite(container: Container, file: EmulatedFile, start: number, end: number): ContainerFileCitation {
  return {
    type: "container_file_citation",
    container_id: container.id,
    end_index: end,
    file_id: file.id,
    filename: file.path.slice(file.path.lastIndexOf("/") + 1),
    start_index: start,
  };
}

/** Returns how many code points precede an offset in UTF-16 units. */
function countCodePoints(text: string, end: number): number {
  return [...text.slice(0, end)].length;
}
