/** The run's side of its sender processes: starts them, hands out jobs, gathers outcomes, ends them. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { ToolError } from '../errors.js';
import type { Outcome } from './exchange.js';
import type { FromSender, SenderHealth, SenderInit, SenderState, ToSender } from './messages.js';
import { makeRealTime, refuseRealTime } from './real-time.js';
import type { SendJob } from './sender.js';

const PROGRAM = fileURLToPath(new URL('./sender-process.js', import.meta.url));

/**
 * `--v8-pool-size=0` keeps garbage collection and compilation off threads that would compete with the sender's own;
 * `--expose-gc` lets it start the run with a clean heap.
 */
const NODE_FLAGS = ['--v8-pool-size=0', '--expose-gc', '--no-warnings'];

/**
 * Size of the young generation, MiB. A large one is collected seldom, but what is alive makes its pause long; a small one
 * the other way round. Measured on two cores: 200 streams/s (10 000 chunks/s) had a TTFT error p99 of 0.97 ms with 64
 * and 1.32 with 4, 1 000 streams/s of 6 and 8 ms; 3 000 short requests/s a send lag p99 of 2.3 ms with 64 and 1.2 with 4.
 */
const YOUNG_MIB = { seldom: 64, often: 4 };
/** Requests per second and sender from which on pauses must be short. */
const OFTEN_PER_SEC = 1_500;

export interface SenderPoolOptions {
  readonly senders: number;
  /** Requests per second that the run is to send on average; null = as many as it can. */
  readonly requestsPerSec: number | null;
  /** Whether they get real-time priority. Default false. */
  readonly realTime?: boolean;
  readonly init: SenderInit;
  readonly onOutcomes: (outcomes: readonly Outcome[], sender: number) => void;
}

interface Member {
  readonly child: ChildProcess;
  state: SenderState;
  jobs: number;
  bytes: number;
  ending: boolean;
}

/** A fixed set of senders. A sender that dies makes `failed` reject; the run cannot go on without it. */
export class SenderPool {
  readonly #members: Member[] = [];
  readonly #options: SenderPoolOptions;
  #waiters: ((message: FromSender, sender: number) => void)[] = [];
  #fail: (error: Error) => void = () => undefined;
  /** Never resolves; rejects when a sender fails. */
  readonly failed: Promise<never>;

  constructor(options: SenderPoolOptions) {
    this.#options = options;
    this.failed = new Promise((_, reject) => {
      this.#fail = reject;
    });
    this.failed.catch(() => undefined);
  }

