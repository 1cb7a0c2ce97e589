/**
 * The continuous-batching engine: one core for virtual time (`fleet.ts`) and for a real clock (`serve/`).
 *
 * Base part. It computes what the next iteration contains and how long it takes; somebody else lets the time pass.
 * Rules, after vLLM's scheduler and the reference simulator of the statistics page: every fully prefilled sequence
 * decodes one token (one of the budget each), then partly prefilled sequences continue in order of admission, then
 * waiting requests are admitted in order of the queue while token budget, sequence slots and KV blocks last; one
 * whose LoRA adapter has no place is passed over. The tokens of an iteration exist at its end. The iteration that
 * completes a prefill yields the first token.
 */
import { ToolError } from '../errors.js';
import { randomOf } from '../random.js';
import type { EngineGauges, EngineModel, EngineRequest } from '../types.js';
import { AdapterCache } from './adapters.js';
import { Batch } from './batch.js';
import { SequenceBlocks } from './blocks.js';
import type { Engine, EngineOptions, StepPlan, SubmitOutcome } from './contract.js';
import { createNoise, stepSeconds } from './cost.js';
import { EngineCounters } from './counters.js';
import { EVENT, StepEvents } from './events.js';
import { PriorityQueue, type WaitingQueue } from './priority-queue.js';
import { SlotQueue, SlotTable, STATE } from './slots.js';
import { createSpeculator, type Speculator } from './speculation.js';

/** Share of blocks that admission leaves free for sequences that grow (vLLM's watermark). */
const WATERMARK = 0.01;

/** An engine at rest. Deterministic: same model, seed and calls → same events. */
export function createEngine(model: EngineModel, options: EngineOptions): Engine {
  return new ContinuousBatchingEngine(model, options);
}

type MutablePlan = { -readonly [Key in keyof StepPlan]: StepPlan[Key] };

