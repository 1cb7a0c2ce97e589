/**
 * The continuous-batching engine: one core for virtual time (`fleet.ts`) and for a real clock (`serve/`).
 *
 * Base part. It computes what the next iteration contains and how long it takes; somebody else lets the time pass.
 * Rules, after vLLM's scheduler and the reference simulator of the statistics page: every fully prefilled sequence
 * decodes one token (one of the budget each), then partly prefilled sequences continue in order of admission, then
 * waiting requests are admitted first come first served while token budget, sequence slots and KV blocks last. The
 * tokens of an iteration exist at its end. The iteration that completes a prefill yields the first token.
 */
import { ToolError } from '../errors.js';
import { randomOf } from '../random.js';
import type { EngineGauges, EngineModel, EngineRequest } from '../types.js';
import { SequenceBlocks } from './blocks.js';
import type { Engine, EngineOptions, StepPlan, SubmitOutcome } from './contract.js';
import { createNoise, stepSeconds } from './cost.js';
import { EVENT, StepEvents } from './events.js';
import { SlotQueue, SlotTable, STATE } from './slots.js';

/** Share of blocks that admission leaves free for sequences that grow (vLLM's watermark). */
const WATERMARK = 0.01;

/** An engine at rest. Deterministic: same model, seed and calls → same events. */
export function createEngine(model: EngineModel, options: EngineOptions): Engine {
  return new ContinuousBatchingEngine(model, options);
}

type MutablePlan = { -readonly [Key in keyof StepPlan]: StepPlan[Key] };

