/** `npm run mutation`: whether the tests of src/citations notice when it does something else. */
export default {
  testRunner: "vitest",
  vitest: { configFile: "vitest.mutation.config.ts" },
  mutate: ["src/citations/**/*.ts"],
  coverageAnalysis: "perTest",
  // What was found out stays until the file or its tests change: the whole takes long.
  incremental: true,
  incrementalFile: ".stryker/incremental.json",
  tempDirName: ".stryker/sandbox",
  htmlReporter: { fileName: ".stryker/report.html" },
  reporters: ["clear-text", "html"],
  clearTextReporter: { allowColor: false, reportTests: false },
  thresholds: { high: 90, low: 85, break: 85 },
  concurrency: 2,
  // It would rewrite its paths with TypeScript's API, which version 7 does not have; vitest needs nothing of it.
  tsconfigFile: "none",
};
