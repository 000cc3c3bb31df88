import { absolutePath, checkFile, type FileContent } from "./containers.js";
import { type PythonStep, type Script, type Step, wrong } from "./steps.js";
import { isObject } from "./wire.js";

/** What the models that come with the emulator write. */
export interface ModelOptions {
  /**
   * The files, by path: absolute, or below `/mnt/data`. At least one.
   * Default: one small CSV, `report.csv`; `twoFilesModel` and `twoContainersModel` have a second, `summary.txt`.
   */
  readonly files?: Readonly<Record<string, FileContent>>;
}

const REPORT = { "report.csv": "day,total\n1,7\n2,9\n" };
const REPORT_AND_SUMMARY = { ...REPORT, "summary.txt": "Two days, 16 in all.\n" };

// A picture of one transparent pixel.
const PIXEL =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";

/**
 * A model that does as it is told: it writes the files, and links them in the `sandbox:` form if the request asks for
 * it. If not, it names their bare paths, and the service leaves those without a citation.
 *
 * ```ts
 * createResponsesEmulator({ script: compliantModel({ files: { "plan.docx": bytes } }) });
 * ```
 *
 * @throws TypeError for a file without a name, or content that is neither text nor bytes.
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
 * A model that names bare paths whatever it is asked, so that no file is ever cited: `Download: /mnt/data/report.csv`.
 *
 * @throws TypeError for a file without a name, or content that is neither text nor bytes.
 */
export function stubbornModel(options: ModelOptions = {}): Script {
  const files = readFiles(options, REPORT);
  const text = Object.keys(files).map((path) => `Download: ${path}`);
  return () => [{ type: "reasoning" }, python(files), { type: "message", text: text.join("\n") }];
}

/**
 * A model that shows a chart, which the service cites as 0..0, and then names its files as `compliantModel` does. By
 * default there is no other file than the chart.
 *
 * @param options.chart the bytes of a PNG. Default: one pixel.
 * @throws TypeError for a chart that is no bytes, and as `compliantModel` does.
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
 * A model that writes two files, in one call each, and names the first with its `sandbox:` link and the others with
 * their bare paths: one cited by the service, the rest not.
 *
 * @throws TypeError for a file without a name, or content that is neither text nor bytes.
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
 * A model that writes its first file in the request's container and each other one in a second container, and names
 * them as `compliantModel` does.
 *
 * @throws TypeError for a file without a name, or content that is neither text nor bytes.
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
 * A model that answers with JSON, `{ "files": [{ "path": "/mnt/data/report.csv" }] }`, if the request's `text.format`
 * asks for a schema, and as `stubbornModel` if not. The service cites no path in JSON.
 *
 * @throws TypeError for a file without a name, or content that is neither text nor bytes.
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
  needObject("A model's options", options, "an object");
  const { files = byDefault } = options;
  needObject("The option files", files, "an object of contents by path");
  const entries = Object.entries(files);
  if (entries.length === 0 && byDefault !== files)
    throw wrong("The option files", "at least one file", files);
  for (const [path, content] of entries) checkFile(path, content);
  return Object.fromEntries(entries.map(([path, content]) => [absolutePath(path), content]));
}

/** Looks without narrowing: the types say it already, but scripts are written in JavaScript too. */
function needObject(name: string, value: unknown, takes: string): void {
  if (!isObject(value)) throw wrong(name, takes, value);
}

function python(files: Files): PythonStep {
  const paths = Object.keys(files);
  const code = paths.map((path) => `write(${JSON.stringify(path)})\n`).join("");
  return { type: "python", code, logs: paths.join("\n"), files };
}

function list(files: Files, say: (path: string) => string): string {
  return Object.keys(files).map(say).join("\n");
}

function link(path: string): string {
  return `[Download ${path.slice(path.lastIndexOf("/") + 1)}](sandbox:${path})`;
}

function bare(path: string): string {
  return `It is saved as ${path}`;
}
