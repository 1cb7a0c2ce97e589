/** Traces: rows and column batches, and what a trace file says about itself. */
import type { Manifest } from './common.js';

export type Operation = 'chat' | 'completion' | 'embedding' | 'rerank' | 'other';

export type TraceStatus =
  | 'ok'
  | 'http_error'
  | 'stream_error'
  | 'truncated'
  | 'timeout'
  | 'cancelled'
  | 'unknown';

/** One request. null = unknown; 0 = zero. */
export interface TraceRow {
  /** Offset from the trace's start, ns. */
  readonly arrivalNs: bigint;
  /** Whole prompt, cached part included. */
  readonly inputTokens: number | null;
  /** Generated, reasoning included. */
  readonly outputTokens: number | null;
  readonly cachedTokens: number | null;
  readonly reasoningTokens: number | null;
  /** The cap that the client asked for. */
  readonly maxOutputTokens: number | null;
  readonly requestId: string | null;
  readonly sessionId: string | null;
  readonly parentId: string | null;
  /** 1-based place in the session. */
  readonly turn: number | null;
  /** From the end of the parent's answer to this arrival, ns. */
  readonly thinkNs: bigint | null;
  readonly clientId: string | null;
  readonly model: string | null;
  readonly adapter: string | null;
  readonly operation: Operation;
  readonly stream: boolean | null;
  readonly images: number | null;
  /** Prefix-cache block ids, unsigned 64-bit; length = ceil(inputTokens / block size). */
  readonly blockHashes: readonly bigint[] | null;
  readonly status: TraceStatus;
  readonly httpStatus: number | null;
  readonly ttftNs: bigint | null;
  readonly durationNs: bigint | null;
}

/** Column of 32-bit integers; `valid[i] === 0` marks an unknown value; `valid` null = all known. */
export interface Int32Column {
  readonly values: Int32Array;
  readonly valid: Uint8Array | null;
}

/** Column of 64-bit integers, same rule. */
export interface Int64Column {
  readonly values: BigInt64Array;
  readonly valid: Uint8Array | null;
}

/** Column of booleans (0 or 1), same rule. */
export interface BoolColumn {
  readonly values: Uint8Array;
  readonly valid: Uint8Array | null;
}

/** Dictionary-coded strings: code −1 = unknown. */
export interface StringColumn {
  readonly codes: Int32Array;
  readonly dictionary: readonly string[];
}

/** Lists of unsigned 64-bit integers: row i owns values[offsets[i] .. offsets[i + 1]). */
export interface U64ListColumn {
  readonly offsets: Uint32Array;
  readonly values: BigUint64Array;
  readonly valid: Uint8Array | null;
}

/**
 * A run of consecutive trace rows, by column. A missing column is unknown in every row (for `operation`: `other`,
 * for `status`: `unknown`).
 */
export interface TraceBatch {
  readonly rowCount: number;
  readonly arrivalNs: BigInt64Array;
  readonly inputTokens?: Int32Column;
  readonly outputTokens?: Int32Column;
  readonly cachedTokens?: Int32Column;
  readonly reasoningTokens?: Int32Column;
  readonly maxOutputTokens?: Int32Column;
  readonly requestId?: StringColumn;
  readonly sessionId?: StringColumn;
  readonly parentId?: StringColumn;
  readonly turn?: Int32Column;
  readonly thinkNs?: Int64Column;
  readonly clientId?: StringColumn;
  readonly model?: StringColumn;
  readonly adapter?: StringColumn;
  readonly operation?: StringColumn;
  readonly stream?: BoolColumn;
  readonly images?: Int32Column;
  readonly blockHashes?: U64ListColumn;
  readonly status?: StringColumn;
  readonly httpStatus?: Int32Column;
  readonly ttftNs?: Int64Column;
  readonly durationNs?: Int64Column;
}

/** What a timestamp of the source meant. `synthetic` = drawn from a model. */
export type ArrivalBasis = 'arrival' | 'end' | 'log_write' | 'synthetic' | 'unknown';

/** Rows left out, by reason, with the first place where it happened. */
export interface RejectCount {
  readonly reason: string;
  readonly rows: number;
  /** 1-based line of the first such row in its file; null when the source has no lines. */
  readonly firstLine: number | null;
  readonly firstFile: string | null;
  /** What was found there, shortened; never prompt text. */
  readonly example: string | null;
}

