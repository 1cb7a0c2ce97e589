/** From records to run.json: counts, metrics, throughput, goodput, prompt lengths. Pure; the records say everything. */
import { FlowTally, type Samples, summarizeMetrics } from '../metrics.js';
import { type Slo, SloTally } from '../slo.js';
import type {
  EngineLimits,
  GaugeSummary,
  Manifest,
  RunCounts,
  RunLoad,
  RunRecord,
  RunSummary,
  RunTarget,
} from '../types.js';
import { nsToMs } from '../units.js';
import { EndpointTally } from './endpoints.js';
import type { SenderHealth } from './messages.js';
import { NoteTally } from './notes.js';
import type { ConnectionFacts } from './transport.js';
import { judgeValidity, type RunHealth, ValidityTally } from './validity.js';

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
  /** As the server (the first address) told; absent = it told none, or was not asked. */
  readonly serverLimits?: Partial<EngineLimits>;
  /** The same by address; absent = there is one, or they were not asked. */
  readonly endpointLimits?: readonly Partial<EngineLimits>[];
  /** Notes that were known at the start. */
  readonly notes: readonly string[];
}

export interface SummaryInput {
  readonly header: RunHeader;
  readonly slo: Slo | null;
  /** Every record, warm-up included; passed over once. */
  readonly records: Iterable<RunRecord>;
  readonly interrupted: boolean;
  readonly health: readonly SenderHealth[];
  readonly moreSenders: number;
  /** The run's own process; null or absent = not measured. */
  readonly run?: RunHealth | null;
  readonly connectLimitMs?: number | null;
  /** null = no metrics page. */
  readonly gauges: readonly GaugeSummary[] | null;
  readonly extraNotes?: readonly string[];
  /** Where samples are kept until their percentiles are taken. Default: in memory. */
  readonly makeSamples?: () => Samples;
}

/** Summarises the measured part of a run. */
export function summarizeRun(input: SummaryInput): RunSummary {
  const { header, slo, interrupted, health, gauges, makeSamples } = input;
  const tally = new RunTally(header, slo, makeSamples);
  const metrics = summarizeMetrics(tally.through(input.records), makeSamples);
  const counts = tally.counts();
  const promptTokens = tally.promptTokens();
  return {
    schemaVersion: 1,
    kind: 'run',
    manifest: header.manifest,
    target: header.target,
    load: header.load,
    startedUtc: header.startedUtc,
    interrupted,
    counts,
    metrics,
    ...(tally.endpoints === null ? {} : { endpoints: tally.endpoints.results(header.endpointLimits) }),
    throughput: tally.flow.result(),
    goodput: tally.slo?.goodput() ?? null,
    slo: tally.slo?.results() ?? [],
    validity: judgeValidity({
      records: tally.validity,
      measured: header.measured,
      health,
      concurrency: header.load.concurrency,
      interrupted,
      moreSenders: input.moreSenders,
      run: input.run,
      connectLimitMs: input.connectLimitMs,
      certificateChecked: header.target.url.startsWith('https:')
        ? header.manifest.options['insecure'] !== true
        : null,
    }),
    client: clientHealth(header.senders, health, input.run ?? null),
    ...(header.serverLimits === undefined ? {} : { serverLimits: header.serverLimits }),
    server: gauges === null ? null : { gauges },
    promptTokens,
    notes: [
      ...header.notes,
      ...tally.notes.notes(metrics, promptTokens, counts),
      ...(input.extraNotes ?? []),
    ],
  };
}

/** Everything that one pass over the records tells. */
class RunTally {
  readonly flow = new FlowTally();
  readonly notes = new NoteTally();
  readonly validity: ValidityTally;
  readonly slo: SloTally | null;
  readonly endpoints: EndpointTally | null;
  readonly #countsAttempts: boolean;
  readonly #byStatus: Record<string, number> = {};
  #offered = 0;
  #retried = 0;
  #attempts = 0;
  #compared = 0;
  #exact = 0;
  #signedSum = 0;

  constructor({ load, target }: RunHeader, slo: Slo | null, makeSamples?: () => Samples) {
    this.#countsAttempts = (load.retries ?? 0) > 0;
    this.endpoints = target.endpoints === undefined ? null : new EndpointTally(target.endpoints, makeSamples);
    this.validity = new ValidityTally(makeSamples);
    this.slo = slo === null ? null : new SloTally(slo, makeSamples);
  }

  /** The measured records, each counted on its way. */
  *through(records: Iterable<RunRecord>): Generator<RunRecord> {
    for (const record of records) {
      if (record.phase !== 'measure') continue;
      this.#add(record);
      yield record;
    }
  }

  counts(): RunCounts {
    const counts = { offered: this.#offered, byStatus: this.#byStatus };
    return this.#countsAttempts ? { ...counts, retried: this.#retried, attempts: this.#attempts } : counts;
  }

  /** What the server counted against what was asked, in tokens. */
  promptTokens(): RunSummary['promptTokens'] {
    const compared = this.#compared;
    return {
      compared,
      exact: this.#exact,
      meanSignedError: compared === 0 ? null : this.#signedSum / compared,
    };
  }

  #add(record: RunRecord): void {
    this.flow.add(record);
    this.notes.add(record);
    this.validity.add(record);
    this.slo?.add(record);
    this.endpoints?.add(record);
    this.#offered += 1;
    this.#byStatus[record.status] = (this.#byStatus[record.status] ?? 0) + 1;
    this.#attempts += record.attempt;
    if (record.attempt > 1) this.#retried += 1;
    const { inputTokens, inputTokensAsked } = record;
    if (inputTokens === null || inputTokensAsked === null) return;
    this.#compared += 1;
    if (inputTokens === inputTokensAsked) this.#exact += 1;
    this.#signedSum += inputTokens - inputTokensAsked;
  }
}

function clientHealth(
  senders: number,
  health: readonly SenderHealth[],
  run: RunHealth | null,
): RunSummary['client'] {
  const most = (value: (one: SenderHealth) => number | null): number | null => {
    const values = health.map(value).filter((one) => one !== null);
    return values.length === 0 ? null : Math.max(...values);
  };
  const known = (value: (facts: ConnectionFacts) => number): number | null => {
    const facts = health.flatMap((one) => one.connections ?? []);
    return facts.length === 0 ? null : facts.reduce((sum, one) => sum + value(one), 0);
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
    connectionsReused: known((facts) => facts.reused),
    dnsTotalMs: known((facts) => nsToMs(facts.dnsNs)),
    connectTotalMs: known((facts) => nsToMs(facts.connectNs)),
    processes: [
      ...health.map((one, i) => ({
        name: `sender ${i}`,
        cpuShare: one.cpuShare,
        cpuWaitShare: one.cpuWaitShare,
        loopDelayP99Ms: one.loopDelayP99Ms,
        gcMaxMs: one.gcMaxMs,
      })),
      ...(run === null ? [] : [{ name: 'run', ...run, cpuWaitShare: null, gcMaxMs: null }]),
    ],
  };
}
