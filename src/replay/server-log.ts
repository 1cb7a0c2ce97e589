/** server.jsonl: the server's gauges over the run, a line per scrape, appended while it runs. */
import { type FileHandle, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ServerSample } from '../types.js';

export const SERVER_JSONL = 'server.jsonl';

/** Appends samples in their order. */
export class ServerLog {
  readonly #path: string;
  #file: Promise<FileHandle> | null = null;
  #writing: Promise<unknown> = Promise.resolve();

  constructor(dir: string) {
    this.#path = join(dir, SERVER_JSONL);
  }

  append(sample: ServerSample): void {
    this.#file ??= open(this.#path, 'w');
    const line = `${JSON.stringify({ at_ns: sample.atNs, source: sample.source, values: sample.values })}\n`;
    this.#writing = this.#writing.then(async () => (await this.#file!).appendFile(line));
    // Reported by close().
    this.#writing.catch(() => undefined);
  }

  /** Waits for what was appended. Throws what writing threw. */
  async close(): Promise<void> {
    await this.#writing;
    await (await this.#file)?.close();
    this.#file = null;
  }
}

/** The samples of a run's folder, in order of time; [] when it has none. A line that was being written is left out. */
export async function readServerSamples(dir: string): Promise<ServerSample[]> {
  let text: string;
  try {
    text = await readFile(join(dir, SERVER_JSONL), 'utf8');
  } catch {
    return [];
  }
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  return whole
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const {
        at_ns: atNs,
        source,
        values,
      } = JSON.parse(line) as {
        at_ns: number;
        source: ServerSample['source'];
        values: ServerSample['values'];
      };
      return { atNs, source, values };
    })
    .sort((a, b) => a.atNs - b.atNs);
}
