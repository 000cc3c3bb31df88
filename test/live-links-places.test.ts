/** Tests where links are written, and which ranges and units their annotations have. */
import { describe, expect, it } from "vitest";
import { createFileCitationsFetch, type RepairOptions, replaceFileLinks } from "../src/index.js";
import { A, eventsOf, type Given, OPTIONS, plain, type Read, streamed, toUrl, URL_OF_A } from "./linking.js";
import { BASE, frames, sse, upstream } from "./upstream.js";

const everyCut = (text: string): number[] => Array.from(text, (_, at) => at);

/** Repairs a text in a plain response and in two streams, and expects the same result each time. Returns this result. */
async function read(given: Given, options: RepairOptions = OPTIONS): Promise<Read> {
  const whole = await plain(given, options);
  expect(await streamed(given, everyCut(given.text), options)).toEqual(whole);
  expect(await streamed(given, [], options)).toEqual(whole);
  return whole;
}

describe("fenced code stays as the model wrote it", () => {
  it.each([
    ["a fence with only a path", "Saved:\n\n```\n/mnt/data/a.csv\n```\nDone."],
    ["at the start of the text", "```\n/mnt/data/a.csv\n```"],
    ["in a list", "- x\n\n  ```\n  /mnt/data/a.csv\n  ```\n"],
    ["with a language", "Saved:\n```text\n/mnt/data/a.csv\n```\n"],
    ["of tildes", "~~~\n/mnt/data/a.csv\n~~~\n"],
    ["with a command", "```\nls /mnt/data/a.csv\n```\n"],
  ])("%s", async (_, text) => {
    const { text: linked, annotations } = await read({ text, files: [A] });
    expect(linked).toBe(text);
    expect(annotations).toHaveLength(1);
  });

  it("beside a link", async () => {
    const text = "```\n/mnt/data/a.csv\n```\nSee `/mnt/data/a.csv`.";
    expect((await read({ text, files: [A] })).text).toBe(
      `\`\`\`\n/mnt/data/a.csv\n\`\`\`\nSee [a.csv](${URL_OF_A}).`,
    );
  });
});

describe("the fence that closes a code block stays if a path begins the next line", () => {
  const link = `[a.csv](${URL_OF_A})`;
  it.each([
    ["before a block with a language", "```python\nx\n```\nPATH has the rows:\n```python\ny\n```\n"],
    ["before a block without a language", "```\nx\n```\nPATH\n```\ny\n```\n"],
    ["after an information string", "```sh\nls\n```\nPATH: see\n```sh\ncat\n```\nPATH again\n"],
    ["with a scheme", "```\nx\n```\nsandbox:PATH\n```sh\ny\n```\n"],
    ["in a list", "- x\n  ```\n  y\n  ```\n  PATH\n  ```\n  z\n  ```\n"],
    ["at the end of a line with spaces", "```\nx\n```  \nPATH and ```y```\n"],
    ["before two paths", "```\nx\n```\nPATH\nPATH\n```\ny\n```\n"],
    ["before a blank line", "```\nx\n```\n\nPATH has the rows:\n```\ny\n```\n"],
    ["of tildes", "~~~\nx\n~~~\nPATH\n~~~\ny\n~~~\n"],
    ["at the start of the text", "```\n```\nPATH\n```\n```\n"],
  ])("%s", async (_, text) => {
    const given = { text: text.replaceAll("PATH", "/mnt/data/a.csv"), files: [A] };
    const expected = text.replaceAll(/(?:sandbox:)?PATH/g, link);
    expect((await read(given)).text).toBe(expected);
    for (const at of everyCut(given.text)) expect((await streamed(given, [at])).text).toBe(expected);
  });

  it("before code in backticks", async () => {
    const text = "```\nx\n```\n`/mnt/data/a.csv` and `b`\n```\ny\n```\n";
    expect((await read({ text, files: [A] })).text).toBe(text.replace("`/mnt/data/a.csv`", link));
  });

  it("before a note", async () => {
    const text = "```\nx\n```\n/mnt/data/gone.csv is not there\n```\ny\n```\n";
    const options = { ...OPTIONS, links: { toUrl, onMissing: () => "(gone)" } };
    const { text: noted } = await read({ text, files: [A] }, options);
    expect(noted).toBe(text.replace("/mnt/data/gone.csv", "(gone)"));
  });
});

it('after a path, "-Bericht" stays after the link, but "-Bericht2" and "-Backup" prevent the link', async () => {
  const text =
    "Der /mnt/data/a.csv-Bericht, /mnt/data/a.csv-Bericht2, /mnt/data/a.csv-Backup, /mnt/data/a.csv-filen";
  const link = `[a.csv](${URL_OF_A})`;
  expect((await read({ text, files: [A] })).text).toBe(
    `Der ${link}-Bericht, /mnt/data/a.csv-Bericht2, /mnt/data/a.csv-Backup, ${link}-filen`,
  );
  const code = "`/mnt/data/a.csv-Bericht`";
  expect((await read({ text: code, files: [A] })).text).toBe(code);
});

