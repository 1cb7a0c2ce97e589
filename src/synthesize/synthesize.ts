/**
 * synthesize: workload model → trace, as a stream of batches. Same model and seed, same rows, whatever the workers.
 *
 * Classes are merged by time (the earlier class of the model first when they tie) into batches of 65 536 rows. A row
 * says what the model knows: arrival (whole µs), both lengths, client and model names, the operation, and status `ok`.
 * With sessions, rows also have session, request and parent ids, turns and think times, and with prefixes block hashes.
 * The client's token cap and streaming are unknown and stay so; a replay asks for the row's output length by itself.
 */
import { ROWS_PER_BLOCK } from '../random.js';
import type { TraceBatch } from '../types.js';
import { BatchBuilder, classLabels } from './batch-builder.js';
import { checkWorkloadModel } from './check-model.js';
import { endUsOf, openSource } from './open-source.js';
import { planSynthesis, type SynthesisOptions, type SynthesisPlan } from './plan.js';
import { sessionBatches } from './sessions/session-batches.js';

export interface StreamOptions extends SynthesisOptions {
  readonly signal?: AbortSignal;
}

/**
 * Rows of a synthetic trace, in batches; can be iterated once or again with equal rows.
 * Throws BAD_MODEL (naming the key) or BAD_VALUE (naming the option) before the first batch.
 */
export function synthesizeTrace(options: StreamOptions): Iterable<TraceBatch> {
  checkWorkloadModel(options.model);
  const plan = planSynthesis(options);
  return { [Symbol.iterator]: () => batches(options, plan) };
}

function* batches(options: StreamOptions, plan: SynthesisPlan): Generator<TraceBatch> {
  const { model, signal } = options;
  const seed = String(options.seed);
  const { source, close } = openSource(model, seed, plan);
  try {
    let left = plan.requests ?? Number.POSITIVE_INFINITY;
    const labels = classLabels(model);
    if (model.sessions) {
      const { requests, factor } = plan;
      const endUs = endUsOf(plan);
      yield* sessionBatches({ model, seed, firstTurns: source, labels, endUs, requests, factor, signal });
      return;
    }
    while (left > 0) {
      signal?.throwIfAborted();
      const batch = new BatchBuilder(Math.min(ROWS_PER_BLOCK, left));
      batch.fill(source);
      if (batch.rows === 0) return;
      left -= batch.rows;
      yield batch.finish(labels);
    }
  } finally {
    close();
  }
}
