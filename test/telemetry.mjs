/**
 * Sets up OpenTelemetry's SDK with in-memory exporters before a program starts (`node --import`), as an application does. When
 * the program ends, prints what was exported: a line of JSON for each span, and a line for the metrics, if there are any.
 */
import { context, metrics, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";

const spans = new InMemorySpanExporter();
const exported = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
const reader = new PeriodicExportingMetricReader({ exporter: exported, exportIntervalMillis: 2 ** 30 });
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] }));
metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }));

process.once("beforeExit", async () => {
  await reader.forceFlush();
  for (const { name, attributes, status, duration, parentSpanContext } of spans.getFinishedSpans()) {
    const ms = duration[0] * 1000 + duration[1] / 1e6;
    console.log(
      JSON.stringify({
        name,
        attributes,
        status: status.code,
        ms,
        hasParent: parentSpanContext !== undefined,
      }),
    );
  }
  const found = exported
    .getMetrics()
    .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics));
  const points = found.map(({ descriptor: { name, unit }, dataPoints }) => [
    `${name} ${unit}`,
    dataPoints.map(({ attributes, value }) => [attributes, typeof value === "number" ? value : value.count]),
  ]);
  if (points.length > 0) console.log(JSON.stringify(Object.fromEntries(points)));
});
