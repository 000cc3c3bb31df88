/**
 * Tests `withFileCitations` with clients that a tracing wrapper or a subclass has changed. `withFileCitations` must either
 * return a client that both traces and cites, or throw an error.
 */
import type OpenAI from "openai";
import { AzureOpenAI } from "openai";
import { AzureOpenAI as AzureOpenAI7 } from "openai-7";
import { describe, expect, it } from "vitest";
import { createFileCitationsFetch, withFileCitations } from "../src/index.js";
import { createResponsesEmulator, stubbornModel } from "../src/testing/index.js";
import { SDKS } from "./sdks.js";
import { cited } from "./upstream.js";

const REQUEST = {
  model: "gpt-5",
  input: "Write the totals to a CSV",
  tools: [{ type: "code_interpreter" as const, container: { type: "auto" as const } }],
};
const FOUND = ["totals.csv@/mnt/data/totals.csv"];

const ADVICE =
  "Wrap the client before observeOpenAI, wrapOpenAI or another wrapper, as in " +
  "observeOpenAI(withFileCitations(client)), or give the client's constructor `fetch: createFileCitationsFetch()`";

/** Returns a proxy like that of Langfuse's observeOpenAI: it traces each function of the client and of all objects in it. */
function observed(client: OpenAI, traces: string[]): OpenAI {
  return observedValue(client, traces, "client");
}

function observedValue<Value extends object>(value: Value, traces: string[], path: string): Value {
  return new Proxy(value, {
    get(target, key) {
      const own: unknown = Reflect.get(target, key);
      const name = `${path}.${String(key)}`;
      if (typeof own === "function") {
        return (...args: unknown[]) => {
          traces.push(name);
          return own.apply(target, args);
        };
      }
      return typeof own === "object" && own !== null && !Array.isArray(own)
        ? observedValue(own, traces, name)
        : own;
    },
  });
}

/** Returns a copy with traced resources, as LangSmith's wrapOpenAI does. The copy is not an instance of `OpenAI`. */
function withoutClass(client: OpenAI, traces: string[]): OpenAI {
  const create = client.responses.create.bind(client.responses) as (...args: unknown[]) => unknown;
  const responses = Object.assign(Object.create(Object.getPrototypeOf(client.responses)), client.responses, {
    create(...args: unknown[]) {
      traces.push("client.responses.create");
      return create(...args);
    },
  });
  return { ...client, responses } as OpenAI;
}

/** Returns a proxy like that of Braintrust's wrapOpenAI: it replaces some resources of the client and leaves the others as is. */
function withTracedResponses(client: OpenAI, traces: string[]): OpenAI {
  return new Proxy(client, {
    get(target, key) {
      const own: unknown = Reflect.get(target, key, target);
      if (key === "responses") return observedValue(own as object, traces, "client.responses");
      return typeof own === "function" ? own.bind(target) : own;
    },
  });
}

/** Adds tracing to the client itself and returns the same client, as some instrumentations do. */
function changed(client: OpenAI, traces: string[]): OpenAI {
  const create = client.responses.create.bind(client.responses) as (...args: unknown[]) => unknown;
  Object.defineProperty(client.responses, "create", {
    value(...args: unknown[]) {
      traces.push("client.responses.create");
      return create(...args);
    },
  });
  return client;
}

