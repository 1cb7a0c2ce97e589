/**
 * How long a comparison takes: two traces of an hour in 20 s on two cores is the promise. Not a test: run
 * `node dist/test/bench/compare.bench.js` on a quiet machine. Traffic like the Azure conversation trace (19 000 requests
 * of an hour, an engine at its limit) and like the Mooncake one (12 000 long prompts with 290 000 block references).
 */
import { type BlockLists, blockLists, type ComparableTrace } from '../../src/compare/columns.js';
import { compareTraces } from '../../src/compare/compare.js';
import { randomOf } from '../../src/random.js';
import { formatCount, significant } from '../../src/units.js';

const PROMISED_SEC = 20;
const HOUR_SEC = 3_600;
const BLOCK_TOKENS = 512;

interface Traffic {
  readonly requests: number;
  readonly inputMedian: number;
  readonly inputSd: number;
  readonly outputMedian: number;
  readonly blocks: boolean;
}

function traffic(
  seed: string,
  { requests, inputMedian, inputSd, outputMedian, blocks }: Traffic,
): ComparableTrace {
  const arrivals = randomOf(seed, 'arrivals');
  const lengths = randomOf(seed, 'lengths');
  const around = (median: number, sd: number, most: number): number =>
    Math.min(most, Math.max(1, Math.round(median * Math.exp(sd * lengths.normal()))));
  const inputTokens = Int32Array.from({ length: requests }, () => around(inputMedian, inputSd, 120_000));
  return {
    name: seed,
    hash: '',
    arrivalSec: Float64Array.from({ length: requests }, () => HOUR_SEC * arrivals.uniform()).sort(),
    synthetic: seed === 'b',
    inputTokens,
    outputTokens: inputTokens.map(() => around(outputMedian, 0.7, 2_000)),
    blocks: blocks ? chains(inputTokens, seed) : null,
    sessions: null,
  };
}

/** A third of the requests go on from one of the 400 before; all start with the same block. */
function chains(inputTokens: Int32Array, seed: string): BlockLists {
  const rng = randomOf(seed, 'prefixes');
  const lists: bigint[][] = [];
  const offsets = new Uint32Array(inputTokens.length + 1);
  let fresh = 1n;
  inputTokens.forEach((tokens, row) => {
    const parent = row > 0 && rng.uniform() < 1 / 3 ? lists[Math.max(0, row - 1 - rng.int(400))] : [0n];
    const list = parent.slice(0, Math.ceil(tokens / BLOCK_TOKENS));
    while (list.length < Math.ceil(tokens / BLOCK_TOKENS)) list.push(fresh++);
    lists.push(list);
    offsets[row + 1] = offsets[row] + list.length;
  });
  return blockLists(BigUint64Array.from(lists.flat()), offsets, BLOCK_TOKENS);
}

async function measure(name: string, shape: Traffic): Promise<void> {
  const a = traffic('a', shape);
  const b = traffic('b', shape);
  const cpu = process.cpuUsage();
  const started = performance.now();
  const { passed, judged } = await compareTraces({ a, b, seed: 1 });
  const wallSec = (performance.now() - started) / 1_000;
  const used = process.cpuUsage(cpu);
  const cpuSec = (used.user + used.system) / 1e6;
  console.log(
    `${name.padEnd(24)} ${formatCount(shape.requests).padStart(7)} requests each  ${significant(cpuSec).padStart(6)} s CPU  ` +
      `${significant(wallSec).padStart(6)} s wall  ${passed} of ${judged} within the floor  promise ${PROMISED_SEC} s ${wallSec <= PROMISED_SEC ? 'kept' : 'BROKEN'}`,
  );
}

await measure('conversations', {
  requests: 19_000,
  inputMedian: 760,
  inputSd: 0.9,
  outputMedian: 165,
  blocks: false,
});
await measure('long prompts, prefixes', {
  requests: 12_000,
  inputMedian: 6_500,
  inputSd: 1.1,
  outputMedian: 270,
  blocks: true,
});
