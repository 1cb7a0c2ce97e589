/** Rows, rejects and counts of an input, as values: to hold a fast lane against the record reader. */
import type { KnownFormat, Sample } from '../../src/ingest/format.js';
import { openFormat } from '../../src/ingest/handler.js';
import { Pseudonyms } from '../../src/ingest/pseudonyms.js';
import { RecordPump } from '../../src/ingest/record-pump.js';
import { RejectTable } from '../../src/ingest/rejects.js';
import type { RowBlock } from '../../src/ingest/row-block.js';
import { RowTally } from '../../src/ingest/tally.js';
import { TimeReader } from '../../src/ingest/time.js';
import { parseZone } from '../../src/ingest/zone.js';

/** What a reader makes of an input's bytes, fed in chunks of a size. */
export function readInChunks(format: KnownFormat, sample: Sample, chunkBytes: number): unknown {
  const { bytes } = sample;
  const blocks: RowBlock[] = [];
  const rejects = new RejectTable(false);
  const tally = new RowTally();
  const pump = new RecordPump(
    format,
    openFormat(format, new Pseudonyms(null), null),
    { rows: { add: (block) => blocks.push(block) }, rejects, tally, times: new TimeReader(parseZone('UTC')) },
    7,
  );
  pump.begin(sample);
  for (let at = 0; at < bytes.length; at += chunkBytes)
    pump.feed(Buffer.from(bytes.subarray(at, at + chunkBytes)));
  pump.endInput(false);
  pump.finish();
  const rows = blocks.flatMap((block) =>
    Array.from({ length: block.rowCount }, (_, at) => [
      block.secs[at],
      block.nanos[at],
      ...block.columns.map((column) => {
        if (column === null) return null;
        if ('codes' in column) return column.codes[at] < 0 ? null : column.dictionary[column.codes[at]];
        if (column.valid !== null && column.valid[at] === 0) return null;
        if ('offsets' in column) return [...column.values.slice(column.offsets[at], column.offsets[at + 1])];
        return column.values[at];
      }),
    ]),
  );
  return { rows, rejects: rejects.list(), tally: { ...tally }, lines: pump.linesRead };
}