class ContinuousBatchingEngine implements Engine {
  readonly #model: EngineModel;
  #speed: number;
  readonly #tokenEvents: boolean;
  readonly #noise: () => number;
  readonly #growing: boolean;
  readonly #watermarkBlocks: number;
  readonly #slots = new SlotTable();
  readonly #blocks: SequenceBlocks;
  readonly #slotOfId = new Map<number, number>();
  readonly #queue: WaitingQueue;
  readonly #batch: Batch;
  readonly #byPriority: boolean;
  readonly #speculator: Speculator | null;
  /** Tokens of the budget that a decoding sequence takes. */
  readonly #tokensPerDecode: number;
  readonly #adapters: AdapterCache | null;
  /** Requests passed over in the present step, in order. */
  readonly #passedOver: number[] = [];
  /** Seconds that loading adapters adds to the step in planning. */
  #loadSec = 0;
  readonly #events = new StepEvents();
  readonly #plan: MutablePlan = {
    startSec: 0,
    durationSec: 0,
    endSec: 0,
    prefillTokens: 0,
    decodeSeqs: 0,
    kvTokens: 0,
  };
  #inFlight = false;
  /** Context tokens of all decoding sequences. */
  #kvTokens = 0;
  /** Pool releases when the head of the queue last found no room; −1 = it has not been tried. */
  #blockedAt = -1;

  running = 0;
  outstandingTokens = 0;
  #submissions = 0;
  readonly #counters = new EngineCounters();

  constructor(model: EngineModel, options: EngineOptions) {
    const { limits } = model;
    this.#model = model;
    this.#speed = options.speed ?? 1;
    this.#tokenEvents = options.tokenEvents ?? true;
    this.#noise = createNoise(model.step.noiseCv, randomOf(options.seed, 'engine', options.replica ?? 0));
    this.#growing = model.kvAdmission === 'watermark';
    this.#watermarkBlocks = this.#growing ? Math.ceil(limits.kvBlocks * WATERMARK) : 0;
    this.#blocks = new SequenceBlocks(limits, model.prefixCaching, this.#slots);
    this.#batch = new Batch(limits.maxSeqs, this.#slots);
    this.#byPriority = model.scheduling === 'priority';
    this.#queue = this.#byPriority ? new PriorityQueue(this.#slots) : new SlotQueue();
    this.#speculator = createSpeculator(model, options);
    this.#tokensPerDecode = 1 + (this.#speculator?.draftTokens ?? 0);
    this.#adapters = model.adapters === undefined ? null : new AdapterCache(model.adapters);
  }

  get waiting(): number {
    return this.#queue.length;
  }

  get kvUsage(): number {
    return this.#blocks.pool.usedBlocks / this.#blocks.pool.totalBlocks;
  }

  gauges(): EngineGauges {
    const adapterLoads = this.#adapters?.loads ?? 0;
    return this.#counters.gauges(this.running, this.waiting, this.kvUsage, adapterLoads);
  }

  setSpeed(speed: number): void {
    this.#speed = speed;
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
    slots.priority[slot] = request.priority ?? 0;
    slots.order[slot] = this.#submissions++;
    slots.received[slot] = request.computedTokens ?? 0;
    if (this.#adapters !== null) slots.adapter[slot] = this.#adapters.numberOf(request.adapter);
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
    this.#adapters?.release(this.#slots.adapter[slot]);
    state[slot] = STATE.cancelled;
    if (!this.#inFlight) this.#batch.sweepCancelled();
    return true;
  }

  planStep(nowSec: number): StepPlan | null {
    if (this.#inFlight) throw new Error('planStep: an iteration is in flight');
    if (this.running === 0 && this.#queue.length === 0) return null;
    this.#events.clear();
    const preemptionsBefore = this.#counters.preemptions;
    const plan = this.#plan;
    const batch = this.#batch;
    plan.decodeSeqs = this.#planDecodes();
    const budget = this.#model.limits.maxBatchedTokens - plan.decodeSeqs * this.#tokensPerDecode;
    plan.prefillTokens = this.#planPrefills(budget, this.#counters.preemptions === preemptionsBefore);
    plan.kvTokens = this.#kvTokens;
    if (plan.decodeSeqs < batch.decodingCount) {
      plan.kvTokens = 0;
      for (let i = 0; i < plan.decodeSeqs; i++) plan.kvTokens += this.#contextOf(batch.decoding[i]);
    }
    plan.startSec = nowSec;
    const { step } = this.#model;
    const stepSec =
      this.#speculator === null
        ? stepSeconds(step, plan, this.#speed)
        : this.#speculator.stepSeconds(step, plan, this.#speed);
    plan.durationSec = stepSec * this.#noise() + this.#loadSec / this.#speed;
    plan.endSec = nowSec + plan.durationSec;
    this.#inFlight = true;
    return plan;
  }

  finishStep(): StepEvents {
    if (!this.#inFlight) throw new Error('finishStep: no iteration is in flight');
    this.#inFlight = false;
    this.#counters.iterations += 1;
    // First tokens first: a server writes in this order, and TTFT suffers more from the writes of others than ITL.
    this.#finishPrefills();
    this.#finishDecodes();
    return this.#events;
  }

  /** Gives each decoding sequence its blocks for the step, preempting others on shortage. Returns how many decode. */
  #planDecodes(): number {
    const { state, inputTokens, outputTokens } = this.#slots;
    const { decoding } = this.#batch;
    const blocks = this.#blocks;
    const limit = Math.floor(this.#model.limits.maxBatchedTokens / this.#tokensPerDecode);
    const drafts = this.#tokensPerDecode - 1;
    let count = 0;
    while (count < this.#batch.decodingCount && count < limit) {
      const slot = decoding[count];
      const context = this.#contextOf(slot);
      const most =
        drafts === 0 ? context : Math.min(context + drafts, inputTokens[slot] + outputTokens[slot]);
      if (!blocks.holds(slot, most)) {
        const missing = blocks.missing(slot, most);
        while (blocks.pool.availableBlocks < missing && state[slot] === STATE.decoding)
          count = this.#preempt(count);
        if (state[slot] !== STATE.decoding) continue;
        blocks.grow(slot, missing);
      }
      blocks.name(slot, context);
      count += 1;
    }
    return count;
  }

  /** Spends the rest of the budget on prompts. Returns the prompt tokens computed. */
  #planPrefills(budget: number, mayAdmit: boolean): number {
    const { maxSeqs } = this.#model.limits;
    const batch = this.#batch;
    this.#loadSec = 0;
    let left = budget;
    for (let i = 0; i < batch.prefillingCount && left > 0; i++) {
      left -= this.#planChunk(batch.prefilling[i], left);
    }
    while (mayAdmit && left > 0 && this.#queue.length > 0 && this.running < maxSeqs) {
      const slot = this.#queue.front();
      if (this.#adapters !== null && !this.#adapters.available(this.#slots.adapter[slot])) {
        this.#passedOver.push(this.#queue.popFront());
        continue;
      }
      if (this.#blockedAt === this.#blocks.pool.releases || !this.#admit(slot)) break;
      left -= this.#planChunk(slot, left);
    }
    while (this.#passedOver.length > 0) this.#queue.pushFront(this.#passedOver.pop()!);
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
    slots.computed[slot] = Math.max(cached, Math.min(slots.received[slot], target - 1));
    slots.state[slot] = STATE.prefilling;
    this.#queue.popFront();
    this.#batch.addPrefilling(slot);
    if (this.#adapters !== null) this.#loadSec += this.#adapters.acquire(slots.adapter[slot]);
    this.running += 1;
    if (slots.admitted[slot] === 0) {
      slots.admitted[slot] = 1;
      if (slots.lanes[slot] !== null) {
        this.#counters.prefixQueriedTokens += target;
        this.#counters.prefixHitTokens += cached;
      }
      this.#events.push(EVENT.admitted, slots.ids[slot], cached);
    }
    return true;
  }

  #finishDecodes(): void {
    const { state, generated, outputTokens, ids } = this.#slots;
    const batch = this.#batch;
    const { decoding } = batch;
    const speculator = this.#speculator;
    const scheduled = this.#plan.decodeSeqs;
    let kept = 0;
    for (let i = 0; i < batch.decodingCount; i++) {
      const slot = decoding[i];
      if (state[slot] === STATE.cancelled) {
        this.#slots.release(slot);
        continue;
      }
      if (i < scheduled) {
        const most = outputTokens[slot] - generated[slot];
        const tokens = speculator === null ? 1 : Math.min(1 + speculator.accepted(), most);
        const count = generated[slot] + tokens;
        generated[slot] = count;
        this.#kvTokens += tokens;
        this.outstandingTokens += tokens;
        this.#counters.generatedTokens += tokens;
        if (this.#tokenEvents) this.#events.push(EVENT.token, ids[slot], count);
        if (count === outputTokens[slot]) {
          this.#kvTokens -= this.#contextOf(slot);
          this.#finish(slot);
          continue;
        }
      }
      decoding[kept++] = slot;
    }
    batch.decodingCount = kept;
  }

  #finishPrefills(): void {
    const { state, chunk, computed, target, generated, outputTokens, inputTokens, ids } = this.#slots;
    const batch = this.#batch;
    const { prefilling } = batch;
    let kept = 0;
    for (let i = 0; i < batch.prefillingCount; i++) {
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
      this.#counters.generatedTokens += 1;
      if (count === 1) {
        this.#counters.promptTokens += inputTokens[slot];
        this.#events.push(EVENT.firstToken, ids[slot], 1);
      } else if (this.#tokenEvents) this.#events.push(EVENT.token, ids[slot], count);
      if (count === outputTokens[slot]) {
        this.#finish(slot);
        continue;
      }
      state[slot] = STATE.decoding;
      this.#kvTokens += this.#contextOf(slot);
      batch.addDecoding(slot);
    }
    batch.prefillingCount = kept;
  }

  #finish(slot: number): void {
    this.#events.push(EVENT.finished, this.#slots.ids[slot], this.#slots.generated[slot]);
    this.running -= 1;
    this.#blocks.release(slot);
    this.#adapters?.release(this.#slots.adapter[slot]);
    this.#forget(slot);
    this.#slots.release(slot);
  }

  /**
   * The newest sequence, or the last by priority, gives up its blocks and waits to be computed again. `planned`
   * sequences have been planned for this step; returns how many of them are left.
   */
  #preempt(planned: number): number {
    const slots = this.#slots;
    const batch = this.#batch;
    const slot = this.#byPriority ? batch.lowest() : batch.newest();
    const place = batch.remove(slot);
    if (slots.state[slot] === STATE.decoding) this.#kvTokens -= this.#contextOf(slot);
    this.#blocks.release(slot);
    this.#adapters?.release(slots.adapter[slot]);
    slots.state[slot] = STATE.waiting;
    slots.computed[slot] = 0;
    slots.chunk[slot] = 0;
    slots.received[slot] = 0;
    slots.target[slot] = this.#contextOf(slot);
    this.#queue.pushFront(slot);
    this.#blockedAt = -1;
    this.running -= 1;
    this.#counters.preemptions += 1;
    this.#events.push(EVENT.preempted, slots.ids[slot], slots.generated[slot]);
    return place >= 0 && place < planned ? planned - 1 : planned;
  }

  #forget(slot: number): void {
    this.#slotOfId.delete(this.#slots.ids[slot]);
    this.outstandingTokens -= this.#contextOf(slot);
  }

  #contextOf(slot: number): number {
    return this.#slots.inputTokens[slot] + this.#slots.generated[slot];
  }
}