class ContinuousBatchingEngine implements Engine {
  readonly #model: EngineModel;
  readonly #speed: number;
  readonly #tokenEvents: boolean;
  readonly #noise: () => number;
  readonly #growing: boolean;
  readonly #watermarkBlocks: number;
  readonly #slots = new SlotTable();
  readonly #blocks: SequenceBlocks;
  readonly #slotOfId = new Map<number, number>();
  readonly #queue = new SlotQueue();
  readonly #events = new StepEvents();
  readonly #plan: MutablePlan = {
    startSec: 0,
    durationSec: 0,
    endSec: 0,
    prefillTokens: 0,
    decodeSeqs: 0,
    kvTokens: 0,
  };
  /** Both in order of admission; every prefilling sequence is newer than every decoding one. */
  readonly #decoding: Int32Array;
  #decodingCount = 0;
  readonly #prefilling: Int32Array;
  #prefillingCount = 0;
  #inFlight = false;
  /** Context tokens of all decoding sequences. */
  #kvTokens = 0;
  /** Pool releases when the head of the queue last found no room; −1 = it has not been tried. */
  #blockedAt = -1;

  running = 0;
  outstandingTokens = 0;
  #preemptions = 0;
  #prefixQueriedTokens = 0;
  #prefixHitTokens = 0;
  #iterations = 0;
  #promptTokens = 0;
  #generatedTokens = 0;

  constructor(model: EngineModel, options: EngineOptions) {
    const { limits } = model;
    this.#model = model;
    this.#speed = options.speed ?? 1;
    this.#tokenEvents = options.tokenEvents ?? true;
    this.#noise = createNoise(model.step.noiseCv, randomOf(options.seed, 'engine', options.replica ?? 0));
    this.#growing = model.kvAdmission === 'watermark';
    this.#watermarkBlocks = this.#growing ? Math.ceil(limits.kvBlocks * WATERMARK) : 0;
    this.#blocks = new SequenceBlocks(limits, model.prefixCaching, this.#slots);
    this.#decoding = new Int32Array(limits.maxSeqs);
    this.#prefilling = new Int32Array(limits.maxSeqs);
  }

  get waiting(): number {
    return this.#queue.length;
  }

  get kvUsage(): number {
    return this.#blocks.pool.usedBlocks / this.#blocks.pool.totalBlocks;
  }

  gauges(): EngineGauges {
    return {
      running: this.running,
      waiting: this.waiting,
      kvUsage: this.kvUsage,
      preemptions: this.#preemptions,
      prefixQueriedTokens: this.#prefixQueriedTokens,
      prefixHitTokens: this.#prefixHitTokens,
      iterations: this.#iterations,
      promptTokens: this.#promptTokens,
      generatedTokens: this.#generatedTokens,
    };
  }

  cachedPrefixTokens(prefixHashes: ArrayLike<bigint>): number {
    return this.#blocks.cachedTokens(prefixHashes);
  }

  submit(request: EngineRequest): SubmitOutcome {
    const { id, inputTokens, outputTokens } = request;
    const total = inputTokens + outputTokens;
    if (!(Number.isSafeInteger(total) && inputTokens >= 1 && outputTokens >= 1)) {
      throw new ToolError({
        code: 'BAD_VALUE',
        message: `request ${id}: expected at least one input and one output token, got ${inputTokens} and ${outputTokens}`,
        hint: 'leave such requests out, and count them',
      });
    }
    if (total > this.#model.limits.maxModelLen) return 'exceeds_model_len';
    if (this.#blocks.blocksFor(total) > this.#blocks.pool.totalBlocks) return 'exceeds_kv';
    const slots = this.#slots;
    const slot = slots.take();
    slots.ids[slot] = id;
    slots.state[slot] = STATE.waiting;
    slots.inputTokens[slot] = inputTokens;
    slots.outputTokens[slot] = outputTokens;
    slots.target[slot] = inputTokens;
    this.#blocks.setHashes(slot, request.prefixHashes);
    this.#slotOfId.set(id, slot);
    this.#queue.pushBack(slot);
    this.outstandingTokens += inputTokens;
    return 'queued';
  }

  cancel(id: number): boolean {
    const slot = this.#slotOfId.get(id);
    if (slot === undefined) return false;
    const { state } = this.#slots;
    const was = state[slot];
    this.#forget(slot);
    if (was === STATE.waiting) {
      if (this.#queue.front() === slot) this.#blockedAt = -1;
      this.#queue.remove(slot);
      this.#slots.release(slot);
      return true;
    }
    this.running -= 1;
    if (was === STATE.decoding) this.#kvTokens -= this.#contextOf(slot);
    this.#blocks.release(slot);
    state[slot] = STATE.cancelled;
    if (!this.#inFlight) this.#sweepCancelled();
    return true;
  }

  planStep(nowSec: number): StepPlan | null {
    if (this.#inFlight) throw new Error('planStep: an iteration is in flight');
    if (this.running === 0 && this.#queue.length === 0) return null;
    this.#events.clear();
    const preemptionsBefore = this.#preemptions;
    const plan = this.#plan;
    plan.decodeSeqs = this.#planDecodes();
    const budget = this.#model.limits.maxBatchedTokens - plan.decodeSeqs;
    plan.prefillTokens = this.#planPrefills(budget, this.#preemptions === preemptionsBefore);
    plan.kvTokens = this.#kvTokens;
    if (plan.decodeSeqs < this.#decodingCount) {
      plan.kvTokens = 0;
      for (let i = 0; i < plan.decodeSeqs; i++) plan.kvTokens += this.#contextOf(this.#decoding[i]);
    }
    plan.startSec = nowSec;
    plan.durationSec = stepSeconds(this.#model.step, plan, this.#speed) * this.#noise();
    plan.endSec = nowSec + plan.durationSec;
    this.#inFlight = true;
    return plan;
  }

  finishStep(): StepEvents {
    if (!this.#inFlight) throw new Error('finishStep: no iteration is in flight');
    this.#inFlight = false;
    this.#iterations += 1;
    // First tokens first: a server writes in this order, and TTFT suffers more from the writes of others than ITL.
    this.#finishPrefills();
    this.#finishDecodes();
    return this.#events;
  }

  /** Gives each decoding sequence its block for the step, preempting the newest on shortage. Returns how many decode. */
  #planDecodes(): number {
    const { state } = this.#slots;
    const blocks = this.#blocks;
    const limit = this.#model.limits.maxBatchedTokens;
    let count = 0;
    for (; count < this.#decodingCount && count < limit; count++) {
      const slot = this.#decoding[count];
      const context = this.#contextOf(slot);
      if (!blocks.holds(slot, context)) {
        while (blocks.pool.availableBlocks < 1 && state[slot] === STATE.decoding) this.#preemptNewest();
        if (state[slot] !== STATE.decoding) break;
        blocks.grow(slot);
      }
      blocks.name(slot, context);
    }
    return count;
  }

  /** Spends the rest of the budget on prompts. Returns the prompt tokens computed. */
  #planPrefills(budget: number, mayAdmit: boolean): number {
    const { maxSeqs } = this.#model.limits;
    let left = budget;
    for (let i = 0; i < this.#prefillingCount && left > 0; i++) {
      left -= this.#planChunk(this.#prefilling[i], left);
    }
    while (mayAdmit && left > 0 && this.#queue.length > 0 && this.running < maxSeqs) {
      const slot = this.#queue.front();
      if (this.#blockedAt === this.#blocks.pool.releases || !this.#admit(slot)) break;
      left -= this.#planChunk(slot, left);
    }
    return budget - left;
  }

  #planChunk(slot: number, budget: number): number {
    const { target, computed, chunk } = this.#slots;
    const tokens = Math.min(budget, target[slot] - computed[slot]);
    chunk[slot] = tokens;
    this.#blocks.name(slot, computed[slot] + tokens);
    return tokens;
  }

  /** Moves the head of the queue into the batch when its blocks fit. */
  #admit(slot: number): boolean {
    const slots = this.#slots;
    const target = slots.target[slot];
    const tokens = this.#growing ? target : slots.inputTokens[slot] + slots.outputTokens[slot];
    // The last token is always computed: its logits are what the next token is sampled from.
    const cached = this.#blocks.reserve(
      slot,
      tokens,
      target - 1,
      this.running > 0 ? this.#watermarkBlocks : 0,
    );
    this.#blockedAt = cached < 0 ? this.#blocks.pool.releases : -1;
    if (cached < 0) return false;
    slots.computed[slot] = cached;
    slots.state[slot] = STATE.prefilling;
    this.#queue.popFront();
    this.#prefilling[this.#prefillingCount++] = slot;
    this.running += 1;
    if (slots.admitted[slot] === 0) {
      slots.admitted[slot] = 1;
      if (slots.lanes[slot] !== null) {
        this.#prefixQueriedTokens += target;
        this.#prefixHitTokens += cached;
      }
      this.#events.push(EVENT.admitted, slots.ids[slot], cached);
    }
    return true;
  }

  #finishDecodes(): void {
    const { state, generated, outputTokens, ids } = this.#slots;
    const decoding = this.#decoding;
    const scheduled = this.#plan.decodeSeqs;
    let kept = 0;
    for (let i = 0; i < this.#decodingCount; i++) {
      const slot = decoding[i];
      if (state[slot] === STATE.cancelled) {
        this.#slots.release(slot);
        continue;
      }
      if (i < scheduled) {
        const count = generated[slot] + 1;
        generated[slot] = count;
        this.#kvTokens += 1;
        this.outstandingTokens += 1;
        this.#generatedTokens += 1;
        if (this.#tokenEvents) this.#events.push(EVENT.token, ids[slot], count);
        if (count === outputTokens[slot]) {
          this.#kvTokens -= this.#contextOf(slot);
          this.#finish(slot);
          continue;
        }
      }
      decoding[kept++] = slot;
    }
    this.#decodingCount = kept;
  }

  #finishPrefills(): void {
    const { state, chunk, computed, target, generated, outputTokens, inputTokens, ids } = this.#slots;
    const prefilling = this.#prefilling;
    let kept = 0;
    for (let i = 0; i < this.#prefillingCount; i++) {
      const slot = prefilling[i];
      if (state[slot] === STATE.cancelled) {
        this.#slots.release(slot);
        continue;
      }
      computed[slot] += chunk[slot];
      chunk[slot] = 0;
      if (computed[slot] < target[slot]) {
        prefilling[kept++] = slot;
        continue;
      }
      const count = generated[slot] + 1;
      generated[slot] = count;
      this.outstandingTokens += 1;
      this.#generatedTokens += 1;
      if (count === 1) {
        this.#promptTokens += inputTokens[slot];
        this.#events.push(EVENT.firstToken, ids[slot], 1);
      } else if (this.#tokenEvents) this.#events.push(EVENT.token, ids[slot], count);
      if (count === outputTokens[slot]) {
        this.#finish(slot);
        continue;
      }
      state[slot] = STATE.decoding;
      this.#kvTokens += this.#contextOf(slot);
      this.#decoding[this.#decodingCount++] = slot;
    }
    this.#prefillingCount = kept;
  }

  #finish(slot: number): void {
    this.#events.push(EVENT.finished, this.#slots.ids[slot], this.#slots.generated[slot]);
    this.running -= 1;
    this.#blocks.release(slot);
    this.#forget(slot);
    this.#slots.release(slot);
  }

  /** The newest sequence gives up its blocks and goes to the head of the queue, to be computed again. */
  #preemptNewest(): void {
    const slots = this.#slots;
    let slot: number;
    if (this.#prefillingCount > 0) slot = this.#prefilling[--this.#prefillingCount];
    else {
      slot = this.#decoding[--this.#decodingCount];
      this.#kvTokens -= this.#contextOf(slot);
    }
    this.#blocks.release(slot);
    slots.state[slot] = STATE.waiting;
    slots.computed[slot] = 0;
    slots.chunk[slot] = 0;
    slots.target[slot] = this.#contextOf(slot);
    this.#queue.pushFront(slot);
    this.#blockedAt = -1;
    this.running -= 1;
    this.#preemptions += 1;
    this.#events.push(EVENT.preempted, slots.ids[slot], slots.generated[slot]);
  }

  #forget(slot: number): void {
    this.#slotOfId.delete(this.#slots.ids[slot]);
    this.outstandingTokens -= this.#contextOf(slot);
  }

  #sweepCancelled(): void {
    const { state } = this.#slots;
    const sweep = (list: Int32Array, count: number): number => {
      let kept = 0;
      for (let i = 0; i < count; i++) {
        if (state[list[i]] === STATE.cancelled) this.#slots.release(list[i]);
        else list[kept++] = list[i];
      }
      return kept;
    };
    this.#decodingCount = sweep(this.#decoding, this.#decodingCount);
    this.#prefillingCount = sweep(this.#prefilling, this.#prefillingCount);
  }

  #contextOf(slot: number): number {
    return this.#slots.inputTokens[slot] + this.#slots.generated[slot];
  }
}
