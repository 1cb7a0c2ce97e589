/** Scrapes the endpoint's metrics page once a second while the run is measured. A failed scrape is null, never 0. */
import { request } from 'undici';
import { ToolError } from '../errors.js';
import type { GaugeSummary } from '../types.js';
import { type PrometheusPage, parsePrometheus } from './prometheus.js';
import { ServerMetrics } from './server-metrics.js';

export interface ScraperOptions {
  readonly url: string;
  /** Default 1 s. */
  readonly everyMs?: number;
}

export interface Scraper {
  /** Scrapes at once, then at every interval. */
  start(): void;
  /** One last scrape, then the summaries. */
  stop(): Promise<GaugeSummary[]>;
}

const TIME_LIMIT_MS = 1_000;

/**
 * A scraper for the page, or null when there is none. A page that was asked for by name must answer; the guessed one
 * may be missing.
 */
export async function openScraper(
  url: string,
  askedFor: boolean,
  options: Omit<ScraperOptions, 'url'> = {},
): Promise<Scraper | null> {
  const first = await scrape(url);
  if (first !== null && first.size > 0) return new IntervalScraper({ url, ...options });
  if (!askedFor) return null;
  throw new ToolError({
    code: 'ENDPOINT_UNREACHABLE',
    message: `${url} gave no Prometheus metrics`,
    hint: 'correct --metrics-url, or write --metrics-url none to run without',
  });
}

class IntervalScraper implements Scraper {
  readonly #options: ScraperOptions;
  readonly #metrics = new ServerMetrics();
  #timer: NodeJS.Timeout | null = null;
  #running: Promise<void> = Promise.resolve();
  #waiting = 0;

  constructor(options: ScraperOptions) {
    this.#options = options;
  }

  start(): void {
    this.#take();
    this.#timer = setInterval(() => {
      if (this.#waiting === 0) this.#take();
    }, this.#options.everyMs ?? 1_000);
  }

  async stop(): Promise<GaugeSummary[]> {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#take();
    await this.#running;
    return this.#metrics.summarize();
  }

  /** One scrape at a time; a slow server costs samples, not order. */
  #take(): void {
    this.#waiting += 1;
    this.#running = this.#running.then(async () => {
      this.#metrics.add(await scrape(this.#options.url));
      this.#waiting -= 1;
    });
  }
}

async function scrape(url: string): Promise<PrometheusPage | null> {
  try {
    const { statusCode, body } = await request(url, {
      signal: AbortSignal.timeout(TIME_LIMIT_MS),
      headersTimeout: TIME_LIMIT_MS,
      bodyTimeout: TIME_LIMIT_MS,
    });
    const text = await body.text();
    return statusCode === 200 ? parsePrometheus(text) : null;
  } catch {
    return null;
  }
}
