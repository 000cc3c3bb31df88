import type { Container, EmulatedFile } from "./containers.js";
import type { ContainerFileCitation } from "./wire.js";

// The label holds no bracket: the service was only ever seen to annotate plain links and images.
const LINK_START = /\[[^[\]]*\]\((?=sandbox:\/)/g;
/** Behind the destination: a title, if there is one, and the parenthesis. */
const LINK_END = /(?:[ \t\n]+(?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|\((?:\\.|[^()\\])*\))[ \t\n]*)?\)/y;
const SCHEME = "sandbox:";

/**
 * The citations that the service adds to a text by itself: one for each Markdown link or image whose destination is
 * `sandbox:` and the path of a file in one of the containers, spelled exactly. Everything else it leaves alone.
 *
 * @param containers the one that is asked first comes first.
 */
export function citeSandboxLinks(text: string, containers: readonly Container[]): ContainerFileCitation[] {
  const citations: ContainerFileCitation[] = [];
  for (const match of text.matchAll(LINK_START)) {
    const start = match.index + match[0].length;
    const found = fileAt(text, start + SCHEME.length, containers);
    if (found === undefined) continue;
    const end = start + SCHEME.length + found.file.path.length;
    citations.push(cite(found.container, found.file, codePoints(text, start), codePoints(text, end)));
  }
  return citations;
}

/** A citation of a shown chart: it stands for no place in the text. */
export function citeChart(container: Container, file: EmulatedFile): ContainerFileCitation {
  return cite(container, file, 0, 0);
}

function fileAt(text: string, start: number, containers: readonly Container[]) {
  for (const container of containers) {
    // Up to the link's end, and the longest first: a name may hold a parenthesis itself.
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

/** The service counts Unicode code points, JavaScript counts UTF-16 units. */
function codePoints(text: string, end: number): number {
  return [...text.slice(0, end)].length;
}
