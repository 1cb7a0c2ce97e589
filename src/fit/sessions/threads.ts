/**
 * Links → threads: chains in which each request has at most one successor, as the generator makes them. Of several
 * successors (a regenerated answer, an edited message) the first continues the thread; the others begin threads of their
 * own, which share its prefix.
 */

export interface Threads {
  /** Place of each row in its thread, from 1. */
  readonly turn: Int32Array;
  /** Row before and after in the thread, −1 = none. */
  readonly previous: Int32Array;
  readonly next: Int32Array;
  /** First row of the thread. */
  readonly first: Int32Array;
  readonly continuations: number;
}

/** `parents` point to earlier rows. */
export function threadsOf(parents: Int32Array): Threads {
  const n = parents.length;
  const turn = new Int32Array(n);
  const previous = new Int32Array(n).fill(-1);
  const next = new Int32Array(n).fill(-1);
  const first = new Int32Array(n);
  let continuations = 0;
  for (let i = 0; i < n; i++) {
    const parent = parents[i];
    const continues = parent >= 0 && next[parent] < 0;
    turn[i] = continues ? turn[parent] + 1 : 1;
    first[i] = continues ? first[parent] : i;
    if (!continues) continue;
    previous[i] = parent;
    next[parent] = i;
    continuations += 1;
  }
  return { turn, previous, next, first, continuations };
}

/** Rows that follow another, in order. */
export function continuationRows({ previous, continuations }: Threads): Uint32Array {
  const rows = new Uint32Array(continuations);
  let k = 0;
  previous.forEach((before, row) => {
    if (before >= 0) rows[k++] = row;
  });
  return rows;
}

/** Turns that share one curve: from `turnFrom` up to the next group's. */
export interface TurnGroup {
  readonly turnFrom: number;
  readonly rows: Uint32Array;
}

const GROUP_ROWS = 150;
const MOST_GROUPS = 4;

/** Groups rows by `turnOf`, merging later turns until each group has rows enough for a curve. */
export function groupByTurn(rows: Uint32Array, turnOf: (row: number) => number): TurnGroup[] {
  const counts: number[] = [];
  for (const row of rows) counts[turnOf(row)] = (counts[turnOf(row)] ?? 0) + 1;
  const starts: number[] = [];
  let left = rows.length;
  let open = 0;
  for (let turn = 1; turn < counts.length; turn++) {
    if (starts.length === 0 || (open >= GROUP_ROWS && left >= GROUP_ROWS && starts.length < MOST_GROUPS)) {
      starts.push(turn);
      open = 0;
    }
    open += counts[turn] ?? 0;
    left -= counts[turn] ?? 0;
  }
  return starts.map((turnFrom, k) => {
    const below = starts[k + 1] ?? Number.POSITIVE_INFINITY;
    return { turnFrom, rows: rows.filter((row) => turnOf(row) >= turnFrom && turnOf(row) < below) };
  });
}
