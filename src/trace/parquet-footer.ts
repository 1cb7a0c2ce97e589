/**
 * The key-value metadata of a Parquet file, replaced after the rows are written.
 *
 * What a file says about its rows (their hash, their counts) is known only after the last one, when the writer has
 * already taken the metadata. So the writer is given a placeholder, and afterwards the placeholder in the footer is
 * exchanged for the real text. The footer is the uncompressed end of the file: Thrift (compact protocol), its length
 * as u32, `PAR1`. A text is stored as its length (varint) and its bytes, and nothing in the footer points into the
 * footer, so an exchange needs only those two and the footer's own length. Source: parquet-format, "File format".
 */
import { type FileHandle, open } from 'node:fs/promises';

const MAGIC = 'PAR1';

/** Long enough never to occur in data by chance. */
export const METADATA_PLACEHOLDER = 'tokentide-metadata-placeholder-5d1c9a7e4b';

/** Exchanges the placeholder for `text` in the file's footer. Throws when the file holds it not exactly once. */
export async function replaceMetadataPlaceholder(path: string, text: string): Promise<void> {
  const handle = await open(path, 'r+');
  try {
    const { footer, startByte } = await readFooter(handle);
    const placeholder = stored(METADATA_PLACEHOLDER);
    const at = footer.indexOf(placeholder);
    if (at < 0 || footer.indexOf(placeholder, at + 1) >= 0)
      throw new Error(`no unique metadata placeholder in ${path}`);
    const next = Buffer.concat([
      footer.subarray(0, at),
      stored(text),
      footer.subarray(at + placeholder.length),
    ]);
    await writeFooter(handle, next, startByte);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Writes a footer at a byte of the file, which ends with it. */
export async function writeFooter(handle: FileHandle, footer: Buffer, startByte: number): Promise<void> {
  const tail = Buffer.alloc(8);
  tail.writeUInt32LE(footer.length, 0);
  tail.write(MAGIC, 4, 'latin1');
  await handle.write(Buffer.concat([footer, tail]), 0, footer.length + 8, startByte);
  await handle.truncate(startByte + footer.length + 8);
}

/** The footer of an open file and where it begins. */
export async function readFooter(handle: FileHandle): Promise<{ footer: Buffer; startByte: number }> {
  const { size } = await handle.stat();
  const tail = Buffer.alloc(8);
  await handle.read(tail, 0, 8, size - 8);
  if (tail.toString('latin1', 4) !== MAGIC) throw new Error('not a Parquet file');
  const length = tail.readUInt32LE(0);
  const startByte = size - 8 - length;
  const footer = Buffer.alloc(length);
  await handle.read(footer, 0, length, startByte);
  return { footer, startByte };
}

/** A text as Thrift's compact protocol stores it. */
function stored(text: string): Buffer {
  const bytes = Buffer.from(text);
  const length: number[] = [];
  let rest = bytes.length;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) length.push((rest & 0x7f) | 0x80);
  length.push(rest);
  return Buffer.concat([Buffer.from(length), bytes]);
}
