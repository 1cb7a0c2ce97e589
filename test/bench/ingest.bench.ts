/**
 * How fast logs become traces, against DuckDB's own `COPY (SELECT … FROM read_csv | read_json) TO parquet` with explicit
 * types on the same file in the same run: 10 million rows of Azure-shaped CSV, 2 million of Mooncake-shaped JSON Lines.
 * Not a test: run `node dist/test/bench/ingest.bench.js [millions of CSV rows]` on a quiet machine. Every measurement is
 * a process of its own, so that peak memory is its own too; the two take turns. Ingest does more for its time: it digests
 * the input, orders ties, judges the clock and the lengths, and hashes the rows.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ingest } from '../../src/ingest/ingest.js';
import { randomOf } from '../../src/random.js';
import { openDuckdb, sqlText } from '../../src/trace/duckdb.js';
import { formatCount } from '../../src/units.js';

const ROUNDS = 3;
const PROMISES = { csv: { ratio: 1, megabytes: 600 }, json: { ratio: 0.8, megabytes: 600 } };

type Kind = keyof typeof PROMISES;

interface Measured {
  readonly wallSec: number;
  readonly cpuSec: number;
  readonly megabytes: number;
}

const SELECTS: Readonly<Record<Kind, (path: string) => string>> = {
  csv: (path) =>
    `SELECT * FROM read_csv(${sqlText(path)}, header = true, auto_detect = false, delim = ',', columns = {'TIMESTAMP': 'TIMESTAMP_NS', 'ContextTokens': 'INTEGER', 'GeneratedTokens': 'INTEGER'})`,
  json: (path) =>
    `SELECT * FROM read_json(${sqlText(path)}, format = 'newline_delimited', columns = {'timestamp': 'BIGINT', 'input_length': 'INTEGER', 'output_length': 'INTEGER', 'hash_ids': 'UBIGINT[]'})`,
};

/** Writes lines a hundred thousand at a time. */
function writeLines(path: string, rows: number, header: string, line: (row: number) => string): void {
  const file = openSync(path, 'w');
  writeSync(file, header);
  for (let from = 0; from < rows; from += 100_000) {
    const lines = Array.from({ length: Math.min(100_000, rows - from) }, (_, i) => `${line(from + i)}\n`);
    writeSync(file, lines.join(''));
  }
  closeSync(file);
}

function writeCsv(path: string, rows: number): void {
  const gaps = randomOf('bench', 'arrivals');
  const lengths = randomOf('bench', 'lengths');
  let ticks = 0;
  writeLines(path, rows, 'TIMESTAMP,ContextTokens,GeneratedTokens\n', () => {
    ticks += Math.round(gaps.exponential() * 300_000);
    const time = new Date(1_700_158_623_000 + Math.floor(ticks / 10_000)).toISOString();
    const fraction = `${time.slice(20, 23)}${String(ticks % 10_000).padStart(4, '0')}`;
    const input = Math.round(Math.exp(6.9 + lengths.normal()));
    const output = Math.round(Math.exp(4.8 + 0.9 * lengths.normal()));
    return `${time.slice(0, 10)} ${time.slice(11, 19)}.${fraction},${input},${output}`;
  });
}

function writeJson(path: string, rows: number): void {
  const draws = randomOf('bench', 'prefixes');
  let timestamp = 0;
  writeLines(path, rows, '', () => {
    if (draws.uniform() < 0.3) timestamp += 1 + draws.int(400);
    const blocks = 1 + draws.int(10);
    const ids = Array.from({ length: blocks }, (_, i) => (i === 0 ? 0 : draws.int(1_000_000)));
    const input = blocks * 512 - draws.int(512);
    return `{"timestamp": ${timestamp}, "input_length": ${input}, "output_length": ${1 + draws.int(500)}, "hash_ids": [${ids.join(', ')}]}`;
  });
}

/** Runs one side in this process and reports on stdout. */
async function runChild(side: string, kind: Kind, path: string, output: string): Promise<void> {
  const duckdb = side === 'duckdb' ? await openDuckdb() : null;
  const cpu = process.cpuUsage();
  const start = performance.now();
  if (duckdb === null) await ingest({ inputs: [path], output });
  else
    await duckdb.connection.run(
      `COPY (${SELECTS[kind](path)}) TO ${sqlText(output)} (FORMAT parquet, COMPRESSION zstd)`,
    );
  const wallSec = (performance.now() - start) / 1e3;
  const used = process.cpuUsage(cpu);
  const measured: Measured = {
    wallSec,
    cpuSec: (used.user + used.system) / 1e6,
    megabytes: process.resourceUsage().maxRSS / 1_024,
  };
  duckdb?.close();
  process.stdout.write(JSON.stringify(measured));
}

function measure(side: string, kind: Kind, path: string, output: string): Measured {
  const run = spawnSync(
    process.execPath,
    [fileURLToPath(import.meta.url), '--child', side, kind, path, output],
    {
      encoding: 'utf8',
    },
  );
  if (run.status !== 0) throw new Error(run.stderr);
  return JSON.parse(run.stdout) as Measured;
}

const best = (runs: readonly Measured[], of: (run: Measured) => number): number => Math.min(...runs.map(of));

function compare(kind: Kind, rows: number, path: string, output: string): void {
  const ours: Measured[] = [];
  const theirs: Measured[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    theirs.push(measure('duckdb', kind, path, output));
    ours.push(measure('ingest', kind, path, output));
  }
  const [wall, cpu] = [(run: Measured) => run.wallSec, (run: Measured) => run.cpuSec];
  const ratio = best(theirs, wall) / best(ours, wall);
  const cpuRatio = best(theirs, cpu) / best(ours, cpu);
  const peak = Math.max(...ours.map((run) => run.megabytes));
  const promise = PROMISES[kind];
  const verdict = ratio >= promise.ratio && peak <= promise.megabytes ? 'kept' : 'NOT KEPT';
  console.log(
    [
      `${kind}: ${formatCount(rows)} rows`,
      `ingest ${best(ours, wall).toFixed(2)} s (${formatCount(rows / best(ours, wall))} rows/s), CPU ${best(ours, cpu).toFixed(2)} s, peak ${peak.toFixed(0)} MB`,
      `DuckDB ${best(theirs, wall).toFixed(2)} s, CPU ${best(theirs, cpu).toFixed(2)} s, peak ${Math.max(...theirs.map((run) => run.megabytes)).toFixed(0)} MB`,
      `ratio ${ratio.toFixed(2)} (CPU ${cpuRatio.toFixed(2)}); promised ${promise.ratio} within ${promise.megabytes} MB: ${verdict}`,
    ].join('\n  '),
  );
}

if (process.argv[2] === '--child') {
  const [, , , side, kind, path, output] = process.argv;
  await runChild(side, kind as Kind, path, output);
} else {
  const millions = Number(process.argv[2] ?? 10);
  const folder = mkdtempSync(join(tmpdir(), 'tokentide-bench-'));
  try {
    const output = join(folder, 'out.parquet');
    const csv = join(folder, 'log.csv');
    writeCsv(csv, millions * 1e6);
    compare('csv', millions * 1e6, csv, output);
    const json = join(folder, 'log.jsonl');
    writeJson(json, millions * 2e5);
    compare('json', millions * 2e5, json, output);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
