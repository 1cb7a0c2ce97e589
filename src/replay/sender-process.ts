/**
 * The program of a sender process: owns sockets and a precise timer, and nothing else. Started by sender-pool.ts.
 *
 * A process of its own, because V8's helper threads (garbage collection, compilation) can only be turned off for a whole
 * process, and on a busy machine they preempt the thread that reads sockets: turning them off took the TTFT error at
 * 600 streams/s from 9.7 to 3.3 ms (p99).
 */
import { writeFileSync } from 'node:fs';
import { setPriority } from 'node:os';
import { createScheduler } from '../clock.js';
import { warmUpCode } from './code-warm-up.js';
import type { Outcome } from './exchange.js';
import { HealthMonitor } from './health.js';
import type { FromSender, SenderInit, ToSender } from './messages.js';
import { protocolNamed } from './protocols/index.js';
import { LOOK_MS, mayTell } from './report-slack.js';
import { retryJitter } from './retry.js';
import { Sender } from './sender.js';
import type { Transport } from './transport.js';
import { createTransport } from './transports/index.js';

const SENDER_PRIORITY = -10;
/** Most outcomes in a message. */
const MOST_OUTCOMES = 32;

const scheduler = createScheduler({ keepsCore: true });
const housekeeping = createScheduler({ spin: false });
let sender: Sender | null = null;
let transport: Transport | null = null;
let health: HealthMonitor | null = null;
let outcomes: Outcome[] = [];
let told = '';
let toldNs = 0;
let ticker: NodeJS.Timeout | null = null;

function tell(message: FromSender): void {
  process.send?.(message);
}

/** Tells outcomes and the state, when there is anything new. */
function report(): void {
  if (sender === null) return;
  const { dispatchedJobs, dispatchedBytes, inFlight } = sender;
  const state = { dispatchedJobs, dispatchedBytes, inFlight };
  const fresh = `${dispatchedJobs} ${inFlight}`;
  if (outcomes.length === 0 && fresh === told) return;
  const waiting = outcomes;
  outcomes = [];
  told = fresh;
  toldNs = scheduler.nowNs();
  for (let from = 0; from === 0 || from < waiting.length; from += MOST_OUTCOMES) {
    tell({ kind: 'outcomes', outcomes: waiting.slice(from, from + MOST_OUTCOMES), state });
  }
}

/** Tells when no send is near, or when it is high time. */
function reportInSlack(): void {
  const nowNs = scheduler.nowNs();
  const nextNs = sender?.nextDueNs ?? Number.POSITIVE_INFINITY;
  if (mayTell(nowNs - toldNs, nextNs - nowNs)) report();
}

async function begin(init: SenderInit): Promise<void> {
  const protocol = protocolNamed(init.protocol);
  if (init.warmUpCode) {
    await warmUpCode({ scheduler, housekeeping, protocol, keepChunks: init.keepChunks });
  }
  transport = createTransport({ ...init.target, nowNs: scheduler.nowNs });
  await transport.preconnect?.(init.preconnect);
  sender = new Sender({
    scheduler,
    housekeeping,
    transport,
    protocol,
    limits: init.limits,
    concurrency: init.concurrency,
    keepChunks: init.keepChunks,
    closedLoop: init.closedLoop,
    retries: init.retries,
    jitter: (index, attempt) => retryJitter(init.seed, index, attempt),
    endOnFailure: init.endOnFailure,
    onSettled: (outcome) => {
      outcomes.push(outcome);
    },
  });
  health = new HealthMonitor(scheduler);
  ticker = setInterval(reportInSlack, LOOK_MS);
  (globalThis as { gc?: () => void }).gc?.();
  tell({ kind: 'ready' });
}

function handle(message: ToSender): void {
  switch (message.kind) {
    case 'init':
      begin(message.init).catch((error: unknown) => {
        tell({
          kind: 'failed',
          message: error instanceof Error ? (error.stack ?? error.message) : String(error),
        });
      });
      break;
    case 'jobs':
      sender?.addJobs(message.jobs);
      break;
    case 'start':
      health?.restart();
      sender?.start(message.t0Ns);
      break;
    case 'hold':
      sender?.hold();
      break;
    case 'stop':
      tell({ kind: 'stopped', unsent: sender?.stop() ?? [] });
      break;
    case 'cancel':
      sender?.cancelAll();
      report();
      break;
    case 'finish':
      if (ticker !== null) clearInterval(ticker);
      report();
      if (health !== null) {
        const connections = transport?.connectionFacts?.();
        tell({
          kind: 'health',
          health: { ...health.read(transport?.connectionsOpened() ?? 0), connections },
        });
      }
      health?.stop();
      void transport?.close();
      break;
  }
}

// Where the system allows it, the sender goes before processes that can wait: it needs little, but at its own instants.
try {
  setPriority(SENDER_PRIORITY);
} catch {
  // Not allowed: usual for a user without privileges.
}
try {
  // Sleeps of this thread end when they are due; the system's habit is to let them end together, up to 50 µs late.
  writeFileSync('/proc/self/timerslack_ns', '1');
} catch {
  // Not Linux.
}
process.on('message', handle);
// The run's own process decides when to stop: a Ctrl-C in the terminal reaches every process of the group.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);
process.on('disconnect', () => process.exit(0));
