/** The summary of a run as Prometheus text, for a push gateway or the node exporter's text folder. Base units: seconds. */
import type { MetricSummary } from '../types/run-support.js';
import { msToSec } from '../units.js';
import type { ExportedRun } from './quantities.js';

const QUANTILES = [
  ['0.5', 'p50'],
  ['0.9', 'p90'],
  ['0.95', 'p95'],
  ['0.99', 'p99'],
  ['0.999', 'p999'],
] as const;

/** Exposition format 0.0.4. Metrics without a value are left out: Prometheus has no null. */
export function prometheusText(run: ExportedRun): string {
  const { summary } = run;
  const labels = { model: summary.target.model ?? '', trace: summary.load.traceName };
  const lines: string[] = [];
  const family = (name: string, type: string, help: string): void => {
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
  };
  const sample = (name: string, value: number | null, more: Record<string, string> = {}): void => {
    if (value !== null) lines.push(`${name}${labelText({ ...labels, ...more })} ${value}`);
  };
  for (const metric of Object.values(summary.metrics) as MetricSummary[]) {
    const name = `tokentide_${metric.id.replace('.', '_')}_seconds`;
    family(name, 'summary', `${metric.id} of requests that have it, as the metric registry defines it`);
    for (const [quantile, key] of QUANTILES) {
      const value = metric[key];
      sample(name, value === null ? null : msToSec(value), { quantile });
    }
    sample(`${name}_sum`, metric.mean === null ? 0 : msToSec(metric.mean * metric.n));
    sample(`${name}_count`, metric.n);
  }
  family('tokentide_requests', 'gauge', 'measured requests by how they ended');
  for (const [status, count] of Object.entries(summary.counts.byStatus))
    sample('tokentide_requests', count, { status });
  const { throughput } = summary;
  const gauges: readonly [string, string, number | null][] = [
    ['tokentide_requests_per_second', 'requests that ended ok per second of the run', throughput.okPerSec],
    [
      'tokentide_output_tokens_per_second',
      'output tokens of ok requests per second',
      throughput.okOutputTokensPerSec,
    ],
    [
      'tokentide_input_tokens_per_second',
      'prompt tokens of ok requests per second',
      throughput.inputTokensPerSec,
    ],
    ['tokentide_goodput_ratio', 'requests that met every objective over requests offered', summary.goodput],
    ['tokentide_valid', '1 = the client kept the schedule', summary.validity.verdict === 'valid' ? 1 : 0],
  ];
  for (const [name, help, value] of gauges) {
    if (value === null) continue;
    family(name, 'gauge', help);
    sample(name, value);
  }
  return `${lines.join('\n')}\n`;
}

function labelText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`);
  return `{${pairs.join(',')}}`;
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
