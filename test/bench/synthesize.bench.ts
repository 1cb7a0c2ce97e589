/**
 * How fast a model becomes a trace: ten million requests of the bundled azure-conv model, sessions off, drawn, merged,
 * hashed and written as Parquet; wall time, CPU time and peak memory of a process of its own. Beside it ServeGen's method
 * as published (arXiv 2505.09999), re-stated in NumPy and SciPy because its own code is not at hand: per client and 600-s
 * window, gaps from the window's gamma or Weibull law scaled to fill the window, lengths by inverse distribution, one
 * object per request, sorted by time. It writes no file. The same with arrays in place of objects is shown too.
 * Not a test: `node dist/test/bench/synthesize.bench.js [millions]` on a quiet machine; PYTHON names the interpreter.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { synthesizeToFile } from '../../src/synthesize/synthesize-file.js';
import type { WorkloadModel } from '../../src/types.js';
import { formatCount } from '../../src/units.js';

const ROUNDS = 3;
const PROMISE = { seconds: 20, megabytes: 350, ratio: 50 };
/** Requests of the comparison: ten million Python objects would need 5 GB, and one million are mostly our start. */
const COMPARED = 3_000_000;
const MODEL = fileURLToPath(new URL('../../../models/azure-conv.workload.json', import.meta.url));

interface Measured {
  readonly wallSec: number;
  readonly cpuSec: number;
  readonly megabytes: number;
}

const RIVAL = `
import json, resource, sys, time
from dataclasses import dataclass
import numpy as np
from scipy.special import gamma as gamma_function
from scipy.optimize import brentq

count, style = int(sys.argv[1]), sys.argv[2]

@dataclass
class Request:
    request_id: int
    client_id: int
    timestamp: float
    data: dict

def weibull_shape(cv):
    return brentq(lambda k: gamma_function(1 + 2 / k) / gamma_function(1 + 1 / k) ** 2 - 1 - cv * cv, 0.1, 50)

# A pool like the published ones: some eighty clients, a few of which make most requests, in windows of 600 s.
setup = np.random.default_rng(1)
clients, windows, window = 80, 24, 600.0
share = setup.pareto(1.1, clients) + 0.01
share /= share.sum()
rate = share * count / (windows * window)
cv = np.exp(setup.normal(0.2, 0.6, clients)).clip(0.3, 6)
is_gamma = setup.random(clients) < 0.8
shape = np.array([1 / c ** 2 if g else weibull_shape(c) for c, g in zip(cv, is_gamma)])
values = np.arange(1, 8193)
def law(mean):
    p = np.exp(-0.5 * ((np.log(values) - np.log(mean)) / 1.0) ** 2) / values
    return np.cumsum(p / p.sum())
inputs = [law(m) for m in setup.uniform(200, 2000, clients)]
outputs = [law(m) for m in setup.uniform(50, 500, clients)]

rng = np.random.default_rng(2)
start, cpu = time.perf_counter(), time.process_time()
requests, parts = [], []
for w in range(windows):
    for c in range(clients):
        n = int(np.ceil(rate[c] * window))
        gaps = rng.gamma(shape[c], 1.0, n) if is_gamma[c] else rng.weibull(shape[c], n)
        times = w * window + np.cumsum(gaps) / gaps.sum() * window
        prompt = values[np.searchsorted(inputs[c], rng.random(n)).clip(0, len(values) - 1)]
        answer = values[np.searchsorted(outputs[c], rng.random(n)).clip(0, len(values) - 1)]
        if style == 'objects':
            for t, i, o in zip(times.tolist(), prompt.tolist(), answer.tolist()):
                requests.append(Request(len(requests), c, t, {'input_tokens': i, 'output_tokens': o}))
        else:
            parts.append((times, prompt, answer, np.full(n, c)))
if style == 'objects':
    requests.sort(key=lambda request: request.timestamp)
    made = len(requests)
else:
    columns = [np.concatenate(column) for column in zip(*parts)]
    order = np.argsort(columns[0], kind='stable')
    columns = [column[order] for column in columns]
    made = len(columns[0])
print(json.dumps({'requests': made, 'wallSec': time.perf_counter() - start, 'cpuSec': time.process_time() - cpu,
                  'megabytes': resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
`;

