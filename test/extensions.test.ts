/** Tests that a file name without a path is cited, whatever its extension is. */
import { describe, expect, it } from "vitest";
import { repairResponse, resolveFileCitations } from "../src/index.js";
import { call, cited, file, message, response } from "./upstream.js";

const NAMES = [
  ...["a.parquet", "a.ipynb", "a.7z", "a.tar.gz", "a.drawio", "a.geojson", "a.mp4", "a.h5", "a.mp3", "a.m4a"],
  ...[
    "v1.2.report.csv",
    "a.b.c.xlsx",
    "a.CSV",
    "Plan.DocX",
    "a.tar.bz2",
    "a.tar.xz",
    "a.zst",
    "a.rds",
    "a.dta",
  ],
  ...[
    "a.sav",
    "a.mat",
    "a.pt",
    "a.onnx",

    "a.joblib",
    "a.gpkg",
    "a.shp",
    "a.gpx",
    "a.graphml",
  ],
  ...[
    "a.dot",
    "a.mmd",
    "a.puml",
    "a.srt",
    "a.vtt",
    "a.bib",
    "a.ps",
    "a.eps",
    "a.heic",
    "a.avif",
    "a.glb",
    "a.step",
  ],
  ...[
    "a.avro",
    "a.orc",
    "a.arrow",
    "a.jsonl",
    "a.ndjson",
    "a.sqlite3",
    "a.duckdb",
    "a.msg",
    "a.xlsm",
    "a.xlsb",
  ],
  ...[
    "a.mid",
    "a.m4v",
    "a.mkv",
    "a.docm",
    "a.pptm",
    "a.potx",
    "a.pages",
    "a.numbers",
    "a.key",
    "a.ini",
    "a.cfg",
  ],
  ...[
    "a.java",
    "a.cpp",
    "a.go",
    "a.rs",
    "a.php",
    "a.swift",
    "a.ttf",
    "a.woff2",
    "a.wasm",
    "a.whl",
    "a.jar",
    "a.exe",
  ],
];

const shell = (command: string) => ({
  ...{
    type: "shell_call",
    id: "sh_1",
    call_id: "call_1",
    status: "completed",
    action: { commands: [command] },
  },
  environment: { type: "container_reference", container_id: "cntr_1" },
});

/** Repairs a response in which `text` comes after `item`. Returns `name@text` of each citation. */
async function citedAfter(item: Record<string, unknown>, text: string, name: string) {
  const listed = async () => [file(`/mnt/data/${name}`), file(`/mnt/data/x_${name}`)];
  const { response: repaired } = await repairResponse(response([item, message(text)]), listed, {
    retries: 0,
  });
  return cited(repaired);
}

describe.each(NAMES)("%s", (name) => {
  const found = [`${name}@${name}`];
  const text = `I made ${name}, and **it** is fine.`;

  it("is found in a text", () => {
    const { citations } = resolveFileCitations(text, [file(`/mnt/data/${name}`)]);
    expect(citations).toMatchObject([{ text: name }]);
  });

  it("is cited if the code, a command or an output names it", async () => {
    expect(await citedAfter(call(`save('${name}')`), text, name)).toEqual(found);
    expect(await citedAfter(call(`save("/mnt/data/${name}")`), text, name)).toEqual(found);
    expect(await citedAfter(shell(`make > ${name}`), text, name)).toEqual(found);
    const outputs = [{ type: "logs", logs: `Saved: ${name}\n` }];
    expect(await citedAfter({ ...call("save(path)"), outputs }, text, name)).toEqual(found);
  });

  it("is cited if the code builds the name and the message names the folder /mnt/data", async () => {
    const item = call("for n in names: save(f'/mnt/data/{n}.{e}')");
    for (const written of [`Saved in /mnt/data: ${name}`, `In \`/mnt/data/\`:\n- \`${name}\`\n`])
      expect(await citedAfter(item, written, name)).toEqual(found);
  });
});

it.each(["Saved in /mnt/data, e.g. for later.", "Es ist in /mnt/data, z.B. hier."])(
  "an abbreviation causes no list request: %s",
  async (text) => {
    let requests = 0;
    const list = async () => {
      requests++;
      return [];
    };
    await repairResponse(response([call("save(path)"), message(text)]), list);
    expect(requests).toBe(0);
  },
);
