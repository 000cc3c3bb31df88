/**
 * For `npm run mutation`. Stryker makes small changes (mutants) to src/citations and checks whether a test fails for each of them.
 * docs/mutation.md shows the results.
 */
export default {
  testRunner: "vitest",
  vitest: { configFile: "vitest.mutation.config.ts" },
  mutate: ["src/citations/**/*.ts"],
  coverageAnalysis: "perTest",
  // Keeps the result of a mutant until its code or its tests change, because a whole run takes hours.
  incremental: true,
  incrementalFile: ".stryker/incremental.json",
  tempDirName: ".stryker/sandbox",
  htmlReporter: { fileName: ".stryker/report.html" },
  reporters: ["clear-text", "html"],
  clearTextReporter: { allowColor: false, reportTests: false },
  thresholds: { high: 90, low: 85, break: 85 },
  concurrency: 2,
  // Stryker would change paths in tsconfig.json with TypeScript's API, which TypeScript 7 does not have. `none` prevents this.
  tsconfigFile: "none",
};
