/**
 * Scrapes metrics pages once a second while the run is measured: of the engine's replicas, and of a DCGM exporter. A
 * failed scrape is null, never 0; with several replicas one that fails makes the whole sample null, because a sum over
 * the others would be a smaller number and not an unknown one.
 */
import { type Dispatcher, request } from 'undici';
import { monotonicNs } from '../clock.js';
import { ToolError } from '../errors.js';
import type { GaugeSummary, ServerSample } from '../types.js';
import { type PrometheusPage, parsePrometheus } from './prometheus.js';
import { summarizeServer, valuesOf } from './server-metrics.js';

export interface ScraperOptions {
  /** One page per replica. */
  readonly urls: readonly string[];
  readonly source: ServerSample['source'];
  /** Default 1 s. */
  readonly everyMs?: number;
  /** Carries a page's requests, e.g. with the load's certificates. Default undici's own. */
  readonly dispatcherOf?: (url: string) => Dispatcher | undefined;
  /** Extra headers of a page's requests, e.g. its API key: name, value, name, value … Default none. */
  readonly headersOf?: (url: string) => readonly string[];
  /** Called for every scrape. */
  readonly onSample?: (sample: ServerSample) => void;
}

export interface Scraper {
  /** Scrapes at once, then at every interval. Samples count from t0, ns on the monotonic clock; default now. */
  start(t0Ns?: number): void;
  /** One last scrape, then the summaries. */
  stop(): Promise<GaugeSummary[]>;
}

const TIME_LIMIT_MS = 1_000;

/**
 * A scraper for the pages, or null when there are none. Pages that were asked for by name must answer; guessed ones may
 * be missing.
 */
export async function openScraper(
  urls: string | readonly string[],
  askedFor: boolean,
  options: Partial<Omit<ScraperOptions, 'urls'>> & { readonly flag?: string } = {},
): Promise<Scraper | null> {
  const list = typeof urls === 'string' ? [urls] : urls;
  const first = await Promise.all(list.map((url) => scrape(url, options)));
  const missing = list.find((_, i) => first[i] === null || first[i]!.size === 0);
  if (missing === undefined) return new IntervalScraper({ source: 'server', ...options, urls: list });
  if (!askedFor) return null;
  const flag = options.flag ?? '--metrics-url';
  throw new ToolError({
    code: 'ENDPOINT_UNREACHABLE',
    message: `${missing} gave no Prometheus metrics`,
    hint: `correct ${flag}, or ${flag === '--metrics-url' ? 'write --metrics-url none' : 'leave it out'} to run without`,
  });
}

/** Several scrapers as one. */
export function scrapersTogether(scrapers: readonly (Scraper | null)[]): Scraper | null {
  const present = scrapers.filter((one) => one !== null);
  if (present.length === 0) return null;
  return {
    start: (t0Ns) => {
      for (const one of present) one.start(t0Ns);
    },
    stop: async () => (await Promise.all(present.map((one) => one.stop()))).flat(),
  };
}

class IntervalScraper implements Scraper {
  readonly #options: ScraperOptions;
  readonly #samples: ServerSample[] = [];
  #timer: NodeJS.Timeout | null = null;
  #running: Promise<void> = Promise.resolve();
  #waiting = 0;
  #t0Ns = 0;
  #stopped: Promise<GaugeSummary[]> | null = null;

  constructor(options: ScraperOptions) {
    this.#options = options;
  }

  start(t0Ns: number = monotonicNs()): void {
    this.#t0Ns = t0Ns;
    this.#take();
    this.#timer = setInterval(() => {
      if (this.#waiting === 0) this.#take();
    }, this.#options.everyMs ?? 1_000);
  }

  stop(): Promise<GaugeSummary[]> {
    this.#stopped ??= this.#end();
    return this.#stopped;
  }

  async #end(): Promise<GaugeSummary[]> {
    if (this.#timer !== null) {
      clearInterval(this.#timer);
      this.#take();
    }
    await this.#running;
    return summarizeServer(this.#samples);
  }

  /** One scrape at a time; a slow server costs samples, not order. */
  #take(): void {
    this.#waiting += 1;
    this.#running = this.#running.then(async () => {
      const askedNs = monotonicNs();
      const { urls } = this.#options;
      const page = together(await Promise.all(urls.map((url) => scrape(url, this.#options))));
      const sample: ServerSample = {
        source: this.#options.source,
        atNs: Math.round((askedNs + monotonicNs()) / 2) - this.#t0Ns,
        ...(page === null ? { values: null } : valuesOf(page)),
      };
      this.#samples.push(sample);
      this.#options.onSample?.(sample);
      this.#waiting -= 1;
    });
  }
}

/** The replicas' series on one page; null when one of them is missing. */
function together(pages: readonly (PrometheusPage | null)[]): PrometheusPage | null {
  if (pages.length === 1) return pages[0];
  const all = new Map<string, number[]>();
  for (const page of pages) {
    if (page === null) return null;
    for (const [name, series] of page) {
      const sofar = all.get(name);
      if (sofar === undefined) all.set(name, [...series]);
      else sofar.push(...series);
    }
  }
  return all;
}

async function scrape(
  url: string,
  { dispatcherOf, headersOf }: Pick<ScraperOptions, 'dispatcherOf' | 'headersOf'>,
): Promise<PrometheusPage | null> {
  try {
    const { statusCode, body } = await request(url, {
      signal: AbortSignal.timeout(TIME_LIMIT_MS),
      headersTimeout: TIME_LIMIT_MS,
      bodyTimeout: TIME_LIMIT_MS,
      dispatcher: dispatcherOf?.(url),
      headers: [...(headersOf?.(url) ?? [])],
    });
    const text = await body.text();
    return statusCode === 200 ? parsePrometheus(text) : null;
  } catch {
    return null;
  }
}
