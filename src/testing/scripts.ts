/** Creates the scripts that the package includes, such as `stubbornModel`. */
import { wrong } from "./check-options.js";
import { absolutePath, checkFile, type FileContent } from "./containers.js";
import type { PythonStep, Script, Step } from "./steps.js";
import { isObject } from "./wire.js";

/** Options of the predefined models. */
export interface ModelOptions {
  /**
   * The files that the model writes, at least one. Each key is a path, absolute or relative to `/mnt/data`. The value is the
   * content of the file. By default, a model writes a small CSV, `report.csv`. `twoFilesModel` and `twoContainersModel` also
   * write `summary.txt`. `chartModel` writes no file by default.
   */
  readonly files?: Readonly<Record<string, FileContent>>;
}

const REPORT = { "report.csv": "day,total\n1,7\n2,9\n" };
const REPORT_AND_SUMMARY = { ...REPORT, "summary.txt": "Two days, 16 in all.\n" };

// A PNG of one transparent pixel.
const PIXEL =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";

/**
 * Returns a model that follows instructions: it writes the files, and links them with `sandbox:` links if the request asks
 * for such links. Otherwise the text has bare paths, which the service does not cite.
 *
 * ```ts
 * createResponsesEmulator({ script: compliantModel({ files: { "plan.docx": bytes } }) });
 * ```
 *
 * @throws TypeError if a path has no file name, or the content of a file is neither a string nor a `Uint8Array`.
 */
export function compliantModel(options: ModelOptions = {}): Script {
  const files = readFiles(options, REPORT);
  return ({ asksForSandboxLinks }) => [
    { type: "reasoning" },
    python(files),
    { type: "message", text: `The work is done.\n\n${list(files, asksForSandboxLinks ? link : bare)}` },
  ];
}

/**
 * Returns a model that ignores instructions and always writes bare paths, such as `Download: /mnt/data/report.csv`. The
 * service cites no file.
 *
 * @throws TypeError if a path has no file name, or the content of a file is neither a string nor a `Uint8Array`.
 */
export function stubbornModel(options: ModelOptions = {}): Script {
  const files = readFiles(options, REPORT);
  const text = Object.keys(files).map((path) => `Download: ${path}`);
  return () => [{ type: "reasoning" }, python(files), { type: "message", text: text.join("\n") }];
}

/**
 * Returns a model that shows a chart and then names its files as `compliantModel` does. The service cites the chart with the
 * range 0..0. By default there are no files except the chart.
 *
 * @param options.chart the bytes of a PNG. Default: one pixel.
 * @throws TypeError if the chart is not a `Uint8Array`, a path has no file name, or the content of a file is neither a string
 * nor a `Uint8Array`.
 */
export function chartModel(options: ModelOptions & { readonly chart?: Uint8Array } = {}): Script {
  const files = readFiles(options, {});
  const { chart = Uint8Array.from(atob(PIXEL), (char) => char.charCodeAt(0)) } = options;
  if (!(chart instanceof Uint8Array)) throw wrong("The option chart", "a Uint8Array", chart);
  return ({ asksForSandboxLinks }) => [
    { type: "reasoning" },
    { ...python(files), code: "plt.plot(totals)\nplt.show()\n", charts: [chart] },
    {
      type: "message",
      text: `The chart shows the totals.\n${list(files, asksForSandboxLinks ? link : bare)}`.trimEnd(),
    },
  ];
}

/**
 * Returns a model that writes each file in a call of its own. It links the first file with a `sandbox:` link, which the
 * service cites, and writes the bare paths of the other files.
 *
 * @throws TypeError if a path has no file name, or the content of a file is neither a string nor a `Uint8Array`.
 */
export function twoFilesModel(options: ModelOptions = {}): Script {
  const files = readFiles(options, REPORT_AND_SUMMARY);
  const lines = Object.keys(files).map((path, index) => (index === 0 ? link(path) : bare(path)));
  return () => [
    { type: "reasoning" },
    ...Object.entries(files).map(([path, content]) => python({ [path]: content })),
    { type: "message", text: lines.join("\n") },
  ];
}

/**
 * Returns a model that writes its first file in the request's container and the others in a second container. Its text
 * names the files as `compliantModel` does.
 *
 * @throws TypeError if a path has no file name, or the content of a file is neither a string nor a `Uint8Array`.
 */
export function twoContainersModel(options: ModelOptions = {}): Script {
  const files = readFiles(options, REPORT_AND_SUMMARY);
  const calls = Object.entries(files).map(([path, content], index): Step => {
    const call = python({ [path]: content });
    return index === 0 ? call : { ...call, container: "second" };
  });
  return ({ asksForSandboxLinks }) => [
    ...calls,
    { type: "message", text: list(files, asksForSandboxLinks ? link : bare) },
  ];
}

/**
 * Returns a model that answers with JSON if the request's `text.format` has a JSON schema:
 * `{ "files": [{ "path": "/mnt/data/report.csv" }] }`. The service does not cite paths in JSON. Without a JSON schema, the
 * model answers like `stubbornModel`.
 *
 * @throws TypeError if a path has no file name, or the content of a file is neither a string nor a `Uint8Array`.
 */
export function structuredModel(options: ModelOptions = {}): Script {
  const files = readFiles(options, REPORT);
  const json = JSON.stringify({ files: Object.keys(files).map((path) => ({ path })) });
  const plain = stubbornModel(options);
  return (request) => {
    if (request.body.text?.format?.type !== "json_schema") return plain(request);
    return [{ type: "reasoning" }, python(files), { type: "message", text: json }];
  };
}

type Files = Readonly<Record<string, FileContent>>;

function readFiles(options: ModelOptions, byDefault: Files): Files {
  checkIsObject("A model's options", options, "an object");
  const { files = byDefault } = options;
  checkIsObject("The option files", files, "an object of contents by path");
  const entries = Object.entries(files);
  if (entries.length === 0 && byDefault !== files)
    throw wrong("The option files", "at least one file", files);
  for (const [path, content] of entries) checkFile(path, content);
  return Object.fromEntries(entries.map(([path, content]) => [absolutePath(path), content]));
}

/** Throws if a value is not an object. TypeScript rejects other values, but tests may be written in JavaScript. */
function checkIsObject(name: string, value: unknown, takes: string): void {
  if (!isObject(value)) throw wrong(name, takes, value);
}

function python(files: Files): PythonStep {
  const paths = Object.keys(files);
  const code = paths.map((path) => `write(${JSON.stringify(path)})\n`).join("");
  return { type: "python", code, logs: paths.join("\n"), files };
}

function list(files: Files, format: (path: string) => string): string {
  return Object.keys(files).map(format).join("\n");
}

function link(path: string): string {
  return `[Download ${path.slice(path.lastIndexOf("/") + 1)}](sandbox:${path})`;
}

function bare(path: string): string {
  return `It is saved as ${path}`;
}
