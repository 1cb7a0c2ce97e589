/**
 * Parquet files of the same columns joined into one: the bytes of their row groups one after the other, and one footer
 * with the places moved. So row groups can be encoded side by side and still make one file. Source: parquet.thrift.
 */
import { type FileHandle, open } from 'node:fs/promises';
import { readFooter, writeFooter } from './parquet-footer.js';
import { fieldOf, readThrift, setField, type ThriftList, type ThriftStruct, writeThrift } from './thrift.js';

const FILE = { rows: 3, rowGroups: 4 };
const GROUP = { columns: 1, fileOffset: 5, ordinal: 7 };
const CHUNK = { metadata: 3, offsetIndex: 4, columnIndex: 6 };
/** Data pages, index pages, dictionary page, bloom filter. */
const PLACES = [9, 10, 11, 14];
const MAGIC_BYTES = 4;
const COPY_BYTES = 4 << 20;

/** Appends the row groups of `parts` to the file at `path`, in their order. */
export async function joinParquet(path: string, parts: readonly string[]): Promise<void> {
  const target = await open(path, 'r+');
  try {
    const { footer, startByte } = await readFooter(target);
    const meta = readThrift(footer);
    const groups = fieldOf(meta, FILE.rowGroups) as ThriftList;
    let at = startByte;
    let rows = fieldOf(meta, FILE.rows) as number;
    for (const part of parts) {
      const source = await open(part, 'r');
      try {
        const { footer: partFooter, startByte: end } = await readFooter(source);
        const partMeta = readThrift(partFooter);
        for (const group of (fieldOf(partMeta, FILE.rowGroups) as ThriftList).items as ThriftStruct[]) {
          moveGroup(group, at - MAGIC_BYTES, groups.items.length);
          groups.items.push(group);
        }
        rows += fieldOf(partMeta, FILE.rows) as number;
        await copy(source, MAGIC_BYTES, end, target, at);
        at += end - MAGIC_BYTES;
      } finally {
        await source.close();
      }
    }
    setField(meta, FILE.rows, rows);
    await writeFooter(target, writeThrift(meta), at);
  } finally {
    await target.close();
  }
}

function moveGroup(group: ThriftStruct, by: number, ordinal: number): void {
  move(group, GROUP.fileOffset, by);
  setField(group, GROUP.ordinal, ordinal);
  for (const chunk of (fieldOf(group, GROUP.columns) as ThriftList).items as ThriftStruct[]) {
    move(chunk, CHUNK.offsetIndex, by);
    move(chunk, CHUNK.columnIndex, by);
    const metadata = fieldOf(chunk, CHUNK.metadata) as ThriftStruct;
    for (const id of PLACES) move(metadata, id, by);
  }
}

function move(struct: ThriftStruct, id: number, by: number): void {
  const place = fieldOf(struct, id);
  if (typeof place === 'number') setField(struct, id, place + by);
}

async function copy(
  source: FileHandle,
  from: number,
  end: number,
  target: FileHandle,
  to: number,
): Promise<void> {
  const buffer = Buffer.allocUnsafe(COPY_BYTES);
  for (let at = from; at < end; ) {
    const { bytesRead } = await source.read(buffer, 0, Math.min(COPY_BYTES, end - at), at);
    if (bytesRead === 0) throw new Error('a part of the Parquet file ends early');
    await target.write(buffer, 0, bytesRead, to + at - from);
    at += bytesRead;
  }
}
