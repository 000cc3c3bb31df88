/** Tests the rules in table.ts, which say what text is a mention. Also tests every form of a mention with every kind of name. */
import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { casesOf } from "./cases.js";
import { BARE_FORMS, DECOYS, type Form, file, LINK_FORMS, NAMES, resolved, SENTENCES } from "./forms.js";
import { describeRows } from "./rows.js";
import { TABLE } from "./table.js";

describeRows(TABLE);

/**
 * Checks that the README and the accuracy page give the right number of texts and of mentions. The other accuracy figures on
 * these pages come from `npm run accuracy`, which uses the same cases.
 */
test.each(["README.md", "docs/accuracy-and-speed.md"])("%s counts the cases of the table", async (page) => {
  const outcomes = TABLE.flatMap(casesOf).map(({ outcome }) => outcome);
  const text = await readFile(new URL(`../../${page}`, import.meta.url), "utf8");
  const [, cases, citations] = /\b(\d+) texts\b[^|]*? with (\d+)\s(?:mentions|citations)/.exec(text)!;
  expect([Number(cases), Number(citations)]).toEqual([
    outcomes.length,
    outcomes.flatMap(({ cited }) => cited).length,
  ]);
});

describe("every form, with every kind of name, in every sentence", () => {
  const decoys = DECOYS.map((path) => file(path));
  const forms: [string, Form][] = Object.entries({ ...LINK_FORMS, ...BARE_FORMS });

  test.each(forms)("%s", (_, write) => {
    const wrong: unknown[] = [];
    for (const name of NAMES) {
      const files = [...decoys, file(name)];
      for (const sentence of SENTENCES) {
        const [before, cited, after] = write(name);
        const lead = sentence.slice(0, sentence.indexOf("%")) + before;
        const text = lead + cited + after + sentence.slice(sentence.indexOf("%") + 1);
        const expected = [[lead.length, lead.length + cited.length, `cfile_${name}`]];
        const outcome = resolved(text, files);
        if (JSON.stringify(outcome.cited) !== JSON.stringify(expected)) wrong.push({ text, outcome });
      }
    }
    expect(wrong).toEqual([]);
  });
});

/** Texts that mention a file by its name, without a path. `@` stands for the name, and `⟦` marks where the citation starts. */
const NAME_FORMS = {
  mentions: [
    "Saved as ⟦@.",
    "已保存为⟦@，请下载。",
    "レポートは⟦@に保存しました。",
    "⟦@를 확인하세요",
    "الملف ⟦@، وهو جاهز",
    "**⟦@** and `@`",
    "**`⟦@`**.",
    '"⟦@" “@”',
    "„⟦@“",
    "(⟦@)",
    "（⟦@）",
    "「⟦@」",
    "- ⟦@: the result",
    "1. ⟦@ – the result",
    "| ⟦@ | 12 KB |",
    "|⟦@|12 KB|",
    "# ⟦@\n\n@",
    "> ⟦@",
    '{"file": "⟦@"}',
    "📄 ⟦@",
    "✅️⟦@…",
    "<b>⟦@</b>",
    "⟦@ (12 KB)",
    "⟦@—done",
    "Where is ⟦@?",
    "[⟦@][1]",
  ],
  links: [
    "[x](⟦@)",
    "![x](⟦@)",
    "@ [x](⟦./@)",
    "[x](⟦attachment:@)",
    "[x](⟦sandbox:@)",
    "[x](<⟦@>)",
    '[x](⟦@ "Title")',
    "[x][1]\n\n[1]: ⟦@\n",
    '<a href="⟦@">@</a>',
    '<img src="⟦./@">',
    "**[@](⟦@)**",
  ],
};

describe("every form of a bare file name, with every kind of name", () => {
  const named = NAMES.filter((path) => /\.[a-z][a-z0-9]*$/.test(path));

  test.each([...NAME_FORMS.mentions, ...NAME_FORMS.links])("%s", (form) => {
    const wrong: unknown[] = [];
    for (const path of named) {
      const name = path.slice(path.lastIndexOf("/") + 1);
      for (const lead of ["", "Saved. 🎉 ", "完成！"]) {
        const text = lead + form.replace("⟦", "").replaceAll("@", name);
        const start = lead.length + form.slice(0, form.indexOf("⟦")).replaceAll("@", name).length;
        const scheme = /⟦((?:attachment:|sandbox:)?(?:\.\/)?)/.exec(form)![1]!;
        const expected = [[start, start + scheme.length + name.length, `cfile_${path}`]];
        const outcome = resolved(text, [file(path), file("zzz.csv")]);
        if (JSON.stringify(outcome.cited) !== JSON.stringify(expected)) wrong.push({ text, outcome });
      }
    }
    expect(wrong).toEqual([]);
  });
});
