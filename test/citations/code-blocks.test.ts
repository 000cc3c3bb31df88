/** Tests code blocks, labels and the ends of links. A path in code is not cited if the text cites the same file elsewhere. */
import { describeRows } from "./rows.js";

describeRows([
  {
    rule: "a fenced block ends at a fence that is as long or longer and has nothing after it, or at the end of the text",
    texts: [
      "\n```\n/mnt/data/a.csv\n```\n⟦/mnt/data/a.csv⟧",
      "- ```\n  /mnt/data/a.csv\n  ```\n\n⟦/mnt/data/a.csv⟧",
      "10.   ```\n      /mnt/data/a.csv\n      ```\n\n⟦/mnt/data/a.csv⟧",
      "```x``` ⟦/mnt/data/a.csv⟧ and ⟦/mnt/data/a.csv⟧",
      "~~~ a`b\n/mnt/data/a.csv\n~~~\n⟦/mnt/data/a.csv⟧",
      "```\n/mnt/data/a.csv\n`````  \n⟦/mnt/data/a.csv⟧",
      "````\n```\n/mnt/data/a.csv\n````\n⟦/mnt/data/a.csv⟧",
      "```\n``` x\n/mnt/data/a.csv\n```\n⟦/mnt/data/a.csv⟧",
      "⟦/mnt/data/a.csv⟧\n```\n/mnt/data/a.csv",
      "⟦/mnt/data/a.csv⟧\n``` /mnt/data/a.csv",
    ],
  },
  {
    rule: "after a blank line, a line is code if it is indented by four columns, or in a list by four more than the item's text",
    texts: [
      "x\n  \n    /mnt/data/a.csv\n\n⟦/mnt/data/a.csv⟧",
      "x\n\n \t/mnt/data/a.csv\n\n⟦/mnt/data/a.csv⟧",
      "x\n\n    - /mnt/data/a.csv\n\n⟦/mnt/data/a.csv⟧",
      "-\tone\n\n        /mnt/data/a.csv\n\n⟦/mnt/data/a.csv⟧",
      "- one\n\n      - ⟦/mnt/data/a.csv⟧ and ⟦/mnt/data/a.csv⟧",
      "- one\n\n\n    ⟦/mnt/data/a.csv⟧ and ⟦/mnt/data/a.csv⟧",
      "- one\ntwo\n\n    ⟦/mnt/data/a.csv⟧ and ⟦/mnt/data/a.csv⟧",
      "- one\n\ntwo\n\n    /mnt/data/a.csv\n\n⟦/mnt/data/a.csv⟧",
      "- one\n  - two\n\n      ⟦/mnt/data/a.csv⟧ and ⟦/mnt/data/a.csv⟧",
      "10. one\n\n       ⟦/mnt/data/a.csv⟧ and ⟦/mnt/data/a.csv⟧",
    ],
  },
  {
    rule: "a label is the text in the brackets of a link, or in brackets that refer to a link's definition",
    texts: [
      "x](⟦sandbox:/mnt/data/a.csv⟧)",
      `${"It is done. ".repeat(100)}[/mnt/data/a.csv](⟦sandbox:/mnt/data/a.csv⟧)`,
      "[/mnt/data/a.csv]\n\n[/mnt/data/a.csv]: ⟦sandbox:/mnt/data/a.csv⟧",
      "[/mnt/data/a.csv][the file]\n\n[The File]: ⟦sandbox:/mnt/data/a.csv⟧",
      "[⟦/mnt/data/a.csv⟧][2]\n\n[f]: ⟦sandbox:/mnt/data/a.csv⟧\n[2]: https://x.y",
      "[![x](⟪not-found:/mnt/data/c.png⟫)](⟦sandbox:/mnt/data/a.csv⟧)",
      {
        text: "Of [⟦b.csv‖/mnt/data/b.csv⟧]: see /mnt/data/a.csv",
        files: ["a.csv", "b.csv"],
        cited: [["/mnt/data/a.csv", "a.csv"]],
      },
    ],
  },
  {
    rule: "white space ends a destination only before a title or the closing mark",
    texts: [
      "[x](⟦sandbox:/mnt/data/a.csv⟧ (the title))",
      "[x](<⟦sandbox:/mnt/data/a.csv⟧ >) [x](<⟪not-found:sandbox:/mnt/data/a.csv old⟫>)",
      '<a href="⟦/mnt/data/a.csv⟧ ">x</a> <a href="⟪not-found:/mnt/data/a.csv old⟫">x</a>',
      "<a href=⟦/mnt/data/a.csv⟧ download>x</a>",
      "[1]: ⟦sandbox:/mnt/data/a.csv⟧ ",
      '{"t": "[1]: ⟦sandbox:/mnt/data/a.csv⟧ \\nBye"}',
      "[1]: ⟪not-found:sandbox:/mnt/data/a.csv⟫ old",
      "[1]: <⟪not-found:sandbox:/mnt/data/c d.csv⟫> and <⟪not-found:sandbox:/mnt/data/c d.csv⟫>",
      "[1]: ⟪not-found:/mnt/data/New⟫ ⟦a.csv⟧",
    ],
  },
]);
