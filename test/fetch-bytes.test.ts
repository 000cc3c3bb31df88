/** Tests that request bodies, response bodies and the frames of events keep all their bytes. The library only adds bytes. */
import { describe, expect, it } from "vitest";
import { editFrame, parseFrame } from "../src/http/frames.js";
import { createFileCitationsFetch } from "../src/index.js";
import { ANSWER, FOUND, PLAN, POST, setUp } from "./fetching.js";
import {
  BASE,
  call,
  cited,
  eventsIn,
  frames,
  json,
  message,
  streamed,
  streamOf,
  upstream,
} from "./upstream.js";

/** JSON members that JSON.parse and JSON.stringify would change. */
const ODD =
  '"odd" : {"a":9223372036854775807, "b":[1.0,-0.0,1e400,1E+2],"c":"\\u0041\\/\\ud83d","a":1 ,"__proto__":{"d":0.10}}';
const SENTENCE = /\\n\\n[^"]*sandbox:[^"]*(?=")/;
const encoder = new TextEncoder();

describe("a request keeps its bytes around the additions", () => {
  const TOOLS = '"tools":[{"type":"code_interpreter","container":{"type":"auto"}}]';
  const body = (input: string): string => `{ ${ODD},\r\n ${TOOLS}, "input":${input}, "seed" : 1.0 }\n`;
  const INCLUDE = ',"include":["code_interpreter_call.outputs"]';

  const sentBy = async (given: (body: string) => Parameters<typeof fetch>): Promise<unknown> => {
    let sent: unknown;
    const fetch = createFileCitationsFetch({
      fetch: async (input, init) => {
        sent = input instanceof Request ? await input.bytes() : init?.body;
        return json(ANSWER);
      },
    });
    await fetch(...given(body('"Plo\\u0074 \\"x\\""')));
    return sent;
  };
  const expectAdded = (sent: string): void => {
    expect(sent.replace(SENTENCE, "").replace(INCLUDE, "")).toBe(body('"Plo\\u0074 \\"x\\""'));
    const { input, include } = JSON.parse(sent);
    expect(input).toMatch(/^Plot "x"\n\n.*sandbox:/);
    expect(include).toEqual(["code_interpreter_call.outputs"]);
  };

  it("and stays a string if it is given as a string", async () => {
    expectAdded((await sentBy((body) => [`${BASE}/responses`, { method: "POST", body }])) as string);
  });

  it.each([
    ["bytes", (body: string) => encoder.encode(body)],
    ["an ArrayBuffer", (body: string) => encoder.encode(body).buffer],
  ])("and stays bytes if it is %s", async (_, encode) => {
    const sent = await sentBy((body) => [`${BASE}/responses`, { method: "POST", body: encode(body) }]);
    expect(sent).toBeInstanceOf(Uint8Array);
    expectAdded(new TextDecoder().decode(sent as Uint8Array));
  });

  it("if it is a Request object", async () => {
    const sent = await sentBy((body) => [new Request(`${BASE}/responses`, { method: "POST", body })]);
    expectAdded(new TextDecoder().decode(sent as Uint8Array));
  });

  it("including its byte order mark", async () => {
    const kinds: ((body: string) => Parameters<typeof fetch>)[] = [
      (body) => [`${BASE}/responses`, { method: "POST", body: `\ufeff${body}` }],
      (body) => [`${BASE}/responses`, { method: "POST", body: encoder.encode(`\ufeff${body}`) }],
      (body) => [new Request(`${BASE}/responses`, { method: "POST", body: `\ufeff${body}` })],
    ];
    for (const kind of kinds) {
      const sent = Buffer.from((await sentBy(kind)) as string).toString();
      expect(sent[0]).toBe("\ufeff");
      expectAdded(sent.slice(1));
    }
  });

  it("including bytes that are not UTF-8", async () => {
    const invalid = Buffer.from(`{${TOOLS},"input":"x","user":"\xff"}`, "latin1");
    const { length } = invalid;
    let sent = Buffer.alloc(0);
    const fetch = createFileCitationsFetch({
      fetch: async (_, init) => {
        sent = Buffer.from(init?.body as Uint8Array);
        return json(ANSWER);
      },
    });
    await fetch(`${BASE}/responses`, { method: "POST", body: invalid });
    expect(sent.length).toBeGreaterThan(length);
    expect(sent.includes(Buffer.from('"user":"\xff"', "latin1"))).toBe(true);
  });

  it.each([
    ["a message's text", '[{"role":"user","content":"x\\u0041"} ]'],
    ["a message's parts", '[{"role":"user","content":[ {"type":"input_text","text":"x\\u0041"} ]}]'],
    ["only a developer message", '[{"role":"developer","content":"x"}]'],
  ])("if its input is %s", async (_, input) => {
    let sent = "";
    const fetch = createFileCitationsFetch({
      fetch: async (_, init) => {
        sent = init?.body as string;
        return json(ANSWER);
      },
    });
    await fetch(`${BASE}/responses`, { method: "POST", body: body(input) });
    const added = /,\{"type":"input_text","text":"(?:[^"\\]|\\.)*"\}|,"instructions":"(?:[^"\\]|\\.)*"/;
    const without = sent.replace(INCLUDE, "");
    expect([without.replace(SENTENCE, ""), without.replace(added, "")]).toContain(body(input));
    expect(sent).toContain("sandbox:");
  });

  it("but not the headers about the changed bytes", async () => {
    const { fetch, asked } = setUp();
    const headers = { "content-digest": "sha-256=:x:", digest: "x", "content-md5": "x", "x-kept": "1" };
    await fetch(`${BASE}/responses`, { method: "POST", body: body('"x"'), headers });
    expect([...asked[0]!.headers.keys()]).toEqual(["x-kept"]);
  });
});

describe("a JSON answer keeps its bytes around the citations", () => {
  const body = JSON.stringify(ANSWER, null, 2).replace('"metadata": {}', ODD);
  const ADDED = /(?<="annotations": \[)\{[^{}]*\}(?=\])/;

  it.each([
    ["without anything unusual", body],
    ["with a byte order mark", `\ufeff${body}`],
    ["with a key that comes twice", body.replace('"output":', '"output": [1.0], "output":')],
    ["with CR LF and tabs", body.replaceAll("\n", "\r\n\t")],
  ])("%s", async (_, given) => {
    const { fetch } = setUp({ answer: () => json(given) });
    const bytes = await (await fetch(`${BASE}/responses`, POST)).bytes();
    const text = Buffer.from(bytes).toString();
    expect(text.replace(ADDED, "")).toBe(given);
    expect(cited(JSON.parse(text.replace("\ufeff", "")))).toEqual(FOUND);
  });

  it("including bytes that are not UTF-8", async () => {
    const [before, after] = body.split('"odd"');
    const given = Buffer.concat([
      Buffer.from(`${before}"x":"`),
      Buffer.from([0xff]),
      Buffer.from(`","odd"${after}`),
    ]);
    const { fetch } = setUp({
      answer: () => new Response(given, { headers: { "content-type": "application/json" } }),
    });
    const bytes = Buffer.from(await (await fetch(`${BASE}/responses`, POST)).bytes());
    expect(bytes.toString("latin1").replace(ADDED, "")).toBe(given.toString("latin1"));
    expect(cited(JSON.parse(bytes.toString()))).toEqual(FOUND);
  });

  it.each([
    "etag",
    "content-digest",
    "repr-digest",
    "digest",
    "content-md5",
    "content-length",
    "content-encoding",
  ])("but not the header %s, because the bytes may change", async (name) => {
    for (const answer of [json(ANSWER), streamed(frames(streamOf([call()])))]) {
      answer.headers.set(name, "1");
      answer.headers.set("x-kept", "1");
      const { fetch } = setUp({ answer: () => answer });
      const { headers } = await fetch(`${BASE}/responses`, POST);
      expect([headers.get(name), headers.get("x-kept")]).toEqual([null, "1"]);
    }
  });

  it("including headers about the bytes, such as etag, if it is an error", async () => {
    const answer = Response.json({ error: {} }, { status: 404, headers: { etag: "1", digest: "1" } });
    const { fetch } = setUp({ answer: () => answer });
    expect((await fetch(`${BASE}/responses`, POST)).headers.get("etag")).toBe("1");
  });
});

describe("a frame keeps its bytes around the citations", () => {
  const plain = frames(streamOf([call(), message("Here: /mnt/data/plan.docx")]));
  const through = async (body: string): Promise<string> => {
    const { fetch } = upstream({ answer: () => streamed(body), files: [PLAN] });
    return (await createFileCitationsFetch({ fetch })(`${BASE}/responses`, POST)).text();
  };
  /** Removes the additions: the inserted event, and the annotation in the events that repeat it. */
  const withoutAdded = (text: string): string =>
    text
      .replace(
        /(?:event: response.output_text.annotation.added(?:\r\n|\r|\n))?data: \{"type":"response.output_text.annotation.added".*?[\r\n]{2,4}/,
        "",
      )
      .replaceAll(/(?<="annotations":\[)\{[^{}]*\}(?=\])/g, "");

  it.each([
    [
      "id: and retry: lines and comments",
      (frame: string) => `id: 7\nretry: 10\n: ping\n${frame}: after\nid:8\n`,
    ],
    ["odd numbers and escapes", (frame: string) => frame.replaceAll('"metadata":{}', ODD)],
    [
      "odd spaces around the data",
      (frame: string) => frame.replace("data: ", "data:   ").replace(/\n$/, " \n"),
    ],
    ["no space after data:", (frame: string) => frame.replace("data: ", "data:")],
    ["no event: line", (frame: string) => frame.replace(/^event.*\n/, "")],
    [
      "no event: line and an escape in its type",
      (frame: string) =>
        frame.replace(/^event.*\n/, "").replace('"type":"response.', '"type":"respo\\u006ese.'),
    ],
    [
      "data on several lines",
      (frame: string) => frame.replaceAll(/(?<=[\]}"],)(?=")/g, "\ndata: \ndata:\ndata\ndata:"),
    ],
    [
      "a line break in its annotations",
      (frame: string) => frame.replaceAll('"annotations":[]', '"annotations":[\ndata:]'),
    ],
  ])("if it has %s", async (_, write) => {
    const body = plain.replaceAll(/.+\n.+\n(?=\n)/g, write);
    for (const newline of ["\n", "\r\n", "\r"]) {
      const given = body.replaceAll("\n", newline);
      const text = await through(given);
      const kept = withoutAdded(text).replaceAll(/"annotations":\[\{[^{}]*\}/g, '"annotations":[');
      expect(kept).toBe(given);
      const data = text
        .split(newline + newline)
        .map((frame) =>
          frame
            .split(newline)
            .flatMap((line) => /^data(?::|$) ?(.*)/.exec(line)?.[1] ?? [])
            .join("\n"),
        )
        .filter((event) => event !== "");
      const { response } = JSON.parse(data.at(-1)!);
      expect(cited(response)).toEqual(FOUND);
    }
  });

  it.each([
    ["a comment outside ASCII", ": \xc3\xa9"],
    ["bytes that are not UTF-8", ": \xff \xe2\x80"],
    ["a byte order mark", "\xef\xbb\xbf: ping"],
    ["an empty data: line", "data\ndata:\ndata: "],
  ])("if %s is before its data", (_, before) => {
    for (const newline of ["\n", "\r\n", "\r"]) {
      const head = `${before}\nevent: a\ndata: {"type":"a",`.replaceAll("\n", newline);
      const tail = `, "n":1.0}${newline}id: \xe9${newline}${newline}`;
      const frame = parseFrame(Buffer.from(`${head}"x":[]${tail}`, "latin1"))!;
      const edited = Buffer.from(editFrame(frame, { ...frame.event, x: ["é"] })).toString("latin1");
      expect(edited).toBe(`${head}"x":["\xc3\xa9"]${tail}`);
      expect([frame.hasName, frame.newline]).toEqual([true, newline]);
    }
  });

  it("if its annotations are not an array and its data is on several lines", async () => {
    const body = plain.replaceAll('"annotations":[]', '"annotations":{"a":\ndata: 1}');
    const text = await through(body);
    const events = eventsIn(text.replaceAll(/\ndata: ?(?=\n)/g, "").replaceAll(/\ndata: (?!\{"type")/g, ""));
    expect(cited(events.at(-1)!.response)).toEqual(FOUND);
  });
});
