/**
 * Arrow "trace → model", its session part: which requests belong together, how sessions go on, which prefixes are shared.
 *
 * Source: STATISTICS §1.4 and §2.5. Links come from the log's ids when it has them, else from block hashes; the data then
 * choose between chat sessions and documents. Classes are fitted to first turns, the rest follows from here.
 */
import { randomOf } from '../../random.js';
import { blockForest } from '../../stats/block-forest.js';
import { type BlockLists, prefixReuse } from '../../stats/lru-curve.js';
import type { PrefixModel, SessionKind, SessionModel } from '../../types.js';
import { inferBlockSize, type SessionColumns } from './columns.js';
import { fitContinuation } from './continuation.js';
import type { SessionFacts } from './facts.js';
import { chooseKind, fitGrowth, type GrowthEvidence, growthEvidence } from './growth.js';
import { findHeads, type Heads } from './heads.js';
import { LEAST_BLOCKS, parentsByDocument, parentsById, parentsByPrefix } from './links.js';
import { fitPool } from './pool.js';
import { fitPrefixes } from './prefixes.js';
import { answerEnds, type Pair, waitFamilies } from './think.js';
import { type Threads, threadsOf } from './threads.js';

export interface SessionOptions {
  readonly columns: SessionColumns;
  /** Seconds from the window's start. */
  readonly arrivalSec: Float64Array;
  /** −1 = unknown. */
  readonly inputTokens: Int32Array;
  readonly outputTokens: Int32Array;
  readonly durationSec: number;
  /** Tokens per block hash; null = not said, found from the lists' lengths. */
  readonly blockSize: number | null;
  /** Grid of a coarse clock, ns; null = exact. */
  readonly gridNs: number | null;
  /** Kernel of the rate of document visits; null = by the window's length. */
  readonly bandwidthSec: number | null;
  readonly seed: string;
}

/** Sessions of a trace before their laws are fitted. */
export interface FoundSessions extends SessionOptions {
  readonly lists: BlockLists | null;
  readonly links: Links;
  /** Rows that begin a session, in order: what classes are fitted to. */
  readonly firstRows: Uint32Array;
}

export interface FittedSessions {
  readonly sessions: SessionModel;
  readonly prefixes: PrefixModel | null;
}

/** Fewer continuations say nothing about sessions, fewer first turns nothing about classes. */
const LEAST_ROWS = 20;

/** null when the trace tells neither of sessions nor of shared prefixes. */
export function findSessions(options: SessionOptions): FoundSessions | null {
  const lists = blockListsOf(options);
  const links = linksOf(options, lists);
  if (links === null) return null;
  const { turn } = links.threads;
  const firstRows = Uint32Array.from(turn.keys()).filter((row) => turn[row] === 1);
  const known = firstRows.filter((row) => options.inputTokens[row] >= 0 && options.outputTokens[row] >= 0);
  return known.length < LEAST_ROWS ? null : { ...options, lists, links, firstRows };
}

/** The laws of sessions. `classes` hold first rows; later turns belong to the class of their session's first. */
export function fitSessions(
  found: FoundSessions,
  classes: readonly { readonly id: string; readonly rows: Uint32Array }[],
): FittedSessions {
  const { lists, inputTokens } = found;
  const { threads, kind, linkedBy, evidence } = found.links;
  const { facts, think } = timesOf(found, classes);
  const hashed = linkedBy === 'block_hashes' && kind === 'chat';
  const least = hashed && lists !== null ? LEAST_BLOCKS * lists.blockSize : 0;
  const { continuation, waits, waitFactors } = fitContinuation(facts, least);
  const { growth, outputGivenInput, persistence } = fitGrowth(facts, evidence);
  const reads = kind === 'documents' && linkedBy === 'block_hashes';
  return {
    sessions: {
      linkedBy,
      kind,
      requests: threads.turn.length,
      continuations: threads.continuations,
      continuation,
      pool: reads ? fitPool(facts, found.bandwidthSec) : null,
      think: { ...think, byTurn: waits, ...(waitFactors === null ? {} : { byInput: waitFactors }) },
      growth,
      outputGivenInput,
      persistence,
      window: windowOf(facts),
    },
    prefixes:
      lists === null
        ? null
        : fitPrefixes({
            session: facts,
            lists,
            reuse: prefixReuse(lists, inputTokens),
            heads: headsOf(lists, facts),
          }),
  };
}

/** Lists by row; null without hashes or where their block size cannot be told. */
function blockListsOf({ columns, blockSize, inputTokens }: SessionOptions): BlockLists | null {
  if (columns.blocks === null) return null;
  const size = blockSize ?? inferBlockSize(columns.blocks.offsets, inputTokens);
  return size === null ? null : { ...columns.blocks, blockSize: size };
}

/** Requests tied together, and how they were. */
export interface Links {
  readonly threads: Threads;
  readonly kind: SessionKind;
  readonly linkedBy: SessionModel['linkedBy'];
  readonly evidence: GrowthEvidence | null;
}

