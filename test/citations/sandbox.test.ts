/** Tests `sandbox:` links. They can mean any file of the container, even one outside the roots (`/mnt/data` by default). */
import { describe, expect, test } from "vitest";
import { CitedText } from "../../src/citations/uncited.js";
import { resolveFileCitations } from "../../src/index.js";
import { file } from "./forms.js";
import { describeRows } from "./rows.js";

const TMP = file("x.png", { path: "/tmp/x.png", id: "tmp" });

/**
 * Resolves a text with files in `/mnt/data`, `/mnt` and `/tmp`. Returns each cited text with its file, and each uncited
 * mention with its reason.
 */
function resolvedAnywhere(text: string): (readonly [string, string])[] {
  const files = [
    file("f.pdf"),
    file("sub/quarterly.pdf"),
    TMP,
    file("plot.png", { path: "/mnt/plot.png", id: "mnt" }),
    file("twice.csv"),
    file("sub/twice.csv"),
  ];
  const { citations, unresolved } = resolveFileCitations(text, files);
  return [
    ...citations.map((citation) => [citation.text, citation.annotation.file_id] as const),
    ...unresolved.map((mention) => [mention.text, mention.reason] as const),
  ];
}

describe("sandbox: outside of the roots", () => {
  test.each([
    ["sandbox:/quarterly.pdf", "cfile_sub/quarterly.pdf"],
    ["sandbox://quarterly.pdf", "cfile_sub/quarterly.pdf"],
    ["sandbox:quarterly.pdf", "cfile_sub/quarterly.pdf"],
    ["sandbox:f.pdf", "cfile_f.pdf"],
    ["sandbox:./f.pdf", "cfile_f.pdf"],
    ["Sandbox:/f.pdf", "cfile_f.pdf"],
    ["sandbox:/mnt/plot.png", "mnt"],
    ["sandbox:/tmp/x.png", "tmp"],
    ["sandbox:///tmp/x.png", "tmp"],
    ["sandbox:/tmp/../tmp/x.png", "tmp"],
    ["https://chat.openai.com/sandbox:/mnt/data/f.pdf", "cfile_f.pdf"],
    ["https://chatgpt.com/sandbox:/tmp/x.png", "tmp"],
    ["https://chatgpt.com/c/1/sandbox:/mnt/data/f.pdf", "cfile_f.pdf"],
    ["https://sandbox/mnt/data/f.pdf", "cfile_f.pdf"],
    ["https://sandbox/tmp/x.png", "tmp"],
    ["sandbox:/x.png", "tmp"],
    ["sandbox:/twice.csv", "ambiguous"],
    ["sandbox:/nope.csv", "not-found"],
    ["sandbox:/tmp/f.pdf", "not-found"],
    ["sandbox:/home/oai/quarterly.pdf", "not-found"],
    ["sandbox:/tmp/x.png.bak", "not-found"],
    ["https://sandbox/mnt/data/nope.pdf", "not-found"],
    ["sandbox:/tmp/", "directory"],
  ])("%s", (written, outcome) => {
    expect(resolvedAnywhere(`[x](${written})`)).toEqual([[written, outcome]]);
    expect(resolvedAnywhere(`See ${written} there`)).toEqual([[written, outcome]]);
    expect(resolvedAnywhere(`<a href="${written}">x</a>`)).toEqual([[written, outcome]]);
    const cited = new CitedText(`[x](${written})`, [], "auto", ["/mnt/data"]);
    expect(cited.hasUncitedPath()).toBe(true);
  });

  test.each([
    "The sandbox: it runs Python.",
    "sandbox:true, sandbox:latest, sandbox:1.2.3, sandbox:/",
    "my-sandbox:/tmp/x.png, x.sandbox:f.pdf",
    "https://sandbox.example.com/tmp/x.png, https://sandboxes/tmp/x.png, https://x.y/a?b=sandbox:/tmp/x.png",
    "/tmp/x.png and x.png",
    "[x](git:sandbox:/tmp/x.png)",
  ])("no file is mentioned in %s", (text) => {
    expect(resolvedAnywhere(text)).toEqual([]);
    expect(new CitedText(text, [], "auto", ["/mnt/data"]).hasUncitedPath()).toBe(false);
  });

  test("a look-alike is cited, because resolveFileCitations accepts all look-alikes", () => {
    const text = "[x](sandbox:/F.PDF)";
    expect(resolvedAnywhere(text)).toEqual([["sandbox:/F.PDF", "cfile_f.pdf"]]);
  });
});

describeRows([
  {
    rule: "a link that is a name with the scheme `sandbox:`, next to other mentions",
    texts: [
      "[a.csv](⟦sandbox:/a.csv⟧) and a.csv",
      "[x](⟦sandbox:a.csv⟧) and [y](⟦a.csv⟧)",
      "[x](⟦sandbox:/a.csv⟧) and ⟦/mnt/data/a.csv⟧",
      "[x](⟪not-found:sandbox:/b.csv⟫) and ⟦a.csv⟧",
      { text: "[x](⟦in.csv‖sandbox:/in.csv⟧)", files: ["user:in.csv"] },
      { text: "[x](⟪not-found:sandbox:/a.csv⟫)", files: [".cache/a.csv"] },
    ],
  },
]);
