/**
 * What a conversion target is: one file in `targets/` exports the targets of one tool, `targets/index.ts` lists them all.
 * A target declares its columns, their units and what it needs, so that what gets lost follows from the declaration.
 * Arrow: trace → other tools' inputs.
 */
import type { TraceMeta, TraceRow } from '../types.js';

/** A column of the target's file. */
export interface TargetColumn {
  readonly name: string;
  /** Column of the trace that it holds. */
  readonly from: keyof TraceRow;
  /** Unit and meaning, for `--list-formats`. */
  readonly meaning: string;
}

/** What the writer of a text target is opened with. */
export interface TargetContext {
  readonly meta: TraceMeta;
  /** Tokens per block of the rows' block ids as they come; null = they have none. */
  readonly blockSize: number | null;
  /** Columns of the trace with a known value in some row. */
  readonly present: ReadonlySet<keyof TraceRow>;
  /** Made-up text with exactly the row's number of prompt tokens; equal blocks give equal text. */
  promptOf(row: TraceRow): string;
}

/** Text of one file: what comes before the rows, each row (rounded to the target's step, in order), what comes after. */
export interface TargetText {
  readonly begin: string;
  row(row: TraceRow): string;
  readonly end: string;
}

interface TargetBase {
  /** Word after `--to`. */
  readonly name: string;
  readonly title: string;
  /** Name of the ingest format that reads it back. */
  readonly readAs: string;
  readonly sourceUrl: string;
  readonly columns: readonly TargetColumn[];
  /** Columns of the trace that every row of the file must know. */
  readonly required: readonly (keyof TraceRow)[];
}

/** A target of lines or one JSON document. */
export interface TextTarget extends TargetBase {
  readonly kind: 'text';
  /** Times are rounded to whole multiples of this, ns; 1 = exact. */
  readonly stepNs: bigint;
  /** Whether the file holds the instant of the trace's start. */
  readonly hasStart: boolean;
  /** Tokens per block that readers of block ids assume; `own` = whatever the trace has; null = it has no block ids. */
  readonly blockSize: number | 'own' | null;
  /** Whether it needs prompt texts, which are made up. */
  readonly writesPrompts: boolean;
  /** What the user must know or type to use the file. */
  advice(context: Pick<TargetContext, 'meta' | 'blockSize'>): readonly string[];
  open(context: TargetContext): TargetText;
}

/** A target in the columns of the trace itself. */
export interface ColumnarTarget extends TargetBase {
  readonly kind: 'parquet' | 'arrow';
}

export type ConvertTarget = TextTarget | ColumnarTarget;
