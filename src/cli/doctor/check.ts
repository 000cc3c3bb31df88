/** Defines the result of one check of `doctor`. */

/** `"warning"`: the package works, but the user should know something. `"skipped"`: the check was not made. */
export type Mark = "ok" | "warning" | "failed" | "skipped";

export interface Check {
  name: string;
  mark: Mark;
  /** What was observed. */
  seen: string;
  /** What the user should do. */
  advice?: string;
}

/** The result of a check, without the check's name. */
export type Finding = Omit<Check, "name">;

export const ok = (seen: string): Finding => ({ mark: "ok", seen });
export const skipped = (seen: string): Finding => ({ mark: "skipped", seen });
export const warning = (seen: string, advice: string): Finding => ({ mark: "warning", seen, advice });
export const failed = (seen: string, advice: string): Finding => ({ mark: "failed", seen, advice });
