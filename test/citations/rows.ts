/** Runs tables of tests: each row is a rule with several texts in which the expected outcome is marked. */
import { describe, expect, test } from "vitest";
import { casesOf, type Row } from "./cases.js";
import { resolved } from "./forms.js";

/** Declares the tests of a table. */
export function describeRows(table: readonly Row[]): void {
  describe.each(table)("$rule", (row: Row) => {
    test.each(casesOf(row))("$source", ({ text, files, annotations, outcome }) => {
      expect(resolved(text, files, annotations)).toEqual(outcome);
    });
  });
}
