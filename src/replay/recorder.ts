/** Turns outcomes into records and appends them to the log as they come; counts them for progress. */
import type { RunLog } from '../trace/run-log.js';
import type { RunPhase, RunRecord } from '../types.js';
import type { Outcome } from './exchange.js';
import { type RequestFacts, recordOf, unsentRecord } from './outcome.js';
import type { SendPlan } from './plan.js';
import type { TokenTally } from './token-tally.js';

/** What is being sent, and since when. */
export interface RecordingPhase {
  readonly plan: SendPlan;
  /** ns on the senders' clock that intended instants of this phase count from. */
  readonly startNs: number;
  /** Requests before this one are warm-up. */
  readonly measureFrom: number;
  /** Which of several addresses serves request i; null or absent = there is one. */
  readonly endpointOf?: ((i: number) => string) | null;
}

const RECORDS_PER_APPEND = 4_096;
const WRITE_AFTER_MS = 20;

export class Recorder {
  readonly #log: RunLog;
  readonly #tally: TokenTally;
  #phase: RecordingPhase | null = null;
  /** t0 of the run; null until the measured phase begins. */
  #t0Ns: number | null = null;
  /** Records that wait for t0, with absolute instants. */
  #early: ((t0Ns: number) => RunRecord)[] = [];
  #queue: RunRecord[] = [];
  #writing: Promise<void> = Promise.resolve();
  #counting = new Set<Promise<void>>();
  #recorded = 0;
  #settled = 0;
  #failed = 0;
  #seen = new Uint8Array(0);
  /** Requests of this phase that have ended since the last `takeEnded`. */
  #ended: number[] = [];
  #timer: NodeJS.Timeout | null = null;

  readonly #onRecord: ((record: RunRecord) => void) | null;

  /** `onRecord` is called for every record of the run, with instants from its t0. */
  constructor(log: RunLog, tally: TokenTally, onRecord: ((record: RunRecord) => void) | null = null) {
    this.#log = log;
    this.#tally = tally;
    this.#onRecord = onRecord;
  }

  /** Records handed to the log. */
  get recorded(): number {
    return this.#recorded;
  }

  /** Requests of this phase that have ended. */
  get settled(): number {
    return this.#settled;
  }

  /** Requests of this phase that ended otherwise than ok. */
  get failed(): number {
    return this.#failed;
  }

  /** Outcomes that follow belong to this phase. `t0Ns` null = the run's t0 is not known yet. */
  begin(phase: RecordingPhase, t0Ns: number | null): void {
    this.#phase = phase;
    this.#t0Ns = t0Ns;
    this.#settled = 0;
    this.#failed = 0;
    this.#ended = [];
    this.#seen = new Uint8Array(phase.plan.count);
    if (t0Ns === null) return;
    for (const record of this.#early) this.#queue.push(record(t0Ns));
    this.#early = [];
    this.#write();
  }

  take(outcomes: readonly Outcome[], sender: number): void {
    const phase = this.#phase;
    if (phase === null) return;
    for (const outcome of outcomes) {
      if (outcome.superseded !== true) {
        this.#seen[outcome.index] = 1;
        this.#settled += 1;
        if (outcome.status !== 'ok') this.#failed += 1;
        if (phase.plan.turns != null) this.#ended.push(outcome.index);
      }
      this.#record(outcome, sender, phase);
    }
    this.#writeSoon();
  }

  /** Requests that ended since the last call, where others wait for them. */
  takeEnded(): readonly number[] {
    const ended = this.#ended;
    this.#ended = [];
    return ended;
  }

  /** Records every request of the phase that has not ended as unsent. */
  async recordUnsent(): Promise<void> {
    const phase = this.#phase;
    const t0Ns = this.#t0Ns;
    if (phase === null || t0Ns === null) return;
    for (let i = 0; i < phase.plan.count; i++) {
      if (this.#seen[i] === 1) continue;
      this.#queue.push(unsentRecord(factsOf(phase, i, t0Ns), phase.plan.stream[i] === 1));
      if (this.#queue.length < RECORDS_PER_APPEND) continue;
      this.#write();
      await this.#writing;
    }
    this.#write();
  }

  /** Waits until everything taken so far is in the log. Throws what writing threw. */
  async flush(): Promise<void> {
    await Promise.all(this.#counting);
    this.#write();
    await this.#writing;
  }

  #record(outcome: Outcome, sender: number, phase: RecordingPhase): void {
    const make =
      (counted: Parameters<typeof recordOf>[4]) =>
      (t0Ns: number): RunRecord =>
        recordOf(outcome, factsOf(phase, outcome.index, t0Ns), t0Ns, sender, counted);
    if (outcome.uncounted === null) {
      this.#keep(make(null));
      return;
    }
    const { text, firstLength } = outcome.uncounted;
    const counting: Promise<void> = this.#tally.count(text, firstLength).then((counted) => {
      this.#keep(make(counted));
      this.#counting.delete(counting);
      this.#writeSoon();
    });
    this.#counting.add(counting);
  }

  #keep(record: (t0Ns: number) => RunRecord): void {
    if (this.#t0Ns === null) this.#early.push(record);
    else this.#enqueue(record(this.#t0Ns));
  }

  #enqueue(record: RunRecord): void {
    this.#queue.push(record);
    this.#onRecord?.(record);
  }

  /** Not at once: a message has just woken this process, perhaps on the core that its sender needs. */
  #writeSoon(): void {
    this.#timer ??= setTimeout(() => this.#write(), WRITE_AFTER_MS);
  }

  #write(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#queue.length === 0) return;
    const records = this.#queue;
    this.#queue = [];
    this.#recorded += records.length;
    for (let from = 0; from < records.length; from += RECORDS_PER_APPEND) {
      const part = records.slice(from, from + RECORDS_PER_APPEND);
      this.#writing = this.#writing.then(() => this.#log.append(part));
    }
    // Reported by flush().
    this.#writing.catch(() => undefined);
  }
}

function factsOf(phase: RecordingPhase, i: number, t0Ns: number): RequestFacts {
  const { plan, startNs, measureFrom } = phase;
  const runPhase: RunPhase = i < measureFrom ? 'warmup' : 'measure';
  const text = (column: SendPlan['requestId']): string | null =>
    column === null || column.codes[i] < 0 ? null : column.dictionary[column.codes[i]];
  return {
    row: plan.row[i],
    intendedNs: startNs - t0Ns + plan.schedule.intendedNs[i],
    requestId: text(plan.requestId),
    sessionId: text(plan.sessionId),
    phase: runPhase,
    inputTokensAsked: plan.inputTokens[i],
    maxOutputTokens: plan.maxOutputTokens[i] < 0 ? null : plan.maxOutputTokens[i],
    endpoint: phase.endpointOf?.(i) ?? null,
    parentRow: plan.turns == null || plan.turns.parent[i] < 0 ? null : plan.row[plan.turns.parent[i]],
  };
}
