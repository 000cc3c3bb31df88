/** Helpers for tests of links: texts whose citations are marked with `⟦…⟧`, and a Markdown parser. */
import MarkdownIt from "markdown-it";
import { type ContainerFileCitation, replaceFileLinks } from "../src/index.js";

export const HREF = "https://x.y/f?a=1&b=2";
export const LINK = `[a.csv](${HREF})`;

export function citation(start: number, end: number, more: Partial<ContainerFileCitation> = {}) {
  return {
    type: "container_file_citation" as const,
    container_id: "cntr_1",
    end_index: end,
    file_id: "cfile_1",
    filename: "a.csv",
    start_index: start,
    ...more,
  };
}

/** Removes the marks `⟦…⟧` from a text and returns it with annotations for the marked ranges, in UTF-16 units. */
export function cited(
  source: string,
  filename = "a.csv",
): { text: string; annotations: ContainerFileCitation[] } {
  const annotations: ContainerFileCitation[] = [];
  let text = "";
  for (const piece of source.split(/(⟦[^⟧]*⟧)/)) {
    const start = text.length;
    text += piece.startsWith("⟦") ? piece.slice(1, -1) : piece;
    if (piece.startsWith("⟦")) {
      annotations.push(
        citation(start, text.length, { filename, file_id: `cfile_${annotations.length + 1}` }),
      );
    }
  }
  return { text, annotations };
}

/** Turns each range marked with `⟦…⟧` into a link to `url`. */
export function replaceMarked(source: string, url: string = HREF, filename = "a.csv"): string {
  const { text, annotations } = cited(source, filename);
  return replaceFileLinks(text, annotations, () => url, { indexUnit: "utf-16" });
}

/** Parses Markdown and returns its links with their labels, the URLs of its images, and its HTML. */
export function parsed(markdown: string) {
  const parser = new MarkdownIt({ html: true });
  parser.validateLink = () => true;
  parser.normalizeLink = (url) => url;
  const links: { href: string; label: string }[] = [];
  const html: string[] = [];
  const images: string[] = [];
  for (const block of parser.parse(markdown, {})) {
    if (block.type === "html_block") html.push(block.content);
    let isInLink = false;
    for (const token of block.children ?? []) {
      if (token.type === "link_open") links.push({ href: String(token.attrGet("href")), label: "" });
      if (token.type.startsWith("link_")) isInLink = token.type === "link_open";
      else if (isInLink) links.at(-1)!.label += token.content;
      if (token.type === "image") images.push(String(token.attrGet("src")));
      if (token.type === "html_inline") html.push(token.content);
    }
  }
  return { links, images, html };
}

/** Returns the text of a Markdown paragraph as a browser shows it. */
export function shownText(markdown: string): string {
  const inline = new MarkdownIt({ html: true }).parse(markdown, {}).flatMap(({ children }) => children ?? []);
  return inline.map(({ type, content }) => (type === "softbreak" ? "\n" : content)).join("");
}

/** The fast-check options of the property tests. */
export const runs = { seed: 20_260_101, numRuns: 2000 };