describe.each(SDKS)("%s beside a tracing wrapper", (_, Client) => {
  const setUp = () => {
    const emulator = createResponsesEmulator({
      script: stubbornModel({ files: { "totals.csv": "day,total\n1,7\n" } }),
    });
    return { emulator, traces: [] as string[], options: { apiKey: "sk-test", fetch: emulator.fetch } };
  };

  const copyThat = (fault: string): TypeError =>
    new TypeError(
      `client must be an OpenAI client that withOptions can copy, got one whose copy ${fault}. ${ADVICE}`,
    );

  describe.each([
    [
      "a proxy of everything",
      observed,
      /lacks the client's own [\w.]+\.\w+\. Wrap the client before observeOpenAI/,
    ],
    [
      "an object without the class",
      withoutClass,
      /^client must be an OpenAI client, with withOptions and containers\.files\.list, got an object with .*\. Wrap the /,
    ],
    [
      "a proxy of one resource",
      withTracedResponses,
      /copy lacks the client's own responses\.[\w.]+\. Wrap the client/,
    ],
    ["a changed client", changed, copyThat("lacks the client's own responses.create")],
  ] as const)("%s", (_, trace, error) => {
    it("is refused with advice, because its copy would not be traced", () => {
      const { traces, options, emulator } = setUp();
      const traced = trace(new Client(options), traces);
      expect(() => withFileCitations(traced)).toThrow(TypeError);
      expect(() => withFileCitations(traced)).toThrow(error);
      expect(emulator.requests).toEqual([]);
    });

    it("traces and cites, and is returned unchanged, if the inner client was already wrapped or has our fetch", async () => {
      const { traces, options, emulator } = setUp();
      for (const client of [
        withFileCitations(new Client(options)),
        new Client({ ...options, fetch: createFileCitationsFetch({ fetch: emulator.fetch }) }),
      ]) {
        const traced = trace(client, traces);
        expect(withFileCitations(traced)).toBe(traced);
        traces.length = 0;
        expect(cited(await traced.responses.create(REQUEST))).toEqual(FOUND);
        expect(traces).toEqual(["client.responses.create"]);
      }
    });
  });

  it("refuses a traced copy with our fetch as a property, because its requests use another fetch", () => {
    const { traces, options } = setUp();
    const traced = withoutClass(new Client(options), traces);
    expect(() => withFileCitations({ ...traced, fetch: createFileCitationsFetch() } as never)).toThrow(
      ADVICE,
    );
  });

  it("copies an option of a subclass that withOptions does not pass on, as in PostHog's client", async () => {
    class TracedResponses extends Client.Responses {
      readonly tracer: string[] | undefined;
      constructor(client: OpenAI, tracer: string[] | undefined) {
        super(client);
        this.tracer = tracer;
      }
      override create(...args: never[]): never {
        this.tracer!.push("create");
        return (super.create as (...args: never[]) => never)(...args);
      }
    }
    class Traced extends Client {
      readonly tracer: string[] | undefined;
      readonly team: string | null | undefined;
      constructor(
        options: ConstructorParameters<typeof OpenAI>[0] & { tracer?: string[]; team?: string | null },
      ) {
        const { tracer, team, ...rest } = options;
        super(rest);
        this.tracer = tracer;
        this.team = team;
        this.responses = new TracedResponses(this, tracer) as never;
      }
    }
    const { traces, options } = setUp();
    for (const team of ["mine", null, undefined]) {
      const client = new Traced({ ...options, tracer: traces, ...(team !== undefined && { team }) });
      const copy = withFileCitations(client);
      expect(copy).toBeInstanceOf(Traced);
      expect(copy.team).toBe(team);
      expect(cited(await copy.responses.create(REQUEST))).toEqual(FOUND);
    }
    expect(traces).toEqual(["create", "create", "create"]);
  });

  it("keeps methods that a subclass's constructor makes", async () => {
    const { traces, options } = setUp();
    class Traced extends Client {
      readonly ask = () => this.responses.create(REQUEST);
      constructor(options: object) {
        super(options);
        changed(this as OpenAI, traces);
      }
    }
    expect(cited(await withFileCitations(new Traced(options)).ask())).toEqual(FOUND);
    expect(traces).toEqual(["client.responses.create"]);
  });

  it("refuses a function, or an object that holds the client, because it would keep using the client", () => {
    const { options } = setUp();
    for (const [name, make] of [
      ["ask", (client: OpenAI) => () => client.responses.create(REQUEST)],
      ["helper", (client: OpenAI) => ({ client })],
      ["self", (client: OpenAI) => client],
    ] as const) {
      const client = new Client(options);
      Object.assign(client, { [name]: make(client) });
      expect(() => withFileCitations(client)).toThrow(copyThat(`lacks the client's own ${name}`));
    }
  });

  it("refuses state that cannot be set on the copy", () => {
    const { options } = setUp();
    class Sealed extends Client {
      constructor({ team, ...rest }: ConstructorParameters<typeof OpenAI>[0] & { team?: string }) {
        super(rest);
        Object.defineProperty(this, "team", { value: team });
      }
    }
    expect(() => withFileCitations(new Sealed({ ...options, team: "mine" }))).toThrow(
      copyThat("lacks the client's own team"),
    );
  });

  it("refuses a subclass that does not use the fetch it is given", () => {
    const { options } = setUp();
    const fault = copyThat("does not send its requests through the fetch passed to withOptions");
    class OwnFetch extends Client {
      constructor(given: object) {
        super({ ...given, ...options });
      }
    }
    expect(() => withFileCitations(new OwnFetch({}))).toThrow(fault);
    class OwnSender extends Client {
      override responses = new Client(options).responses;
    }
    expect(() => withFileCitations(new OwnSender(options))).toThrow(fault);
    class NoCopy extends Client {
      override withOptions(): never {
        return undefined as never;
      }
    }
    expect(() => withFileCitations(new NoCopy(options))).toThrow(fault);
  });
});

it.each([
  ["openai 6", AzureOpenAI],
  ["openai 7", AzureOpenAI7 as unknown as typeof AzureOpenAI],
])("refuses an AzureOpenAI client of %s in a proxy, and copies the client itself", (_, Client) => {
  const azure = new Client({ apiKey: "k", endpoint: "http://127.0.0.1:9", apiVersion: "2025-04-01-preview" });
  expect(() => withFileCitations(observed(azure, []))).toThrow(ADVICE);
  expect(withFileCitations(azure).apiVersion).toBe("2025-04-01-preview");
});