  /** Starts every sender; resolves when all are warm. */
  async start(): Promise<void> {
    const { senders, realTime = false } = this.#options;
    if (realTime) refuseRealTime(senders);
    const ready = this.#collect('ready');
    for (let i = 0; i < senders; i++) this.#members.push(this.#startMember(i));
    await ready;
    if (realTime) await Promise.all(this.#members.map(({ child }) => makeRealTime(child.pid!)));
  }

  get size(): number {
    return this.#members.length;
  }

  get inFlight(): number {
    return this.#members.reduce((sum, member) => sum + member.state.inFlight, 0);
  }

  /** Requests that have left. */
  get dispatched(): number {
    return this.#members.reduce((sum, member) => sum + member.state.dispatchedJobs, 0);
  }

  /** Bytes of jobs that a sender has and has not sent. */
  backlogBytes(sender: number): number {
    const member = this.#members[sender];
    return member.bytes - member.state.dispatchedBytes;
  }

  /** Jobs that a sender has and that have not left it. */
  backlogJobs(sender: number): number {
    const member = this.#members[sender];
    return member.jobs - member.state.dispatchedJobs;
  }

  send(sender: number, jobs: readonly SendJob[]): void {
    const member = this.#members[sender];
    member.jobs += jobs.length;
    for (const job of jobs) member.bytes += job.body.length;
    post(member, { kind: 'jobs', jobs });
  }

  /** Instants of jobs count from t0, ns on the monotonic clock that all processes share. */
  startClock(t0Ns: number): void {
    for (const member of this.#members) post(member, { kind: 'start', t0Ns });
  }

  hold(): void {
    for (const member of this.#members) post(member, { kind: 'hold' });
  }

  /** Stops sending; resolves with the places of jobs that have not left. */
  async stop(): Promise<number[]> {
    const stopped = this.#collect('stopped');
    for (const member of this.#members) post(member, { kind: 'stop' });
    return (await stopped).flatMap((message) => message.unsent);
  }

  /** Ends every request in flight as cancelled. */
  cancel(): void {
    for (const member of this.#members) post(member, { kind: 'cancel' });
  }

  /** Asks for the last outcomes and each sender's health, and ends the processes. */
  async finish(): Promise<SenderHealth[]> {
    const told = this.#collect('health');
    for (const member of this.#members) post(member, { kind: 'finish' });
    const messages = await told;
    this.kill();
    return messages.map((message) => message.health);
  }

  /** Ends the processes now. */
  kill(): void {
    for (const member of this.#members) {
      member.ending = true;
      if (member.child.connected) member.child.disconnect();
    }
  }

  #startMember(sender: number): Member {
    const { requestsPerSec, senders } = this.#options;
    const perSender = requestsPerSec === null ? Number.POSITIVE_INFINITY : requestsPerSec / senders;
    const young = perSender >= OFTEN_PER_SEC ? YOUNG_MIB.often : YOUNG_MIB.seldom;
    const child = fork(PROGRAM, [], {
      serialization: 'advanced',
      execArgv: [...NODE_FLAGS, `--min-semi-space-size=${young}`, `--max-semi-space-size=${young}`],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const member: Member = {
      child,
      state: { dispatchedJobs: 0, dispatchedBytes: 0, inFlight: 0 },
      jobs: 0,
      bytes: 0,
      ending: false,
    };
    child.on('message', (message) => this.#receive(message as FromSender, sender, member));
    child.on('error', (error) => this.#fail(error));
    child.on('exit', (code, signal) => {
      if (member.ending) return;
      this.#fail(
        signal === null ? new Error(`sender ${sender} ended (status ${code})`) : killed(sender, signal),
      );
    });
    post(member, { kind: 'init', init: this.#options.init });
    return member;
  }

  #receive(message: FromSender, sender: number, member: Member): void {
    if (message.kind === 'failed') {
      this.#fail(new Error(`sender ${sender} failed: ${message.message}`));
      return;
    }
    if (message.kind === 'outcomes') {
      member.state = message.state;
      if (message.outcomes.length > 0) this.#options.onOutcomes(message.outcomes, sender);
      return;
    }
    for (const waiter of [...this.#waiters]) waiter(message, sender);
  }

  /** One message of a kind from every sender, in the senders' order. */
  #collect<K extends FromSender['kind']>(kind: K): Promise<Extract<FromSender, { kind: K }>[]> {
    const all = new Promise<Extract<FromSender, { kind: K }>[]>((resolve) => {
      const bySender = new Map<number, Extract<FromSender, { kind: K }>>();
      const waiter = (message: FromSender, sender: number): void => {
        if (message.kind !== kind) return;
        bySender.set(sender, message as Extract<FromSender, { kind: K }>);
        if (bySender.size < this.#options.senders) return;
        this.#waiters = this.#waiters.filter((other) => other !== waiter);
        resolve([...bySender.entries()].sort((a, b) => a[0] - b[0]).map(([, message]) => message));
      };
      this.#waiters.push(waiter);
    });
    return Promise.race([all, this.failed]);
  }
}

function killed(sender: number, signal: NodeJS.Signals): ToolError {
  return new ToolError({
    code: 'RUN_INVALID',
    message: `sender ${sender} of the run was ended from outside (${signal})`,
    hint: 'did the machine run out of memory? What had ended by then is kept: `tokentide recover` with the folder of the run makes its files',
  });
}

function post(member: Member, message: ToSender): void {
  // A sender that is gone has already made the pool fail.
  if (member.child.connected) member.child.send(message, () => undefined);
}
