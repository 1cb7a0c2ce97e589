/**
 * What a sender process does to itself while it measures: event-loop delay, garbage collection, CPU, and the time that
 * it was ready to run but had no core. The last is the direct evidence of a starved client; Linux tells it in schedstat.
 */
import { readFileSync } from 'node:fs';
import { type IntervalHistogram, monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks';
import type { RealScheduler } from '../clock.js';
import { NS_PER_MS } from '../units.js';
import type { SenderHealth } from './messages.js';
import type { RunHealth } from './validity.js';

/** The probe's own period: it sees a delay beyond this as lateness. */
const RESOLUTION_MS = 5;

export class HealthMonitor {
  readonly #scheduler: RealScheduler;
  readonly #loop: IntervalHistogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  readonly #observer: PerformanceObserver;
  #gcTotalMs = 0;
  #gcMaxMs = 0;
  #startNs = 0;
  #startSpunNs = 0;
  #startCpu = process.cpuUsage();
  #startWaitNs: number | null = null;

  constructor(scheduler: RealScheduler) {
    this.#scheduler = scheduler;
    this.#observer = new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        this.#gcTotalMs += entry.duration;
        this.#gcMaxMs = Math.max(this.#gcMaxMs, entry.duration);
      }
    });
    this.#observer.observe({ entryTypes: ['gc'] });
    this.#loop.enable();
    this.restart();
  }

  /** Counts from now. */
  restart(): void {
    this.#loop.reset();
    this.#gcTotalMs = 0;
    this.#gcMaxMs = 0;
    this.#startNs = this.#scheduler.nowNs();
    this.#startSpunNs = this.#scheduler.spunNs();
    this.#startCpu = process.cpuUsage();
    this.#startWaitNs = runQueueWaitNs();
  }

  read(connectionsOpened: number): SenderHealth {
    const elapsedNs = Math.max(1, this.#scheduler.nowNs() - this.#startNs);
    const cpu = process.cpuUsage(this.#startCpu);
    const cpuNs = (cpu.user + cpu.system) * 1_000;
    const spunNs = this.#scheduler.spunNs() - this.#startSpunNs;
    const waitNs = runQueueWaitNs();
    const measured = this.#loop.count > 0;
    return {
      loopDelayP99Ms: measured ? lateness(this.#loop.percentile(99)) : null,
      loopDelayMaxMs: measured ? lateness(this.#loop.max) : null,
      gcTotalMs: this.#gcTotalMs,
      gcMaxMs: this.#gcMaxMs,
      cpuShare: Math.max(0, cpuNs - spunNs) / elapsedNs,
      cpuWaitShare:
        waitNs === null || this.#startWaitNs === null ? null : (waitNs - this.#startWaitNs) / elapsedNs,
      connectionsOpened,
    };
  }

  stop(): void {
    this.#loop.disable();
    this.#observer.disconnect();
  }
}

/** The same for the process that plans, builds prompts and records: it may be busy, but not without end. */
export class OwnHealth {
  readonly #loop: IntervalHistogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  #startMs = performance.now();
  #startCpu = process.cpuUsage();

  constructor() {
    this.#loop.enable();
  }

  /** Counts from now. */
  restart(): void {
    this.#loop.reset();
    this.#startMs = performance.now();
    this.#startCpu = process.cpuUsage();
  }

  read(): RunHealth {
    const cpu = process.cpuUsage(this.#startCpu);
    const elapsedMs = Math.max(1, performance.now() - this.#startMs);
    return {
      cpuShare: (cpu.user + cpu.system) / 1_000 / elapsedMs,
      loopDelayP99Ms: this.#loop.count > 0 ? lateness(this.#loop.percentile(99)) : null,
    };
  }

  stop(): void {
    this.#loop.disable();
  }
}

function lateness(ns: number): number {
  return Math.max(0, ns / NS_PER_MS - RESOLUTION_MS);
}

/** Time that this thread has waited for a core, ns; null where the system does not tell. */
function runQueueWaitNs(): number | null {
  try {
    const wait = Number(readFileSync('/proc/thread-self/schedstat', 'latin1').split(' ')[1]);
    return Number.isFinite(wait) ? wait : null;
  } catch {
    return null;
  }
}
