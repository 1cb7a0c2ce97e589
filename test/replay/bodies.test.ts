/** Bodies and the feeder: exact prompts in valid JSON, sharing, salt, and a look-ahead bounded in time and bytes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { get_encoding } from 'tiktoken';
import { BodyBuilder, type BodyOptions } from '../../src/replay/bodies.js';
import { Feeder, type JobSink } from '../../src/replay/feeder.js';
import { planReplay, type SendPlan } from '../../src/replay/plan.js';
import { protocolNamed } from '../../src/replay/protocols/index.js';
import type { SendJob } from '../../src/replay/sender.js';
import { batchFromRows, emptyRow } from '../../src/trace/batch.js';
import type { TraceRow } from '../../src/types.js';

const encoding = get_encoding('cl100k_base');

const planOf = (rows: readonly Partial<TraceRow>[], blockSize: number | null = null): Promise<SendPlan> =>
  planReplay(
    [
      batchFromRows(
        rows.map((row, i) => emptyRow({ arrivalNs: BigInt(i * 1e8), operation: 'chat', ...row })),
      ),
    ],
    { stream: 'trace', blockSize },
  );

const builder = (plan: SendPlan, options: Partial<BodyOptions> = {}): BodyBuilder =>
  new BodyBuilder({
    plan,
    protocol: protocolNamed('openai-chat'),
    model: 'm "quoted"',
    ignoreEos: true,
    extraBody: null,
    seed: '1',
    salt: 's',
    templateTokens: 0,
    ...options,
  });

interface ChatBody {
  readonly model: string;
  readonly messages: readonly { readonly role: string; readonly content: string }[];
  readonly max_tokens?: number;
  readonly stream: boolean;
  readonly ignore_eos?: boolean;
  readonly stream_options?: object;
  readonly temperature?: number;
}

const parse = (body: Buffer): ChatBody => JSON.parse(body.toString('utf8')) as ChatBody;
const promptOf = (body: Buffer): string => parse(body).messages[0].content;

test('a chat body is valid JSON with the exact prompt and the asked length', async () => {
  const plan = await planOf([
    { inputTokens: 137, outputTokens: 42 },
    { inputTokens: 5, outputTokens: null },
    { inputTokens: 3, outputTokens: 7, stream: false },
  ]);
  const bodies = builder(plan, { extraBody: { temperature: 0 } });
  const first = parse(bodies.build(0));
  assert.deepEqual(
    { ...first, messages: first.messages.map(({ role }) => role) },
    {
      messages: ['user'],
      model: 'm "quoted"',
      stream: true,
      stream_options: { include_usage: true },
      max_tokens: 42,
      ignore_eos: true,
      temperature: 0,
    },
  );
  assert.equal(encoding.encode_ordinary(first.messages[0].content).length, 137);
  const open = parse(bodies.build(1));
  assert.deepEqual([open.max_tokens, open.ignore_eos], [undefined, undefined]);
  const plain = parse(bodies.build(2));
  assert.deepEqual([plain.stream, plain.stream_options], [false, undefined]);
});

test('a completions body carries the bare prompt', async () => {
  const plan = await planOf([{ inputTokens: 20, outputTokens: 4 }]);
  const body = JSON.parse(
    builder(plan, { protocol: protocolNamed('openai-completions'), ignoreEos: false })
      .build(0)
      .toString(),
  ) as { prompt: string; max_tokens: number; ignore_eos?: boolean };
  assert.equal(encoding.encode_ordinary(body.prompt).length, 20);
  assert.deepEqual([body.max_tokens, body.ignore_eos], [4, undefined]);
});

test('the same seed and salt give the same bytes in any order; another salt or seed gives others', async () => {
  const plan = await planOf(Array.from({ length: 6 }, () => ({ inputTokens: 40, outputTokens: 4 })));
  const forward = builder(plan);
  const texts = [0, 1, 2, 3, 4, 5].map((i) => promptOf(forward.build(i)));
  const backward = builder(plan);
  for (const i of [5, 2, 0, 4]) assert.equal(promptOf(backward.build(i)), texts[i]);
  assert.equal(new Set(texts).size, 6);
  for (const other of [
    builder(plan, { salt: 't' }),
    builder(plan, { seed: '2' }),
    builder(plan, { salt: null }),
  ]) {
    assert.notEqual(promptOf(other.build(0)), texts[0]);
  }
});

test('F59: shared blocks are shared text, and taking off template tokens keeps the sharing', async () => {
  const shared = [11n, 22n, 33n];
  const plan = await planOf(
    [
      { inputTokens: 40, outputTokens: 1, blockHashes: shared },
      { inputTokens: 45, outputTokens: 1, blockHashes: [11n, 22n, 44n] },
    ],
    16,
  );
  for (const templateTokens of [0, 9]) {
    const bodies = builder(plan, { templateTokens });
    const [a, b] = [0, 1].map((i) => encoding.encode_ordinary(promptOf(bodies.build(i))));
    assert.deepEqual([a.length, b.length], [40 - templateTokens, 45 - templateTokens]);
    const common = Math.min(32, a.length);
    assert.deepEqual(a.slice(0, common), b.slice(0, common));
  }
  assert.equal(encoding.encode_ordinary(promptOf(builder(plan, { templateTokens: 100 }).build(0))).length, 1);
});

class TestSink implements JobSink {
  readonly size: number;
  readonly jobs: SendJob[][];
  readonly sizes: number[] = [];
  sentBytes: number[];

  constructor(size: number) {
    this.size = size;
    this.jobs = Array.from({ length: size }, () => []);
    this.sentBytes = Array(size).fill(0);
  }

  backlogBytes(sender: number): number {
    return this.jobs[sender].reduce((sum, job) => sum + job.body.length, 0) - this.sentBytes[sender];
  }

  send(sender: number, jobs: readonly SendJob[]): void {
    this.jobs[sender].push(...jobs);
    this.sizes.push(jobs.reduce((sum, job) => sum + job.body.length, 0));
  }
}

test('the feeder hands out what is due within the look-ahead, to senders in turn', async () => {
  const plan = await planOf(Array.from({ length: 50 }, () => ({ inputTokens: 10, outputTokens: 1 })));
  const sink = new TestSink(3);
  const feeder = new Feeder({ plan, bodies: builder(plan), sink, lookAheadNs: 1e9 });
  feeder.pump(0);
  assert.equal(feeder.fed, 11);
  feeder.pump(2e9);
  assert.equal(feeder.fed, 31);
  feeder.pump(1e12);
  assert.equal(feeder.fed, 50);
  for (let sender = 0; sender < 3; sender++) {
    const indexes = sink.jobs[sender].map((job) => job.index);
    assert.deepEqual(
      indexes,
      Array.from({ length: indexes.length }, (_, k) => sender + 3 * k),
    );
    for (const job of sink.jobs[sender]) assert.equal(job.intendedNs, job.index * 1e8);
  }
});

test('the feeder stops at the bytes that a sender may hold, and goes on when they have left', async () => {
  const plan = await planOf(Array.from({ length: 200 }, () => ({ inputTokens: 1_000, outputTokens: 1 })));
  const sink = new TestSink(1);
  const feeder = new Feeder({
    plan,
    bodies: builder(plan),
    sink,
    lookAheadNs: 1e15,
    maxBacklogBytes: 100_000,
  });
  feeder.pump(0);
  const first = feeder.fed;
  assert.ok(first > 5 && first < 20, `${first} jobs`);
  assert.ok(sink.backlogBytes(0) < 100_000 + 16_000);
  feeder.pump(0);
  assert.equal(feeder.fed, first);
  sink.sentBytes[0] = sink.jobs[0].slice(0, 3).reduce((sum, job) => sum + job.body.length, 0);
  feeder.pump(0);
  assert.ok(feeder.fed > first);
  // No message keeps a sender from its sockets for long.
  assert.ok(sink.sizes.every((bytes) => bytes <= 128 * 1024 + 16_000));
});