/** The verdict on the source's clock (grid detection: common positive gap g, ties, share on multiples of g). */
export interface ClockAudit {
  /** Smallest digit step of the timestamps as written, ns. */
  readonly resolutionNs: number;
  /** Share of gaps that are exactly zero, 0–1. */
  readonly tieShare: number;
  /** Grid step when the clock is coarse (≥ 50 ms and > 20 % ties), else null. */
  readonly gridNs: number | null;
  /** Sentence for people. */
  readonly finding: string;
}

/** What a length column shows beside its shape. */
export interface LengthFacts {
  readonly knownRows: number;
  readonly unknownRows: number;
  readonly zeroRows: number;
  /** Over known values; null = none. */
  readonly meanTokens: number | null;
  readonly minTokens: number | null;
  readonly maxTokens: number | null;
  /** The top values when they hold more rows than a tail would. */
  readonly cap: { readonly fromTokens: number; readonly toTokens: number; readonly rows: number } | null;
  /** The smallest value when it holds more rows than a tail would. */
  readonly floor: { readonly tokens: number; readonly rows: number } | null;
  /** Values far more frequent than their neighbours, most frequent first, at most 20; templates and system prompts. */
  readonly atoms: readonly { readonly tokens: number; readonly rows: number }[];
  readonly atomCount: number;
}

/** One quarter of a trace's time. */
export interface QuarterFacts {
  /** Offset from the trace's start, ns. */
  readonly fromNs: number;
  readonly rows: number;
  readonly ratePerSec: number;
  /** Over known values; null = none. */
  readonly meanInputTokens: number | null;
  readonly meanOutputTokens: number | null;
}

/** A stretch without any arrival. */
export interface SilenceFacts {
  /** Offset of its beginning from the trace's start, ns. */
  readonly fromNs: number;
  readonly lengthNs: number;
}

/** Facts that a person should see before trusting a log. All token sums are over known values. */
export interface TraceQuality {
  readonly rowsIn: number;
  readonly rowsOut: number;
  readonly rejects: readonly RejectCount[];
  readonly outOfOrderRows: number;
  readonly clock: ClockAudit;
  /** How zone-less times were read, e.g. `UTC (assumed: no zone in the source)`. */
  readonly zoneRule: string;
  readonly statusCounts: Readonly<Record<string, number>>;
  readonly unknownInputRows: number;
  readonly unknownOutputRows: number;
  readonly zeroOutputRows: number;
  readonly notes: readonly string[];
  /** Records read from the source, where they are not one to one with requests; absent in traces of older versions. */
  readonly recordsIn?: number;
  /** Deliveries of a request that was already there (same id, same arrival): left out, and among the rejects. */
  readonly duplicateRows?: number;
  /** Rows equal to another of the same instant in every column, in sources without request ids: kept. */
  readonly lookAlikeRows?: number;
  /** Rows that arrive at the instant of the row before them. */
  readonly tiedRows?: number;
  /** Rows whose lengths were counted from text by a tokenizer. */
  readonly estimatedRows?: number;
  /** Rows by HTTP status where the source has it. */
  readonly httpStatusCounts?: Readonly<Record<string, number>>;
  readonly inputLengths?: LengthFacts;
  readonly outputLengths?: LengthFacts;
  /** Longest stretches without arrivals that the mean rate does not explain, longest first. */
  readonly silences?: readonly SilenceFacts[];
  /** Four equal parts of the trace's time; empty when it has no length. */
  readonly quarters?: readonly QuarterFacts[];
}

/** What a trace file carries beside its rows (Parquet key-value metadata under the key `tokentide`). */
export interface TraceMeta {
  readonly schemaVersion: 1;
  readonly kind: 'trace';
  readonly name: string;
  /** RFC 3339 UTC with up to nine fraction digits; null when the source has only relative time. */
  readonly startUtc: string | null;
  readonly timeResolutionNs: number | null;
  readonly arrivalBasis: ArrivalBasis;
  /** Tokens per entry of block_hashes; null when there are none. */
  readonly blockSize: number | null;
  readonly droppedRows: Readonly<Record<string, number>>;
  readonly quality: TraceQuality | null;
  readonly manifest: Manifest;
  /** SHA-256 over the rows' values by column, independent of codec and batch size; lower-case hex. */
  readonly contentHash: string;
}

/** `TraceMeta` before its rows are written. */
export type TraceMetaDraft = Omit<TraceMeta, 'contentHash'>;
