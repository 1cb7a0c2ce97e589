/** The screen text of a simulation, within 80 columns. */
import type { MetricId } from '../types/run-support.js';
import type { AttainmentOverTime, MeanMax, PlanCost, PoolSummary, SimulationDocument } from '../types.js';
import { formatCount, formatDurationSec, formatMs, formatRatio, significant } from '../units.js';
import { scalingLines } from './format-scaling.js';

const SHOWN: readonly MetricId[] = ['ttft', 'tpot', 'itl', 'e2e'];

/** What a person wants to know first. */
export function formatSimulation(document: SimulationDocument): string {
  const { counts, trace, engine } = document;
  const most = document.scaling === undefined ? '' : 'at most ';
  const replicas = `${most}${document.replicas} ${document.replicas === 1 ? 'replica' : 'replicas'}`;
  const lines = [
    ...headline(trace.name, `on ${replicas} of ${engine.name} (${document.router})`),
    `${formatCount(counts.offered)} requests in ${formatDurationSec(document.makespanSec)}` +
      `${document.offeredPerSec === null ? '' : `, ${significant(document.offeredPerSec)}/s offered`}` +
      `${counts.refused > 0 ? `, ${formatCount(counts.refused)} refused` : ''}`,
    '',
    row('', 'p50', 'p90', 'p99', 'mean', 'max', 'n'),
  ];
  for (const id of SHOWN) {
    const m = document.metrics[id];
    if (m === undefined) continue;
    lines.push(
      row(
        id,
        formatMs(m.p50),
        formatMs(m.p90),
        formatMs(m.p99),
        formatMs(m.mean),
        formatMs(m.max),
        formatCount(m.n),
      ),
    );
  }
  const wait = document.queueWaitMs;
  lines.push(
    row(
      'queue',
      formatMs(wait.p50),
      '',
      formatMs(wait.p99),
      formatMs(wait.mean),
      formatMs(wait.max),
      formatCount(wait.n),
    ),
    '',
    `busy ${formatRatio(document.utilisation)}   running ${meanMax(document.running)}   waiting ${meanMax(document.waiting)}`,
    `KV mean ${formatRatio(document.kvUsage.mean)} max ${formatRatio(document.kvUsage.max)}   preemptions ${formatCount(document.preemptions)}${document.prefixHitRatio === null ? '' : `   prefix hits ${formatRatio(document.prefixHitRatio)}`}`,
  );
  if (document.adapterLoads !== undefined)
    lines.push(`adapters loaded ${formatCount(document.adapterLoads)} times`);
  if (document.outputTokensPerSec !== null)
    lines.push(`output ${significant(document.outputTokensPerSec)} tokens/s`);
  for (const term of document.slo) {
    const value =
      term.value === null ? '–' : term.unit === 'ms' ? formatMs(term.value) : formatRatio(term.value);
    lines.push(`${term.met ? 'met   ' : 'MISSED'}  ${term.term}   got ${value} (n ${formatCount(term.n)})`);
  }
  if (document.goodput !== null) lines.push(`goodput ${formatRatio(document.goodput)} of offered requests`);
  if (document.scaling === undefined && document.attainmentOverTime !== undefined)
    lines.push(...attainmentLines(document.attainmentOverTime));
  if (document.cost !== undefined) lines.push(costLine(document.cost));
  if (document.disaggregated !== undefined) {
    const { prefill, decode, meanTransferMs } = document.disaggregated;
    lines.push('', poolLine('prefill', prefill), poolLine('decode', decode));
    lines.push(`KV of a prompt travels ${formatMs(meanTransferMs)} on average`);
  }
  if (document.scaling !== undefined) lines.push('', ...scalingLines(document.scaling));
  return lines.join('\n');
}

function attainmentLines({ windows, windowSec, metRatio, worst }: AttainmentOverTime): string[] {
  if (metRatio === null || worst === null || windows.length < 2) return [];
  return [
    `${formatRatio(metRatio)} of the ${formatDurationSec(windowSec)} windows met the SLO, the worst had ${formatRatio(worst.ratio!)} good`,
  ];
}

function costLine(cost: PlanCost): string {
  const per = (value: number | null, what: string): string =>
    value === null ? '' : `, ${significant(value)} per ${what}`;
  return `cost ${significant(cost.perHour ?? 0)}/h${per(cost.perMillionOutputTokens, 'M output tokens')}${per(cost.perThousandGoodRequests, '1000 good requests')}`;
}

function poolLine(name: string, pool: PoolSummary): string {
  return (
    `${name.padEnd(8)} ${pool.replicas} of ${pool.engine}: busy ${formatRatio(pool.utilisation)}, ` +
    `queue p99 ${formatMs(pool.queueWaitMs.p99)}, KV ${formatRatio(pool.kvUsage.mean)}`
  );
}

/** One line, or two where one would be too wide. */
function headline(name: string, fleet: string): string[] {
  return name.length + 1 + fleet.length <= 80 ? [`${name} ${fleet}`] : [name, fleet];
}

function meanMax({ mean, max }: MeanMax): string {
  return `${significant(mean)} (max ${formatCount(max)})`;
}

function row(name: string, ...cells: readonly string[]): string {
  return `${name.padEnd(7)}${cells.map((cell) => cell.padStart(11)).join('')}`.trimEnd();
}
