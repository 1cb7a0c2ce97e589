/**
 * Request bodies, built ahead of their instants and away from the threads that read sockets.
 *
 * A body is JSON with the prompt's bytes in the middle; nothing is escaped or counted at this point, because the words of
 * a prompt need neither. The same seed and salt give the same bytes for the same row, whatever the order or the number
 * of senders.
 */
import { type RandomStream, type Rng, randomStream } from '../random.js';
import { createPromptWriter, MAX_BYTES_PER_TOKEN, type PromptWriter } from '../tokens/prompt.js';
import type { WordPool } from '../tokens/word-pool.js';
import type { SendPlan } from './plan.js';
import type { BodyFrame, Protocol } from './protocol.js';

export interface BodyOptions {
  readonly plan: SendPlan;
  readonly protocol: Protocol;
  readonly model: string;
  readonly ignoreEos: boolean;
  /** Names of concessions to the server (`Protocol.concessions`). Default none. */
  readonly conceded?: readonly string[];
  readonly extraBody: Readonly<Record<string, unknown>> | null;
  readonly seed: string;
  /** null = none: the same prompts in every run of this seed. */
  readonly salt: string | null;
  /** Words that are one token each in the server's vocabulary. Default the bundled pool. */
  readonly pool?: WordPool;
  /** Tokens that the server adds to every prompt (its chat template), taken off the prompt; 0 = leave it. */
  readonly templateTokens: number;
  /** Tokens that it adds to a conversation with each further turn, taken off that turn's new text. Default 0. */
  readonly turnTokens?: number;
}

/** A body, where its prompt stands in it, and the recorded answer's stand-in when that was asked for. */
export interface BuiltTurn {
  readonly body: Buffer;
  readonly promptFrom: number;
  readonly promptTo: number;
  /** Text of the recorded length of the answer before this turn. */
  readonly answer: Buffer | null;
}

/** Builds the bodies of a plan. Calls in rising order of `i` are cheapest. */
export class BodyBuilder {
  readonly #options: BodyOptions;
  readonly #writer: PromptWriter;
  readonly #prompts: RandomStream;
  readonly #frames = new Map<number, readonly [Buffer, Buffer]>();
  #scratch = Buffer.alloc(0);

  constructor(options: BodyOptions) {
    this.#options = options;
    this.#writer = createPromptWriter({ salt: options.salt, pool: options.pool });
    this.#prompts = randomStream(options.seed, 'prompts');
  }

  /** The body of request i of the plan. */
  build(i: number): Buffer {
    return this.buildTurn(i, null).body;
  }

  /**
   * The body of request i of a conversation. `turn` null = with its own whole prompt; else with `turn.tokens` of new
   * text only, to stand behind the conversation so far, and with an answer of `turn.answerTokens` (0 = none) to stand
   * between the two.
   */
  buildTurn(i: number, turn: { readonly tokens: number; readonly answerTokens: number } | null): BuiltTurn {
    const { plan, templateTokens, turnTokens } = this.#options;
    const wanted = turn === null ? plan.inputTokens[i] - templateTokens : turn.tokens - (turnTokens ?? 0);
    const tokens = Math.max(1, wanted);
    const [before, after] = this.#frame(plan.stream[i] === 1, plan.maxOutputTokens[i]);
    const most = before.length + tokens * MAX_BYTES_PER_TOKEN + after.length;
    if (this.#scratch.length < most) this.#scratch = Buffer.allocUnsafe(most * 2);
    before.copy(this.#scratch);
    const rng = this.#prompts.block(plan.row[i]);
    const promptTo = this.#writer.write(this.#scratch, before.length, {
      tokens,
      blockHashes: turn === null ? this.#blocks(i, tokens) : null,
      blockSize: plan.blockSize,
      rng,
    });
    const end = promptTo + after.copy(this.#scratch, promptTo);
    const body = Buffer.from(this.#scratch.subarray(0, end));
    const answer = turn === null || turn.answerTokens < 1 ? null : this.#text(turn.answerTokens, rng);
    return { body, promptFrom: before.length, promptTo, answer };
  }

  #text(tokens: number, rng: Rng): Buffer {
    const bytes = Buffer.allocUnsafe(tokens * MAX_BYTES_PER_TOKEN);
    return bytes.subarray(0, this.#writer.write(bytes, 0, { tokens, rng }));
  }

  #blocks(i: number, tokens: number): bigint[] | null {
    const { plan } = this.#options;
    const from = plan.blockOffsets[i];
    if (plan.blockSize === null || plan.blockOffsets[i + 1] === from) return null;
    return Array.from(plan.blockHashes.subarray(from, from + Math.ceil(tokens / plan.blockSize)));
  }

  #frame(stream: boolean, maxOutputTokens: number): readonly [Buffer, Buffer] {
    const key = maxOutputTokens * 2 + (stream ? 1 : 0);
    let frame = this.#frames.get(key);
    if (frame === undefined) {
      const { protocol, model, ignoreEos, extraBody, conceded } = this.#options;
      const asked = maxOutputTokens < 0 ? null : maxOutputTokens;
      frame = bytesOf(
        protocol.frame({
          model,
          stream,
          maxOutputTokens: asked,
          ignoreEos: ignoreEos && asked !== null,
          extraBody,
          conceded,
        }),
      );
      if (this.#frames.size >= 10_000) this.#frames.clear();
      this.#frames.set(key, frame);
    }
    return frame;
  }
}

function bytesOf(frame: BodyFrame): readonly [Buffer, Buffer] {
  return [Buffer.from(frame.before), Buffer.from(frame.after)];
}
