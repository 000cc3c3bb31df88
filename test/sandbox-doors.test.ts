/**
 * Tests two kinds of link destinations: `sandbox:` with a path outside of the roots (`/mnt/data` by default), and destinations that
 * hosts such as ChatGPT have rewritten. Each destination is tested in plain and streamed responses, with links and with notes for
 * missing files.
 */
import { describe, expect, it } from "vitest";
import { createFileCitationsFetch, type RepairOptions, type Report } from "../src/index.js";
import { type Given, itemsOf, plain, streamed, throughFetch, toUrl } from "./linking.js";
import { BASE, cited, file, json, response, upstream } from "./upstream.js";

/** Link destinations, each with the path of the file that it means. */
const FORMS: [destination: string, path: string][] = [
  ["sandbox:/quarterly.pdf", "/mnt/data/quarterly.pdf"],
  ["sandbox://file.pdf", "/mnt/data/file.pdf"],
  ["sandbox:file.pdf", "/mnt/data/out/file.pdf"],
  ["SANDBOX:/file.pdf", "/mnt/data/file.pdf"],
  ["sandbox:/mnt/plot.png", "/mnt/plot.png"],
  ["sandbox:/tmp/x.png", "/tmp/x.png"],
  ["https://chat.openai.com/sandbox:/mnt/data/f.pdf", "/mnt/data/f.pdf"],
  ["https://chatgpt.com/sandbox:/mnt/data/f.pdf", "/mnt/data/f.pdf"],
  ["https://chat.openai.com/c/1/sandbox:/mnt/data/f.pdf", "/mnt/data/f.pdf"],
  ["https://sandbox/mnt/data/f.pdf", "/mnt/data/f.pdf"],
  ["http://sandbox/mnt/data/f.pdf", "/mnt/data/f.pdf"],
];

const CUTS = Array.from({ length: 90 }, (_, at) => at);
const notes: RepairOptions = { retries: 0, links: { toUrl, onMissing: () => "(gone)" } };

/**
 * Repairs a text as a plain response, as a stream, and through the fetch, with the text cut into deltas in several ways. Expects
 * the same result each time. Returns the repaired text.
 */
async function read(given: Given, options: RepairOptions): Promise<string> {
  const whole = await plain(given, options);
  for (const cuts of [[], [30], CUTS]) {
    expect(await streamed(given, cuts, options)).toEqual(whole);
    expect(await throughFetch(given, cuts, 50, options)).toEqual(whole);
  }
  return whole.text;
}

/**
 * Repairs a plain response with `createFileCitationsFetch`. Returns the citations, the unresolved mentions with their reasons, the
 * outcome and the number of list requests.
 */
async function fetched(given: Given) {
  const reports: Report[] = [];
  const { fetch, lists } = upstream({ answer: () => json(response(itemsOf(given))), files: given.files });
  const repairing = createFileCitationsFetch({
    fetch,
    retries: 0,
    onReport: (report) => reports.push(report),
  });
  const answer = await repairing(`${BASE}/responses`, { method: "POST", body: "{}" });
  const found = cited(await answer.json());
  const { unresolved, outcome } = reports[0]!;
  return {
    cited: found,
    reasons: unresolved.map(({ reason, text }) => `${reason} ${text}`),
    outcome,
    requests: lists().length,
  };
}

describe.each(FORMS)("%s", (destination, path) => {
  const files = [file(path, { created_at: 1_760_000_001 }), file("/mnt/data/b.csv")];
  const name = path.slice(path.lastIndexOf("/") + 1);
  const url = toUrl({ file_id: files[0]!.id });
  const link = `See [it](${destination}).`;
  const image = `See ![it](${destination} "A title") now.`;
  const bare = `It is at ${destination} now.`;

  it("is cited through the fetch, in a link and bare", async () => {
    for (const text of [link, bare]) {
      expect(await fetched({ text, files })).toEqual({
        ...{ cited: [`${name}@${destination}`], reasons: [], outcome: "recovered", requests: 1 },
      });
    }
  });

  it("is reported if the file is missing", async () => {
    for (const text of [link, bare]) {
      expect(await fetched({ text, files: [] })).toEqual({
        ...{ cited: [], reasons: [`not-found ${destination}`], outcome: "unchanged", requests: 1 },
      });
    }
  });

  it("is a link with the option links, and a note if the file is missing", async () => {
    expect(await read({ text: link, files }, notes)).toBe(`See [it](${url}).`);
    expect(await read({ text: image, files }, notes)).toBe(`See ![it](${url} "A title") now.`);
    expect(await read({ text: link, files: [] }, notes)).toBe("See (gone).");
  });

  // The option `links` replaces a URL such as `https://chatgpt.com/sandbox:/…` in a link, but not a bare one (see docs/files.md).
  it("becomes a link even if it is bare, unless it is a host's URL", async () => {
    const isOfHost = destination.startsWith("http");
    expect(await read({ text: bare, files }, notes)).toBe(
      isOfHost ? bare : `It is at [${name}](${url}) now.`,
    );
    expect(await read({ text: bare, files: [] }, notes)).toBe(isOfHost ? bare : "It is at (gone) now.");
  });
});
