// Starts five tracers that send their traces nowhere. Each has a function that adds tracing: `traced(client)`, `create(options)`
// or `patch(sdk)`. Each also has `traces()`, which returns one text for each trace since the last call of `traces()`.
import { OpenAIInstrumentation } from "@arizeai/openinference-instrumentation-openai";
import { observeOpenAI } from "@langfuse/openai";
import { setLangfuseTracerProvider } from "@langfuse/tracing";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { OpenAI as PostHogOpenAI } from "@posthog/ai/openai";
import {
  wrapOpenAI as braintrust,
  _exportsForTestingOnly as braintrustTesting,
  initLogger,
} from "braintrust";
import { Client as LangSmithClient } from "langsmith";
import { wrapOpenAI as langSmith } from "langsmith/wrappers";
import { PostHog } from "posthog-node";

const accepted = () => new Response("{}", { status: 202, headers: { "content-type": "application/json" } });

function spans() {
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  return {
    provider,
    async traces() {
      await provider.forceFlush();
      const texts = exporter.getFinishedSpans().map(({ attributes }) => JSON.stringify(attributes));
      exporter.reset();
      return texts;
    },
  };
}

export function langSmithTracer() {
  const bodies = [];
  const client = new LangSmithClient({
    apiUrl: "http://127.0.0.1:9",
    apiKey: "test",
    autoBatchTracing: false,
    async fetchImplementation(_url, { method, body }) {
      if (method === "PATCH") bodies.push(new TextDecoder().decode(body));
      return accepted();
    },
  });
  return {
    traced: (openai) => langSmith(openai, { client, tracingEnabled: true }),
    async traces() {
      await client.awaitPendingTraceBatches();
      return bodies.splice(0);
    },
  };
}

export function langfuseTracer() {
  const { provider, traces } = spans();
  setLangfuseTracerProvider(provider);
  return { traced: (openai) => observeOpenAI(openai), traces };
}

export async function braintrustTracer() {
  braintrustTesting.setInitialTestState();
  await braintrustTesting.simulateLoginForTests();
  const log = braintrustTesting.useTestBackgroundLogger();
  initLogger({ projectName: "test", projectId: "test" });
  return {
    traced: (openai) => braintrust(openai),
    traces: async () => (await log.drain()).map((row) => JSON.stringify(row)),
  };
}

export function postHogTracer() {
  const events = [];
  const posthog = new PostHog("test", {
    host: "http://127.0.0.1:9",
    disableCompression: true,
    async fetch(_url, { body }) {
      for (const event of JSON.parse(body).batch) events.push(JSON.stringify(event));
      return accepted();
    },
  });
  return {
    create: (options) => new PostHogOpenAI({ ...options, posthog }),
    async traces() {
      await posthog.flush();
      return events.splice(0);
    },
  };
}

export function openInferenceTracer() {
  const { provider, traces } = spans();
  const instrumentation = new OpenAIInstrumentation({ tracerProvider: provider });
  return { patch: (sdk) => instrumentation.manuallyInstrument(sdk), traces };
}
