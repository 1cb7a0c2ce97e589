/**
 * Prompts as what their blocks are named by: pieces of content, each with an owner, laid end to end.
 *
 * A block id is a running hash over the owners and places of all blocks up to it (the chain of the engine's prefix cache),
 * so two prompts share exactly the complete blocks of the pieces that they have in common. The last, incomplete block has
 * an id of its own: a longer prompt does not find it, a repeated prompt does.
 */
import { PrefixChain } from '../../engine/prefix.js';

/** Whose content a piece is: words that tell it from every other one. */
export type Owner = readonly number[];

/** A piece of content up to block `upTo` (exclusive) of the prompt; the last piece is open (+∞). */
export interface Piece {
  readonly owner: Owner;
  readonly upTo: number;
}

export interface Prompt {
  readonly pieces: readonly Piece[];
  readonly inputTokens: number;
  /** Names the incomplete last block. */
  readonly ending: Owner;
}

/** The first `blocks` blocks of a prompt, then content of another owner. */
export function continueFrom(pieces: readonly Piece[], blocks: number, owner: Owner): readonly Piece[] {
  const kept: Piece[] = [];
  for (const piece of pieces) {
    const start = kept.at(-1)?.upTo ?? 0;
    if (start >= blocks) break;
    kept.push({ owner: piece.owner, upTo: Math.min(piece.upTo, blocks) });
  }
  return [...kept, { owner, upTo: Number.POSITIVE_INFINITY }];
}

/** Marks an incomplete block, so that no complete block can have its id. */
const INCOMPLETE = 0x70_61_72_74;

/** Number of block ids of a prompt. */
export function blockCount(inputTokens: number, blockSize: number): number {
  return Math.ceil(inputTokens / blockSize);
}

/** Writes the ids of a prompt's blocks, as pairs of 32-bit lanes, from place `at` on. */
export function writeBlockIds(prompt: Prompt, blockSize: number, lanes: Uint32Array, at: number): void {
  const complete = Math.floor(prompt.inputTokens / blockSize);
  const chain = new PrefixChain();
  let block = 0;
  for (const { owner, upTo } of prompt.pieces) {
    if (block >= complete) break;
    for (const word of owner) chain.mix(word);
    for (const end = Math.min(upTo, complete); block < end; block++) {
      chain.mix(block);
      chain.write(lanes, at + block);
    }
  }
  if (complete * blockSize === prompt.inputTokens) return;
  chain.mix(INCOMPLETE);
  for (const word of prompt.ending) chain.mix(word);
  chain.write(lanes, at + complete);
}
