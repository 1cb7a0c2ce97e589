/**
 * The one error type that users see, and the table of its stable codes.
 *
 * Every refusal names what was required, what came instead, and what to type next. Only `cli/main.ts` catches;
 * library users receive the same object. Exit statuses follow the design's command table.
 */

/** Process exit statuses, by meaning. */
export const EXIT = {
  ok: 0,
  bug: 1,
  usage: 2,
  badInput: 3,
  unreachable: 4,
  sloMissed: 5,
  runInvalid: 6,
  interrupted: 130,
} as const;

/** Exit status of each stable error code. */
export const ERROR_CODES = {
  USAGE: EXIT.usage,
  UNKNOWN_OPTION: EXIT.usage,
  UNKNOWN_KEY: EXIT.usage,
  BAD_VALUE: EXIT.usage,
  FILE_NOT_FOUND: EXIT.badInput,
  FILE_EMPTY: EXIT.badInput,
  FILE_UNREADABLE: EXIT.badInput,
  FORMAT_UNKNOWN: EXIT.badInput,
  HEADER_MISMATCH: EXIT.badInput,
  BAD_ROWS: EXIT.badInput,
  NO_ROWS: EXIT.badInput,
  BAD_TRACE: EXIT.badInput,
  BAD_MODEL: EXIT.badInput,
  BAD_ENGINE: EXIT.badInput,
  BAD_PROFILE: EXIT.badInput,
  BAD_RUN: EXIT.badInput,
  BAD_PLAN: EXIT.badInput,
  BAD_RESULT: EXIT.badInput,
  BAD_AUTOSCALER: EXIT.badInput,
  TOO_FEW_ROWS: EXIT.badInput,
  NO_FEASIBLE_PLAN: EXIT.sloMissed,
  SLO_MISSED: EXIT.sloMissed,
  ENDPOINT_UNREACHABLE: EXIT.unreachable,
  PORT_IN_USE: EXIT.badInput,
  RUN_INVALID: EXIT.runInvalid,
  INTERRUPTED: EXIT.interrupted,
  OUTPUT_UNWRITABLE: EXIT.badInput,
  NO_BROWSER: EXIT.badInput,
} as const;

export type ErrorCode = keyof typeof ERROR_CODES;

export interface ToolErrorOptions {
  readonly code: ErrorCode;
  /** What was required and what came, with the place (file, line, key). */
  readonly message: string;
  /** What to type or change next. */
  readonly hint: string;
  readonly cause?: unknown;
}

/** A refusal that the user can act on. Anything else that reaches the top is our bug (exit 1). */
export class ToolError extends Error {
  readonly code: ErrorCode;
  readonly hint: string;
  readonly exitCode: number;

  constructor(options: ToolErrorOptions) {
    super(options.message, { cause: options.cause });
    this.name = 'ToolError';
    this.code = options.code;
    this.hint = options.hint;
    this.exitCode = ERROR_CODES[options.code];
  }
}

/**
 * The candidate closest to `word` by Damerau–Levenshtein distance (optimal string alignment), or null when
 * nothing is within half of the word's length. Used for "did you mean" hints. Cost O(|a|·|b|) per candidate.
 */
export function nearestWord(word: string, candidates: Iterable<string>): string | null {
  let best: string | null = null;
  let bestDistance = Math.max(1, Math.floor(word.length / 2)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let previous2: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let value = Math.min(previous[j] + 1, current[j - 1] + 1, previous[j - 1] + cost);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        value = Math.min(value, previous2[j - 2] + 1);
      }
      current.push(value);
    }
    previous2 = previous;
    previous = current;
  }
  return previous[b.length];
}
