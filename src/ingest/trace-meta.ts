/** What a trace says about itself: its start, its name, and where it came from. */
import { basename } from 'node:path';
import { createManifest, hashInput, sha256Hex } from '../manifest.js';
import type { TraceMeta } from '../types.js';
import type { ChosenInput } from './choose-inputs.js';
import type { Instant, RowCollector } from './collector.js';
import type { KnownFormat } from './format.js';
import type { IngestOptions } from './options.js';
import type { TimeFacts } from './quality.js';
import type { RowTally } from './tally.js';

/** What reading left about times. */
interface ReadTimes {
  readonly rows: Pick<RowCollector, 'start'>;
  readonly tally: Pick<RowTally, 'places'>;
}

/** Name of a trace by that of its first input, an archive's by its own. */
export function nameOf(input: string): string {
  const name = input
    .split(':')[0]
    .replace(/(\.(csv|jsonl|ndjson|json|log|txt|parquet|gz|zst|tar|tgz|tsv))+$/i, '');
  return name === '' ? 'trace' : name;
}

const YEAR_2000_SEC = 946_684_800;

export function timeFacts(
  read: ReadTimes,
  format: KnownFormat,
  zoneName: string,
  isZoneGiven: boolean,
): TimeFacts {
  const start = read.rows.start();
  const isEpoch =
    format.timeOrigin === 'epoch' || (format.timeOrigin === 'auto' && start.sec > YEAR_2000_SEC);
  return {
    resolutionNs: 10 ** (9 - read.tally.places),
    origin: isEpoch ? 'epoch' : 'start',
    zoneName,
    isZoneGiven,
    start,
  };
}

/** The first arrival as RFC 3339 with the digits that the source wrote. */
export function startUtc({ sec, nanos }: Instant, places: number): string {
  const whole = new Date(sec * 1_000).toISOString().slice(0, 19);
  const fraction = String(nanos).padStart(9, '0').slice(0, places);
  return fraction === '' ? `${whole}Z` : `${whole}.${fraction}Z`;
}

/** Where the trace came from; equal content has equal manifests. */
export async function manifestOf(
  options: IngestOptions,
  format: KnownFormat,
  inputs: readonly ChosenInput[],
): Promise<TraceMeta['manifest']> {
  const { map } = options;
  return createManifest({
    command: 'ingest',
    options: {
      format: format.name,
      map:
        map === undefined
          ? undefined
          : typeof map === 'string'
            ? basename(map)
            : sha256Hex(JSON.stringify(map)),
      tz: options.tz,
      strict: options.strict,
      name: options.name,
      keepIds: options.keepIds,
      allowTruncated: options.allowTruncated,
      recoverSessions: options.recoverSessions,
      keepText: options.keepText === undefined ? undefined : true,
      tokenizer: options.tokenizer === undefined ? undefined : basename(options.tokenizer),
    },
    inputs: [
      ...inputs.map(({ source }) => source.manifest()),
      ...(typeof map === 'string' ? [await hashInput(map)] : []),
    ],
    timestamp: false,
  });
}