/** Ids win over hashes; hashes without links still tell of shared heads. */
function linksOf(options: SessionOptions, lists: BlockLists | null): Links | null {
  const { columns } = options;
  if (columns.session !== null || columns.parent !== null) {
    const parents = parentsById(columns.session, columns.parent);
    const threads = threadsOf(parents);
    const evidence = growthEvidence(parents, options);
    if (threads.continuations >= LEAST_ROWS && evidence !== null) {
      const linkedBy = columns.session === null ? 'parent_id' : 'session_id';
      return { threads, kind: chooseKind(evidence), linkedBy, evidence };
    }
  }
  return lists === null ? null : linksByHashes(options, lists);
}

function linksByHashes(options: SessionOptions, lists: BlockLists): Links {
  const linkedBy = 'block_hashes';
  const parents = parentsByPrefix(lists, options.inputTokens);
  const evidence = growthEvidence(parents, options);
  const isChat = evidence !== null && chooseKind(evidence) === 'chat';
  const chat = isChat ? threadsOf(parents) : null;
  if (chat !== null && chat.continuations >= LEAST_ROWS) {
    return { threads: chat, kind: 'chat', linkedBy, evidence };
  }
  const reuse = prefixReuse(lists, options.inputTokens);
  const { headBlocks } = headsOf(lists, null);
  const readers = parentsByDocument(reuse, headBlocks);
  const threads = threadsOf(readers);
  if (threads.continuations >= LEAST_ROWS) return { threads, kind: 'documents', linkedBy, evidence };
  const alone = threadsOf(new Int32Array(parents.length).fill(-1));
  return { threads: alone, kind: 'independent', linkedBy, evidence: null };
}

function headsOf(lists: BlockLists, facts: SessionFacts | null): Heads {
  const n = lists.offsets.length - 1;
  return findHeads(lists, blockForest(lists), {
    turn: facts?.threads.turn ?? new Int32Array(n),
    classOf: facts?.classOf ?? new Int32Array(n).fill(-1),
    classIds: facts?.classIds ?? [],
  });
}

/** Times of rows, and from each to its successor. */
function timesOf(
  found: FoundSessions,
  classes: readonly { readonly id: string; readonly rows: Uint32Array }[],
): { readonly facts: SessionFacts; readonly think: Omit<SessionModel['think'], 'byTurn'> } {
  const { arrivalSec, durationSec, columns, seed, gridNs } = found;
  const { threads, kind, linkedBy } = found.links;
  const gridSec = (gridNs ?? 0) / 1e9;
  // What happens inside a tick of the clock is unknown: even spreading, as for arrivals.
  const rng = randomOf(seed, 'jitter', 'sessions');
  const timeSec = gridNs === null ? arrivalSec : arrivalSec.map((t) => t + gridSec * rng.uniform());
  const pairs: Pair[] = [];
  threads.previous.forEach((before, row) => {
    if (before >= 0) pairs.push({ before, row });
  });
  const ends = answerEnds({ ...columns, arrivalSec, outputTokens: found.outputTokens }, pairs);
  const waitSec = new Float64Array(timeSec.length);
  const observed = new Float64Array(pairs.length);
  threads.next.forEach((row, before) => {
    const until = row >= 0 ? timeSec[row] : durationSec;
    const gap = Math.max(0, until - timeSec[before]);
    waitSec[before] = Math.max(0, gap - ends.answerSecOf({ before, row }, gap));
  });
  pairs.forEach((pair, k) => {
    const gap = arrivalSec[pair.row] - arrivalSec[pair.before];
    observed[k] = Math.max(0, gap - ends.answerSecOf(pair, gap));
  });
  const classOf = new Int32Array(timeSec.length).fill(-1);
  classes.forEach(({ rows }, k) => {
    for (const row of rows) classOf[row] = k;
  });
  threads.first.forEach((first, row) => {
    classOf[row] = classOf[first];
  });
  return {
    facts: {
      kind,
      linkedBy,
      threads,
      inputTokens: found.inputTokens,
      outputTokens: found.outputTokens,
      timeSec,
      waitSec,
      durationSec,
      classOf,
      classIds: classes.map(({ id }) => id),
    },
    think: { basis: ends.basis, families: waitFamilies(observed), answer: ends.answer },
  };
}

/** Share of shrinking prompts near the largest one from which a source is taken to cut histories. */
const CUT_SHARE = 0.5;
const CUT_LEAST = 5;
const NEAR_LARGEST = 0.9;

/** The largest prompt + answer; sources whose prompts shrink near it cut the history, others end the session. */
function windowOf({ threads, inputTokens, outputTokens }: SessionFacts): SessionModel['window'] {
  let tokens = 1;
  let largestInput = 0;
  inputTokens.forEach((input, row) => {
    tokens = Math.max(tokens, input + Math.max(0, outputTokens[row]));
    largestInput = Math.max(largestInput, input);
  });
  let near = 0;
  let cut = 0;
  threads.previous.forEach((before, row) => {
    if (before < 0 || inputTokens[before] < NEAR_LARGEST * largestInput || inputTokens[row] < 0) return;
    near += 1;
    if (inputTokens[row] <= inputTokens[before]) cut += 1;
  });
  const cuts = cut >= CUT_LEAST && cut >= CUT_SHARE * near;
  return { tokens, policy: cuts ? 'truncate_history' : 'end_session' };
}
