/** server.jsonl: the server's gauges over the run, a line per scrape, appended while it runs. */
import { type FileHandle, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { GaugeSummary, ServerSample } from '../types.js';
import { summarizeServer } from './server-metrics.js';

export const SERVER_JSONL = 'server.jsonl';

/** Appends samples in their order. */
export class ServerLog {
  readonly #path: string;
  #file: Promise<FileHandle> | null = null;
  #writing: Promise<unknown> = Promise.resolve();
  /** The servers' own names of the values, as last written. */
  readonly #told: Record<ServerSample['source'], Record<string, string>> = { server: {}, gpu: {} };

  constructor(dir: string) {
    this.#path = join(dir, SERVER_JSONL);
  }

  append({ atNs, source, values, metrics }: ServerSample): void {
    this.#file ??= open(this.#path, 'w');
    const told = this.#told[source];
    const news = Object.entries(metrics ?? {}).filter(([name, metric]) => told[name] !== metric);
    for (const [name, metric] of news) told[name] = metric;
    const named = news.length === 0 ? {} : { metrics: Object.fromEntries(news) };
    const line = `${JSON.stringify({ at_ns: atNs, source, values, ...named })}\n`;
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
      const { at_ns: atNs, ...sample } = JSON.parse(line) as Omit<ServerSample, 'atNs'> & { at_ns: number };
      return { atNs, ...sample };
    })
    .sort((a, b) => a.atNs - b.atNs);
}

/** What a run's summary says of its server, from the samples of its folder; null when it has none. */
export async function summarizeServerLog(dir: string): Promise<GaugeSummary[] | null> {
  const samples = await readServerSamples(dir);
  if (samples.length === 0) return null;
  return (['server', 'gpu'] as const).flatMap((source) =>
    summarizeServer(samples.filter((sample) => sample.source === source)),
  );
}
