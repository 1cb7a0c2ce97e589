/**
 * Request bodies, built ahead of their instants and away from the threads that read sockets.
 *
 * A body is JSON with the prompt's bytes in the middle; nothing is escaped or counted at this point, because the words of
 * a prompt need neither. The same seed and salt give the same bytes for the same row, whatever the order or the number
 * of senders.
 */
import { type RandomStream, randomStream } from '../random.js';
import { createPromptWriter, MAX_BYTES_PER_TOKEN, type PromptWriter } from '../tokens/prompt.js';
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
  /** Tokens that the server adds to every prompt (its chat template), taken off the prompt; 0 = leave it. */
  readonly templateTokens: number;
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
    this.#writer = createPromptWriter({ salt: options.salt });
    this.#prompts = randomStream(options.seed, 'prompts');
  }

  /** The body of request i of the plan. */
  build(i: number): Buffer {
    const { plan, templateTokens } = this.#options;
    const tokens = Math.max(1, plan.inputTokens[i] - templateTokens);
    const [before, after] = this.#frame(plan.stream[i] === 1, plan.maxOutputTokens[i]);
    const most = before.length + tokens * MAX_BYTES_PER_TOKEN + after.length;
    if (this.#scratch.length < most) this.#scratch = Buffer.allocUnsafe(most * 2);
    before.copy(this.#scratch);
    let end = this.#writer.write(this.#scratch, before.length, {
      tokens,
      blockHashes: this.#blocks(i, tokens),
      blockSize: plan.blockSize,
      rng: this.#prompts.block(plan.row[i]),
    });
    end += after.copy(this.#scratch, end);
    return Buffer.from(this.#scratch.subarray(0, end));
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
