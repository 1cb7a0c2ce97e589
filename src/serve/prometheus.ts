/** Counters, gauges and histograms in Prometheus' text format, version 0.0.4. */

/** Labels as they are printed between the braces, e.g. `model_name="m",engine="0"`. */
export type LabelText = string;

/** Escapes and joins labels. */
export function labelText(labels: Readonly<Record<string, string | number>>): LabelText {
  return Object.entries(labels)
    .map(([key, value]) => {
      const escaped = String(value).replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n');
      return `${key}="${escaped}"`;
    })
    .join(',');
}

/** A cumulative histogram with fixed upper bounds, which must rise. */
export class Histogram {
  readonly #bounds: readonly number[];
  readonly #counts: Float64Array;
  #sum = 0;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = new Float64Array(bounds.length + 1);
  }

  observe(value: number): void {
    const bounds = this.#bounds;
    let i = 0;
    while (i < bounds.length && value > bounds[i]) i += 1;
    this.#counts[i] += 1;
    this.#sum += value;
  }

  /** Sample lines of this histogram under a metric's name. */
  lines(name: string, labels: LabelText): string {
    let cumulative = 0;
    const out: string[] = [];
    const comma = labels === '' ? '' : ',';
    for (let i = 0; i <= this.#bounds.length; i++) {
      cumulative += this.#counts[i];
      const bound = i === this.#bounds.length ? '+Inf' : boundText(this.#bounds[i]);
      out.push(`${name}_bucket{${labels}${comma}le="${bound}"} ${cumulative}`);
    }
    out.push(`${name}_count{${labels}} ${cumulative}`, `${name}_sum{${labels}} ${this.#sum}`);
    return out.join('\n');
  }
}

/** Bounds as Python's client prints them: 1 → 1.0. */
function boundText(bound: number): string {
  return Number.isInteger(bound) ? `${bound}.0` : String(bound);
}

export interface MetricFamily {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** One entry per labelled series: finished sample lines, or a value with its labels. */
  readonly samples: readonly (string | { readonly labels: LabelText; readonly value: number })[];
}

/** The page that a scrape returns. */
export function formatMetrics(families: readonly MetricFamily[]): string {
  const lines: string[] = [];
  for (const { name, help, type, samples } of families) {
    // Counters are announced with their sample name, which ends in _total.
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
    for (const sample of samples)
      lines.push(typeof sample === 'string' ? sample : `${name}{${sample.labels}} ${sample.value}`);
  }
  return `${lines.join('\n')}\n`;
}