describe("a citation covers its URL", () => {
  it.each([
    ["of a label whose link leads nowhere", "[/mnt/data/a.csv](#) and"],
    ["of a label without a destination", "[/mnt/data/a.csv]() and"],
    ["of an image", "![/mnt/data/a.csv](#)"],
    ["of a code span", "`/mnt/data/a.csv`"],
    ["of a bare path", "/mnt/data/a.csv"],
  ])("%s", async (_, text) => {
    const { text: linked, annotations } = await read({ text, files: [A] });
    const [{ start_index: start, end_index: end }] = annotations as [Read["annotations"][number]];
    expect(linked.slice(start, end)).toBe(URL_OF_A);
  });
});

describe("annotations in UTF-16", () => {
  const text = "🎉🎉🎉🎉🎉🎉 [a](sandbox:/mnt/data/a.csv) [site](https://e.com/) end";
  const range = (part: string) => ({
    start_index: text.indexOf(part),
    end_index: text.indexOf(part) + part.length,
  });
  const annotations = [
    {
      ...{ type: "container_file_citation", container_id: "cntr_1", file_id: A.id, filename: "a.csv" },
      ...range("sandbox:/mnt/data/a.csv"),
    },
    { type: "url_citation", url: "https://e.com/", title: "site", ...range("[site](https://e.com/)") },
  ];

  it.each(["auto", "utf-16"] as const)(
    "stay in UTF-16 with indexUnit %s, in events too",
    async (indexUnit) => {
      const { text: linked, annotations: moved } = await read(
        { text, files: [A], annotations },
        { ...OPTIONS, indexUnit },
      );
      expect(moved.map(({ start_index, end_index }) => linked.slice(start_index, end_index))).toEqual([
        URL_OF_A,
        "[site](https://e.com/)",
      ]);
    },
  );
});

/** Texts with a path in each kind of markup. `PATH` stands for the path. */
const PLACES = [
  "See [it](sandbox:PATH) now",
  'See [it](sandbox:PATH "its title") now',
  "[it](<sandbox:PATH>) and ![a](sandbox:PATH)",
  "Download: PATH.",
  "Run `cat PATH` or read `PATH`.",
  "**PATH**, (PATH), <sandbox:PATH>",
  '{"file": "PATH", "other": ["PATH"]}',
  'See <a href="sandbox:PATH">it</a> and <img src="sandbox:PATH">',
  "<div>\nPATH\n</div>\n\nEnd",
  "| File | Size |\n|---|---|\n| PATH | 1 kB |\n",
  "[the file][1]\n\n[1]: sandbox:PATH\n",
  "[PATH](sandbox:PATH)",
];

describe("a cited place gets the same text as from replaceFileLinks", () => {
  const urls: [string, string][] = [
    ["an ordinary URL", URL_OF_A],
    ["a URL that would close the link", "https://f.test/a) [evil](https://evil.example/"],
    ["a URL that would close an attribute", 'https://f.test/"><script>alert(1)</script>'],
    ["a URL with spaces, backticks, pipes and line feeds", "https://f.test/a b`c|d\n\n# e"],
    ["a URL that would end a string", 'https://f.test/","x":"\\'],
    ["a URL with an entity", "https://f.test/?a=1&copy=2"],
  ];

  it.each(urls)("%s", async (_, url) => {
    for (const place of PLACES) {
      const text = place.replaceAll("PATH", "/mnt/data/a.csv");
      const without = await plain({ text, files: [A] }, { retries: 0 });
      const { text: linked } = await read({ text, files: [A] }, { ...OPTIONS, links: () => url });
      expect(linked).toBe(replaceFileLinks(without.text, without.annotations as never, () => url));
      expect(linked).not.toBe(text);
    }
  });
});

describe("text without a link", () => {
  it.each([
    ["a script as a definition's destination", "[r]: <script> /mnt/data/a.csv"],
    ["a comment as a definition's destination", "See [a]: <!-- hidden /mnt/data/a.csv --> end"],
    ["a script as a link's destination", "[it](<script>/mnt/data/a.csv"],
    ["a bare name in prose", "I made a.csv for you."],
    ["a file that is not there", "See [it](sandbox:/mnt/data/gone.csv) and /mnt/data/gone.csv"],
    ["no mention", "Plain text, and/or more of it.\n"],
  ])("stays as it is: %s", async (_, text) => {
    expect((await read({ text, files: [A] })).text).toBe(text);
  });

  it("passes through the fetch as the bytes that came", async () => {
    const bytes = frames(eventsOf({ text: "Plain text, and/or more of it.", files: [A] }, [3, 9, 15, 20]));
    const { fetch } = upstream({ answer: () => sse(bytes), files: [A] });
    const init = { method: "POST", body: "{}" };
    const answer = await createFileCitationsFetch({ fetch, links: toUrl, retries: 0 })(
      `${BASE}/responses`,
      init,
    );
    expect(await answer.text()).toBe(await sse(bytes).text());
  });
});
