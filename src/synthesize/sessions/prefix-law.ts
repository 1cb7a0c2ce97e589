/**
 * Which content prompts consist of: shared heads, beginnings taken over from earlier requests, documents and questions.
 *
 * All draws have addresses (session, turn, purpose) in the substream `prefixes`, apart from lengths and times.
 */
import { randomOf } from '../../random.js';
import { CounterRandom } from '../../stats/counter-random.js';
import { quantileAt } from '../../stats/quantile-curve.js';
import type { PrefixModel, SharedHead } from '../../types.js';
import { continueFrom, type Owner, type Piece, type Prompt } from './prompt.js';
import type { RecentUses } from './recent-uses.js';

/** What draws are for; part of the file contract. */
const PURPOSE = { head: 1, branch: 2, depth: 3, gap: 4, repeat: 5, kept: 6, part: 7, question: 8 } as const;

const HEAD_WORD = 0x68_65_61_64;
const SESSION_WORD = 0x73_65_73_73;
const TWO_32 = 4_294_967_296;

export interface PrefixLawOptions {
  readonly prefixes: PrefixModel;
  readonly seed: string;
  /** Copies of one workload have content of their own; heads are shared between them. */
  readonly copy: number;
  readonly classId: string;
  /** Place of the class in the model. */
  readonly classIndex: number;
}

/** The beginning of a session: which head it has and what it takes over. */
export interface FirstContent {
  readonly pieces: readonly Piece[];
  /** Complete blocks of the head. */
  readonly headBlocks: number;
  /** The whole earlier prompt that this one repeats; null = none. */
  readonly repeated: Prompt | null;
}

export class PrefixLaw {
  readonly blockSize: number;
  readonly #prefixes: PrefixModel;
  readonly #random: CounterRandom;
  readonly #space: readonly number[];
  readonly #headPieces: readonly { readonly upTo: number; readonly pieces: readonly Piece[] }[];

  constructor({ prefixes, seed, copy, classId, classIndex }: PrefixLawOptions) {
    this.blockSize = prefixes.blockSize;
    this.#prefixes = prefixes;
    this.#random = new CounterRandom(seed, 'prefixes', classId);
    const space = randomOf(seed, 'prefixes', 'space', copy);
    this.#space = [space.int(TWO_32), space.int(TWO_32), SESSION_WORD, classIndex];
    this.#headPieces = headShares(prefixes.heads, classId);
  }

  /** Content of a first turn that arrives at `atUs`. */
  begin(session: number, inputTokens: number, atUs: number, recent: RecentUses<Prompt>): FirstContent {
    const complete = Math.floor(inputTokens / this.blockSize);
    const head = this.#drawHead(session);
    const headBlocks = Math.min(head.at(-1)?.upTo ?? 0, complete);
    const own = this.owner(session, 0);
    const fresh = { pieces: continueFrom(head, headBlocks, own), headBlocks, repeated: null };
    const { branches } = this.#prefixes;
    if (branches === null) return fresh;
    const bin = branches.byInput.find(({ inputTo }) => inputTokens <= inputTo);
    if (bin === undefined || this.#draw(session, 1, 'branch') >= bin.share) return fresh;
    const gapUs = 1e6 * quantileAt(branches.reuseGapSec, this.#draw(session, 1, 'gap'));
    if (gapUs > atUs) return fresh;
    if (this.#draw(session, 1, 'repeat') < branches.repeatShare) {
      const { inputFrom, inputTo } = bin;
      const repeated = recent.nearest(
        atUs - gapUs,
        (prompt) => prompt.inputTokens >= inputFrom && prompt.inputTokens <= inputTo,
      );
      if (repeated !== null) return { pieces: repeated.item.pieces, headBlocks, repeated: repeated.item };
    }
    const depth = bin.depth ?? branches.depth;
    if (depth === null || complete <= headBlocks) return fresh;
    const part = quantileAt(depth, this.#draw(session, 1, 'depth'));
    const shared = headBlocks + Math.max(1, Math.round(part * (complete - headBlocks)));
    const source = recent.nearest(
      atUs - gapUs,
      (prompt) =>
        Math.floor(prompt.inputTokens / this.blockSize) >= shared &&
        sameHead(prompt.pieces, fresh.pieces, headBlocks),
    );
    if (source === null) return fresh;
    return { pieces: continueFrom(source.item.pieces, shared, own), headBlocks, repeated: null };
  }

  /** Complete blocks that are kept of `complete` ones, of which `headBlocks` are the head. */
  kept(session: number, turn: number, complete: number, headBlocks: number): number {
    const { wholeShare, part } = this.#prefixes.kept;
    if (part === null || this.#draw(session, turn, 'kept') < wholeShare) return complete;
    const share = quantileAt(part, this.#draw(session, turn, 'part'));
    return headBlocks + Math.floor(share * (complete - headBlocks));
  }

  /** Which of the questions asked once on a document a visit repeats; null = a new one. */
  repeats(session: number, visit: number, pending: number): number | null {
    const shares = this.#prefixes.repeatByVisit;
    if (shares.length === 0 || pending === 0) return null;
    const share = shares[Math.min(visit, shares.length + 1) - 2];
    if (this.#draw(session, visit, 'repeat') >= share) return null;
    return Math.min(pending - 1, Math.floor(this.#draw(session, visit, 'question') * pending));
  }

  /** Names the content that a session writes in one of its turns. */
  owner(session: number, edition: number): Owner {
    return [...this.#space, session % TWO_32, Math.floor(session / TWO_32), edition];
  }

  #drawHead(session: number): readonly Piece[] {
    const u = this.#draw(session, 1, 'head');
    return this.#headPieces.find(({ upTo }) => u < upTo)?.pieces ?? [];
  }

  #draw(session: number, turn: number, purpose: keyof typeof PURPOSE): number {
    return this.#random.uniform(session, turn, PURPOSE[purpose]);
  }
}

/** Heads with rising shares, each as pieces that end with the head. */
function headShares(
  heads: readonly SharedHead[],
  classId: string,
): { readonly upTo: number; readonly pieces: readonly Piece[] }[] {
  const piecesOf = new Map<string, readonly Piece[]>();
  let upTo = 0;
  return heads.map((head, k) => {
    const base = head.extends === null ? [] : (piecesOf.get(head.extends) ?? []);
    // The owner depends on the model only: copies and seeds share system prompts.
    const open = continueFrom(base, head.sharedBlocks, [HEAD_WORD, k]);
    const pieces = open.map((piece) => ({ ...piece, upTo: Math.min(piece.upTo, head.blocks) }));
    piecesOf.set(head.name, pieces);
    upTo += head.shareByClass?.[classId] ?? head.share;
    return { upTo, pieces };
  });
}

/** Whether the first `blocks` blocks are the same content. */
function sameHead(a: readonly Piece[], b: readonly Piece[], blocks: number): boolean {
  for (let k = 0, at = 0; at < blocks; k++) {
    if (a[k] === undefined || b[k] === undefined || !sameOwner(a[k].owner, b[k].owner)) return false;
    const upTo = Math.min(a[k].upTo, blocks);
    if (upTo !== Math.min(b[k].upTo, blocks)) return false;
    at = upTo;
  }
  return true;
}

function sameOwner(a: Owner, b: Owner): boolean {
  return a.length === b.length && a.every((word, i) => word === b[i]);
}
