/**
 * Makes traces/demo-gateway.csv: an invented gateway log of 25 minutes for `tokentide demo`. Nothing in it comes from
 * a real service. Run after a build: `node dist/test/tools/make-demo-log.js`. Same bytes every time.
 *
 * Two tenants with different prompts, a rate that swells and falls, a short burst, failures, and a few broken lines,
 * so that the ingest summary has something to say.
 */
import { writeFileSync } from 'node:fs';
import { PACKAGE_ROOT } from '../../src/manifest.js';
import { randomOf } from '../../src/random.js';

const DURATION_SEC = 1_500;
const START_MS = Date.UTC(2026, 8, 14, 9, 0, 0);

interface Tenant {
  readonly name: string;
  readonly model: string;
  rateAt(sec: number): number;
  readonly inputMedian: number;
  readonly inputSigma: number;
  readonly outputMedian: number;
  readonly outputSigma: number;
}

const TENANTS: readonly Tenant[] = [
  {
    name: 'support-chat',
    model: 'chat-8b',
    rateAt: (sec) => 1.6 + 0.9 * Math.sin((2 * Math.PI * (sec - 300)) / DURATION_SEC),
    inputMedian: 620,
    inputSigma: 0.7,
    outputMedian: 170,
    outputSigma: 0.6,
  },
  {
    name: 'code-assist',
    model: 'chat-8b',
    rateAt: (sec) => (sec > 900 && sec < 930 ? 6 : 0.6),
    inputMedian: 1_900,
    inputSigma: 0.5,
    outputMedian: 24,
    outputSigma: 0.9,
  },
];

interface Row {
  readonly atMs: number;
  readonly cells: string;
}

const rows: Row[] = [];
for (const tenant of TENANTS) {
  const arrivals = randomOf('demo-log', 'arrivals', tenant.name);
  const lengths = randomOf('demo-log', 'lengths', tenant.name);
  const highest = 7;
  for (
    let sec = arrivals.exponential() / highest;
    sec < DURATION_SEC;
    sec += arrivals.exponential() / highest
  ) {
    if (arrivals.uniform() > tenant.rateAt(sec) / highest) continue;
    const input = Math.max(
      8,
      Math.round(tenant.inputMedian * Math.exp(tenant.inputSigma * lengths.normal())),
    );
    const output = Math.max(
      1,
      Math.round(tenant.outputMedian * Math.exp(tenant.outputSigma * lengths.normal())),
    );
    const failed = lengths.uniform() < 0.006;
    const atMs = START_MS + Math.round(sec * 1_000);
    const status = failed ? (lengths.uniform() < 0.5 ? 429 : 503) : 200;
    const latencyMs = failed ? 40 : Math.round(180 + 0.05 * input + 14 * Math.min(output, 800));
    const id = `req-${Math.floor(lengths.uniform() * 2 ** 40)
      .toString(16)
      .padStart(10, '0')}`;
    const capped = Math.min(output, 800);
    rows.push({
      atMs,
      cells: [
        id,
        tenant.name,
        tenant.model,
        Math.min(input, 7_000),
        failed ? '' : capped,
        status,
        latencyMs,
      ].join(','),
    });
  }
}
rows.sort((a, b) => a.atMs - b.atMs);

const lines = ['started_at,request_id,tenant,model,prompt_tokens,completion_tokens,http_status,latency_ms'];
rows.forEach((row, index) => {
  lines.push(`${new Date(row.atMs).toISOString()},${row.cells}`);
  if (index === 700) lines.push('2026-09-14T09:0');
  if (index === 1_900) lines.push('not-a-time,req-0000000000,support-chat,chat-8b,12,34,200,99');
});
writeFileSync(new URL('traces/demo-gateway.csv', PACKAGE_ROOT), `${lines.join('\n')}\n`);
process.stdout.write(`${rows.length} requests, ${lines.length} lines\n`);
