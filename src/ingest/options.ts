/** What an ingest is given and what it returns. */
import type { ProgressListener, TraceMeta, TraceQuality } from '../types.js';
import type { IngestMap } from './map.js';
import type { PrivacyAudit } from './privacy-audit.js';

export interface IngestOptions {
  /** Files, folders or patterns, in any order; `-` = standard input. */
  readonly inputs: readonly string[];
  /** Path of the trace. */
  readonly output: string;
  /** Name of a format; default `auto`. */
  readonly format?: string;
  /** Mapping: its path, or the mapping itself (checked or plain). Goes before `format`. */
  readonly map?: string | IngestMap | object;
  /** Zone of times that name none: UTC, +05:30 or an IANA name. Default UTC, whatever the host's zone. */
  readonly tz?: string;
  /** Any bad row is fatal. */
  readonly strict?: boolean;
  /** Name of the trace; default: the first input's. */
  readonly name?: string;
  /** Keep identifiers as they are. Default: keyed pseudonyms. */
  readonly keepIds?: boolean;
  /** Secret that the pseudonyms depend on; default: random, so that they cannot be joined with another ingest. */
  readonly pseudonymKey?: string;
  /** A compressed file that ends early is no error: what came before it is all there is. */
  readonly allowTruncated?: boolean;
  /**
   * Tokenizer for texts whose lengths are not logged: cl100k_base, o200k_base, or the path of a Hugging Face
   * tokenizer.json. Default: such lengths are unknown.
   */
  readonly tokenizer?: string;
  /** Path of a file for prompts and answers, JSON lines keyed by request id; default: text is dropped. */
  readonly keepText?: string;
  /**
   * Before the trace gets its name, look for its words in the inputs, which are read once more; BAD_TRACE when an
   * identifier or text of theirs is in it. Not with `keepIds`, not for standard input (USAGE).
   */
  readonly auditPrivacy?: boolean;
  /** Tell sessions from block ids where the source names none. Throws BAD_VALUE for a format without block ids. */
  readonly recoverSessions?: boolean;
  /** Rows kept in memory before they are sorted on disk, bytes; default 256 MiB. */
  readonly sortBudgetBytes?: number;
  readonly compat?: 'parquetjs' | null;
  readonly signal?: AbortSignal;
  readonly progress?: ProgressListener;
}

export interface IngestResult {
  readonly output: string;
  readonly rows: number;
  readonly bytes: number;
  readonly contentHash: string;
  readonly format: {
    readonly name: string;
    readonly title: string;
    /** Why this format. */
    readonly reason: string;
    /** What came second in detection; null = nothing else came near, or the format was given. */
    readonly second: string | null;
  };
  readonly meta: TraceMeta;
  readonly quality: TraceQuality;
  /** What the scan of `auditPrivacy` covered; absent when it was not asked for. */
  readonly privacyAudit?: PrivacyAudit;
  readonly files: readonly { readonly name: string; readonly rows: number; readonly rejected: number }[];
}