async function runChild(requests: number, path: string): Promise<void> {
  const model: WorkloadModel = {
    ...(JSON.parse(readFileSync(MODEL, 'utf8')) as WorkloadModel),
    sessions: undefined,
    prefixes: undefined,
  };
  const cpu = process.cpuUsage();
  const start = performance.now();
  const { rows } = await synthesizeToFile({ model, path, seed: 42, requests, workers: 2 });
  const wallSec = (performance.now() - start) / 1e3;
  if (rows !== requests) throw new Error(`${rows} of ${requests} requests`);
  const used = process.cpuUsage(cpu);
  const measured: Measured = {
    wallSec,
    cpuSec: (used.user + used.system) / 1e6,
    megabytes: process.resourceUsage().maxRSS / 1_024,
  };
  process.stdout.write(JSON.stringify(measured));
}

function measure(requests: number, path: string): Measured {
  const args = [fileURLToPath(import.meta.url), '--child', String(requests), path];
  const run = spawnSync(process.execPath, args, { encoding: 'utf8' });
  if (run.status !== 0) throw new Error(run.stderr);
  return JSON.parse(run.stdout) as Measured;
}

function measureRival(python: string, style: 'objects' | 'arrays'): (Measured & { requests: number }) | null {
  const run = spawnSync(python, ['-c', RIVAL, String(COMPARED), style], { encoding: 'utf8' });
  if (run.status === 0) return JSON.parse(run.stdout) as Measured & { requests: number };
  const reason = run.error?.message ?? run.stderr.trim().split('\n').at(-1);
  console.log(`ServeGen's method: skipped, as ${python} does not run it (${reason}); name one with PYTHON`);
  return null;
}

const best = (runs: readonly Measured[], of: (run: Measured) => number): number => Math.min(...runs.map(of));
const wall = (run: Measured): number => run.wallSec;
const cpu = (run: Measured): number => run.cpuSec;
const shown = (runs: readonly Measured[]): string =>
  `${best(runs, wall).toFixed(2)} s, CPU ${best(runs, cpu).toFixed(2)} s, peak ${Math.max(...runs.map(({ megabytes }) => megabytes)).toFixed(0)} MB`;

function compare(path: string): void {
  const python = process.env['PYTHON'] ?? 'python3';
  for (const style of ['objects', 'arrays'] as const) {
    const theirs: (Measured & { requests: number })[] = [];
    const ours: Measured[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const run = measureRival(python, style);
      if (run === null) return;
      theirs.push(run);
      ours.push(measure(run.requests, path));
    }
    const ratio = best(theirs, wall) / best(ours, wall);
    const promise =
      style === 'objects'
        ? `; promised ${PROMISE.ratio}: ${ratio >= PROMISE.ratio ? 'kept' : 'NOT KEPT'}`
        : '';
    console.log(
      [
        `ServeGen, re-statement of the published method, not its code, requests as ${style}: ${formatCount(theirs[0].requests)} requests`,
        `it ${shown(theirs)} (no file written)`,
        `synthesize ${shown(ours)} (Parquet written)`,
        `ratio ${ratio.toFixed(1)} (CPU ${(best(theirs, cpu) / best(ours, cpu)).toFixed(1)})${promise}`,
      ].join('\n  '),
    );
  }
}

if (process.argv[2] === '--child') await runChild(Number(process.argv[3]), process.argv[4]);
else {
  const requests = Number(process.argv[2] ?? 10) * 1e6;
  const folder = mkdtempSync(join(tmpdir(), 'tokentide-bench-'));
  try {
    const path = join(folder, 'out.parquet');
    const runs = Array.from({ length: ROUNDS }, () => measure(requests, path));
    const small = measure(requests / 10, path);
    const peak = Math.max(...runs.map(({ megabytes }) => megabytes));
    const isKept = best(runs, wall) <= PROMISE.seconds && peak <= PROMISE.megabytes;
    console.log(
      [
        `azure-conv, sessions off: ${formatCount(requests)} requests → Parquet`,
        `${shown(runs)} (${formatCount(requests / best(runs, wall))} requests/s); a tenth of them: peak ${small.megabytes.toFixed(0)} MB`,
        `promised ${PROMISE.seconds} s within ${PROMISE.megabytes} MB: ${isKept ? 'kept' : 'NOT KEPT'}`,
      ].join('\n  '),
    );
    compare(path);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
