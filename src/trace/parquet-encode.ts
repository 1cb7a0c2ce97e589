/** Row groups → bytes: the encoding that one thread does, from columns in memory to what lies in the file. */
import { ByteSink } from './byte-sink.js';
import type { Field } from './columns.js';
import { type ChunkFacts, ColumnEncoder, type Profile } from './parquet-column.js';
import type { RowGroup } from './row-groups.js';

/** A row group as it lies in the file, and what the footer says about it. */
export interface EncodedGroup {
  readonly rowCount: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** In the order of the fields. */
  readonly chunks: readonly ChunkFacts[];
}

export class GroupEncoder {
  readonly #fields: readonly Field[];
  readonly #columns: ColumnEncoder;
  readonly #out = new ByteSink(1 << 20);

  constructor(fields: readonly Field[], profile: Profile) {
    this.#fields = fields;
    this.#columns = new ColumnEncoder(profile);
  }

  encode(group: RowGroup): EncodedGroup {
    const out = this.#out;
    out.clear();
    const chunks = this.#fields.map((field, index) =>
      this.#columns.encode(field, group.columns[index], group.rowCount, out),
    );
    return { rowCount: group.rowCount, bytes: out.view().slice(), chunks };
  }
}

/** Puts together a row group whose columns were encoded in several parts: column i in part i modulo their number. */
export function joinColumns(parts: readonly EncodedGroup[]): EncodedGroup {
  if (parts.length === 1) return parts[0];
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.bytes.length, 0));
  const chunks: ChunkFacts[] = [];
  const count = parts.reduce((sum, part) => sum + part.chunks.length, 0);
  let at = 0;
  for (let index = 0; index < count; index++) {
    const part = parts[index % parts.length];
    const chunk = part.chunks[Math.floor(index / parts.length)];
    const start = chunk.dictionaryAt ?? chunk.dataAt;
    bytes.set(part.bytes.subarray(start, start + chunk.bytes), at);
    const moved = at - start;
    chunks.push({
      ...chunk,
      dictionaryAt: chunk.dictionaryAt === null ? null : chunk.dictionaryAt + moved,
      dataAt: chunk.dataAt + moved,
    });
    at += chunk.bytes;
  }
  return { rowCount: parts[0].rowCount, bytes, chunks };
}
