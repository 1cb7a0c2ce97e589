/** What each of several addresses made of its part of the load: counts, TTFT and e2e. */
import { e2e, type MetricValue, type Samples, SamplesInMemory, summarizeStored, ttft } from '../metrics.js';
import type { MetricId } from '../types/run-support.js';
import type { EndpointSummary, EngineLimits, RunRecord } from '../types.js';

/** Gathers, record by record, by the record's address. */
export class EndpointTally {
  readonly #byEndpoint: ReadonlyMap<string, Part>;

  constructor(endpoints: readonly string[], makeSamples: () => Samples = () => new SamplesInMemory()) {
    this.#byEndpoint = new Map(endpoints.map((endpoint) => [endpoint, new Part(makeSamples)]));
  }

  add(record: RunRecord): void {
    if (record.endpoint != null) this.#byEndpoint.get(record.endpoint)?.add(record);
  }

  /** In the order of the addresses, as what they told of their `limits` is. Asked for once, at the end. */
  results(limits: readonly Partial<EngineLimits>[] = []): EndpointSummary[] {
    return [...this.#byEndpoint].map(([endpoint, part], i) => {
      const told = limits[i] ?? {};
      return {
        endpoint,
        ...part.result(),
        ...(Object.keys(told).length === 0 ? {} : { serverLimits: told }),
      };
    });
  }
}

class Part {
  readonly #metrics: readonly {
    readonly id: MetricId;
    readonly of: (record: RunRecord) => MetricValue;
    readonly samples: Samples;
    readonly excluded: Record<string, number>;
  }[];
  readonly #byStatus: Record<string, number> = {};
  #offered = 0;

  constructor(makeSamples: () => Samples) {
    this.#metrics = [
      { id: 'ttft', of: ttft, samples: makeSamples(), excluded: {} },
      { id: 'e2e', of: e2e, samples: makeSamples(), excluded: {} },
    ];
  }

  add(record: RunRecord): void {
    this.#offered += 1;
    count(this.#byStatus, record.status);
    for (const { of, samples, excluded } of this.#metrics) {
      const value = of(record);
      if (typeof value === 'number') samples.push(value);
      else count(excluded, value.missing);
    }
  }

  result(): Omit<EndpointSummary, 'endpoint'> {
    const metrics = this.#metrics.map(
      ({ id, samples, excluded }) => [id, summarizeStored(id, samples, excluded)] as const,
    );
    return { offered: this.#offered, byStatus: this.#byStatus, metrics: Object.fromEntries(metrics) };
  }
}

function count(counts: Record<string, number>, key: string): void {
  counts[key] = (counts[key] ?? 0) + 1;
}
