/** From records to run.json: counts, metrics, throughput, goodput, prompt lengths. Pure; the records say everything. */
import { summarizeMetrics } from '../metrics.js';
import { goodputOf, judgeSlo, type Slo } from '../slo.js';
import type {
  GaugeSummary,
  Manifest,
  RunCounts,
  RunLoad,
  RunRecord,
  RunSummary,
  RunTarget,
  RunThroughput,
} from '../types.js';
import { nsToSec } from '../units.js';
import type { SenderHealth } from './messages.js';
import { runNotes } from './notes.js';
import { judgeValidity } from './validity.js';

/** What a run is, known before its first request: kept in the log, so that a killed run can be summarised too. */
export interface RunHeader {
  readonly manifest: Manifest;
  readonly target: RunTarget;
  readonly load: RunLoad;
  readonly startedUtc: string;
  /** Texts of the SLO terms; empty = none. */
  readonly slo: readonly string[];
  readonly senders: number;
  /** Requests that will be measured. */
  readonly measured: number;
  /** Notes that were known at the start. */
  readonly notes: readonly string[];
}

export interface SummaryInput {
  readonly header: RunHeader;
  readonly slo: Slo | null;
  readonly records: readonly RunRecord[];
  readonly interrupted: boolean;
  readonly health: readonly SenderHealth[];
  readonly moreSenders: number;
  /** null = no metrics page. */
  readonly gauges: readonly GaugeSummary[] | null;
  readonly extraNotes?: readonly string[];
}

/** Summarises the measured part of a run. */
export function summarizeRun(input: SummaryInput): RunSummary {
  const { header, slo, interrupted, health, gauges } = input;
  const measured = input.records.filter((record) => record.phase === 'measure');
  const metrics = summarizeMetrics(measured);
  const promptTokens = promptAccounting(measured);
  return {
    schemaVersion: 1,
    kind: 'run',
    manifest: header.manifest,
    target: header.target,
    load: header.load,
    startedUtc: header.startedUtc,
    interrupted,
    counts: countsOf(measured),
    metrics,
    throughput: throughputOf(measured),
    goodput: slo === null ? null : goodputOf(slo, measured),
    slo: slo === null ? [] : judgeSlo(slo, measured),
    validity: judgeValidity({
      records: measured,
      measured: header.measured,
      health,
      concurrency: header.load.concurrency,
      interrupted,
      moreSenders: input.moreSenders,
    }),
    client: clientHealth(header.senders, health),
    server: gauges === null ? null : { gauges },
    promptTokens,
    notes: [...header.notes, ...runNotes(measured, metrics, promptTokens), ...(input.extraNotes ?? [])],
  };
}

/** Requests by how they ended. */
export function countsOf(records: readonly RunRecord[]): RunCounts {
  const byStatus: Record<string, number> = {};
  for (const { status } of records) byStatus[status] = (byStatus[status] ?? 0) + 1;
  return { offered: records.length, byStatus };
}

/**
 * Flow over the window from the first intended instant to the last end. `inputTokensPerSec` counts the prompts of ok
 * requests, by the server where it counted.
 */
export function throughputOf(records: readonly RunRecord[]): RunThroughput {
  let firstNs = Number.POSITIVE_INFINITY;
  let lastNs = Number.NEGATIVE_INFINITY;
  let sent = 0;
  let ok = 0;
  let okTokens = 0;
  let allTokens = 0;
  let inputTokens = 0;
  for (const record of records) {
    firstNs = Math.min(firstNs, record.intendedNs);
    lastNs = Math.max(lastNs, record.endNs ?? record.intendedNs);
    if (record.sentNs !== null) sent += 1;
    allTokens += record.outputTokens ?? 0;
    if (record.status !== 'ok') continue;
    ok += 1;
    okTokens += record.outputTokens ?? 0;
    inputTokens += record.inputTokens ?? record.inputTokensAsked ?? 0;
  }
  const windowSec = records.length === 0 ? 0 : nsToSec(lastNs - firstNs);
  const perSec = (count: number): number => (windowSec > 0 ? count / windowSec : 0);
  return {
    windowSec,
    sentPerSec: perSec(sent),
    okPerSec: perSec(ok),
    okOutputTokensPerSec: perSec(okTokens),
    allOutputTokensPerSec: perSec(allTokens),
    inputTokensPerSec: perSec(inputTokens),
  };
}

/** What the server counted against what was asked, in tokens. */
function promptAccounting(records: readonly RunRecord[]): RunSummary['promptTokens'] {
  let compared = 0;
  let exact = 0;
  let signedSum = 0;
  for (const { inputTokens, inputTokensAsked } of records) {
    if (inputTokens === null || inputTokensAsked === null) continue;
    compared += 1;
    if (inputTokens === inputTokensAsked) exact += 1;
    signedSum += inputTokens - inputTokensAsked;
  }
  return { compared, exact, meanSignedError: compared === 0 ? null : signedSum / compared };
}

function clientHealth(senders: number, health: readonly SenderHealth[]): RunSummary['client'] {
  const most = (value: (one: SenderHealth) => number | null): number | null => {
    const values = health.map(value).filter((one) => one !== null);
    return values.length === 0 ? null : Math.max(...values);
  };
  return {
    senders,
    loopDelayP99Ms: most((one) => one.loopDelayP99Ms),
    loopDelayMaxMs: most((one) => one.loopDelayMaxMs),
    gcTotalMs: health.length === 0 ? null : health.reduce((sum, one) => sum + one.gcTotalMs, 0),
    gcMaxMs: most((one) => one.gcMaxMs),
    cpuShare: most((one) => one.cpuShare),
    cpuWaitShare: most((one) => one.cpuWaitShare),
    connectionsOpened: health.reduce((sum, one) => sum + one.connectionsOpened, 0),
  };
}
