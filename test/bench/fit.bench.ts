/**
 * How long a fit takes and how much memory: 10 million rows in 60 s and 1.5 GB is the promise. Not a test: run
 * `node dist/test/bench/fit.bench.js [millions of rows]` on a quiet machine. The rows are synthesized from the Azure
 * conversation model (twelve latent classes) and, over three and a half days, from a hand-made daily rate; every fit is a process of
 * its own, so that peak memory is its own too.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fitTraceFile } from '../../src/fit/fit-file.js';
import { readWorkloadModel } from '../../src/synthesize/check-model.js';
import { modelOfSpec } from '../../src/synthesize/spec/spec.js';
import { synthesizeToFile } from '../../src/synthesize/synthesize-file.js';
import type { WorkloadModel } from '../../src/types.js';
import { formatCount, significant } from '../../src/units.js';

const PROMISED_SEC = 60;
const PROMISED_MEGABYTES = 1_500;
/** Beyond three days, from which on cycles are looked for. */
const DAYS = 3.5;

interface Measured {
  readonly wallSec: number;
  readonly cpuSec: number;
  readonly megabytes: number;
  readonly said: string;
}

async function runChild(path: string): Promise<void> {
  const cpu = process.cpuUsage();
  const started = performance.now();
  const { classes, choices } = await fitTraceFile(path);
  const wallSec = (performance.now() - started) / 1_000;
  const used = process.cpuUsage(cpu);
  const measured: Measured = {
    wallSec,
    cpuSec: (used.user + used.system) / 1e6,
    megabytes: process.resourceUsage().maxRSS / 1_024,
    said: `${classes.length} classes, ${choices?.map(({ chosen }) => chosen).join(', ')}`,
  };
  process.stdout.write(JSON.stringify(measured));
}

async function measure(name: string, model: WorkloadModel, rows: number, folder: string): Promise<void> {
  const path = join(folder, `${name}.parquet`);
  await synthesizeToFile({ model, seed: 1, path, requests: rows, workers: 2 });
  const run = spawnSync(process.execPath, [fileURLToPath(import.meta.url), '--child', path], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  rmSync(path);
  if (run.status !== 0) throw new Error(`the fit of ${name} ended with ${run.status}`);
  const { wallSec, cpuSec, megabytes, said } = JSON.parse(run.stdout) as Measured;
  const kept = wallSec <= PROMISED_SEC && megabytes <= PROMISED_MEGABYTES;
  console.log(
    `${name.padEnd(18)} ${formatCount(rows)} rows  ${significant(wallSec)} s wall  ${significant(cpuSec)} s CPU  ` +
      `peak ${formatCount(Math.round(megabytes))} MB  promise ${PROMISED_SEC} s and ${formatCount(PROMISED_MEGABYTES)} MB ${kept ? 'kept' : 'BROKEN'}`,
  );
  console.log(`  ${said}`);
}

const [flag, childPath] = process.argv.slice(2);
if (flag === '--child') await runChild(childPath);
else {
  const rows = Math.round(1e6 * Number(flag ?? 10));
  const folder = mkdtempSync(join(tmpdir(), 'tokentide-fit-bench-'));
  try {
    const conversation = fileURLToPath(new URL('../../../models/azure-conv.workload.json', import.meta.url));
    await measure('conversations', await readWorkloadModel(conversation), rows, folder);
    const perSec = rows / (DAYS * 86_400);
    const daily = modelOfSpec({
      name: 'daily',
      curves: {},
      document: {
        rate: `diurnal ${(perSec / 2).toPrecision(6)}/s to ${(perSec * 1.5).toPrecision(6)}/s peak 14:00`,
        duration: `${2 * DAYS}d`,
        input: 'lognormal p50 900 p99 6000',
        output: 'gamma mean 200 cv 1.2 max 4000',
      },
    });
    await measure('days', daily, rows, folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
