/**
 * Column batches → a Parquet file, by our own encoder: format version 1, one data page per column chunk, row groups of
 * fixed size encoded side by side and written in order. A few row groups are in memory, whatever the number of rows; the
 * same rows give the same bytes on every machine, however they were cut and however many threads there are.
 */
import { type FileHandle, open } from 'node:fs/promises';
import type { Worker } from 'node:worker_threads';
import { toolVersion } from '../manifest.js';
import type { ColumnBatch, Field } from './columns.js';
import { contentHashOf } from './content-hash.js';
import { EncodePool } from './encode-pool.js';
import type { Profile } from './parquet-column.js';
import type { EncodedGroup } from './parquet-encode.js';
import { fileFooter, groupFooter, type KeyValue, MAGIC } from './parquet-footer.js';
import { type RowGroup, RowGroups } from './row-groups.js';

export interface ParquetJob {
  readonly path: string;
  readonly fields: readonly Field[];
  readonly batches: Iterable<ColumnBatch> | AsyncIterable<ColumnBatch>;
  readonly rowGroupRows: number;
  readonly profile: Profile;
  /** Metadata of the file, asked for after the last batch; null = none. `contentHash` is empty unless `isHashed`. */
  readonly keyValue: (contentHash: string) => KeyValue | null | Promise<KeyValue | null>;
  /** Whether a content hash of the rows is wanted. */
  readonly isHashed?: boolean;
  /** Threads that encode beside this one; default: one per further core, up to four; 0 = this one encodes. */
  readonly threads?: number;
  /** Threads that have nothing else to do, to encode with (EncodePool). */
  readonly lent?: readonly Worker[];
}

/** Writes the file. An error that the batches throw comes out as it is. */
export async function writeParquet(job: ParquetJob): Promise<void> {
  const pool = new EncodePool(job.fields, job.profile, job.isHashed === true, job.threads, job.lent);
  const file = await open(job.path, 'w');
  try {
    const writer = new GroupWriter(file, job.fields);
    const groups = new RowGroups(job.fields, job.rowGroupRows);
    const underWay: Promise<EncodedGroup>[] = [];
    const push = async (group: RowGroup): Promise<void> => {
      const encoded = pool.encode(group);
      // Awaited in order below; until then a failure is no unhandled one.
      encoded.catch(() => undefined);
      underWay.push(encoded);
      if (underWay.length > pool.ahead) await writer.write(await underWay.shift()!);
    };
    for await (const batch of job.batches) {
      for (const group of groups.add(batch)) await push(group);
      // Lets signals and answers of threads in.
      await new Promise(setImmediate);
    }
    const last = groups.finish();
    if (last !== null) await push(last);
    pool.noMore();
    for (const encoded of underWay) await writer.write(await encoded);
    const digests = await pool.digests();
    await writer.finish(
      await job.keyValue(job.isHashed === true ? contentHashOf(job.fields, writer.rows, digests) : ''),
    );
  } finally {
    await pool.close();
    await file.close();
  }
}

class GroupWriter {
  readonly #file: FileHandle;
  readonly #fields: readonly Field[];
  readonly #footers: Uint8Array[] = [];
  #at = 0;
  rows = 0;

  constructor(file: FileHandle, fields: readonly Field[]) {
    this.#file = file;
    this.#fields = fields;
  }

  async write(group: EncodedGroup): Promise<void> {
    if (this.#at === 0) await this.#put(MAGIC);
    this.#footers.push(groupFooter(this.#fields, group, this.#at, this.#footers.length));
    await this.#put(group.bytes);
    this.rows += group.rowCount;
  }

  async finish(keyValue: KeyValue | null): Promise<void> {
    if (this.#at === 0) await this.#put(MAGIC);
    const createdBy = `tokentide version ${toolVersion()}`;
    await this.#put(fileFooter(this.#fields, this.rows, this.#footers, keyValue, createdBy));
    await this.#file.sync();
  }

  async #put(bytes: Uint8Array): Promise<void> {
    for (let written = 0; written < bytes.length; ) {
      const { bytesWritten } = await this.#file.write(bytes, written, bytes.length - written, this.#at);
      written += bytesWritten;
      this.#at += bytesWritten;
    }
  }
}
