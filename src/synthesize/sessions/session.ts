/** One session (or one document with its readers) while it is active, and what its next prompt consists of. */
import type { SessionModel } from '../../types.js';
import type { PrefixLaw } from './prefix-law.js';
import { continueFrom, type Piece, type Prompt } from './prompt.js';
import type { RecentUse } from './recent-uses.js';
import type { TurnRanks } from './turn-law.js';

export interface Session {
  readonly classIndex: number;
  /** Number in its class, from 0: with the turn the address of all its draws. */
  readonly session: number;
  readonly firstInput: number;
  readonly headBlocks: number;
  /** When the first turn came. */
  readonly startUs: number;
  readonly ranks: TurnRanks;
  turn: number;
  inputTokens: number;
  outputTokens: number;
  arrivalUs: number;
  thinkUs: number | null;
  pieces: readonly Piece[];
  /** Documents: questions that were asked once. */
  pending: Prompt[];
  recent: RecentUse<Prompt> | null;
}

/** Prompt of the session's first turn. A document is a part of it; what follows is the first question. */
export function firstPrompt(session: Session, model: SessionModel, law: PrefixLaw): Prompt {
  if (model.kind === 'documents') {
    const complete = Math.floor(session.inputTokens / law.blockSize);
    const document = law.kept(session.session, 1, complete, session.headBlocks);
    session.pieces = continueFrom(session.pieces, document, law.owner(session.session, 1));
  }
  return promptOf(session, law);
}

/** Moves the session to its next prompt, which has `growth` tokens beyond what the kind of session starts from. */
export function nextPrompt(
  session: Session,
  growth: number,
  model: SessionModel,
  law: PrefixLaw | null,
): Prompt | null {
  const { kind, linkedBy, window } = model;
  const before = session.inputTokens;
  const base = { chat: before + session.outputTokens, documents: session.firstInput, independent: 0 }[kind];
  // Links by hashes are known from longer prompts only.
  const least = kind === 'chat' && linkedBy === 'block_hashes' ? before + 1 : 1;
  const wanted = Math.max(least, base + growth);
  const isCut = wanted > window.tokens && window.policy === 'truncate_history';
  session.inputTokens = Math.min(wanted, Math.max(before, window.tokens));
  if (law === null) return null;
  const own = law.owner(session.session, session.turn);
  if (kind === 'documents') {
    const document = session.pieces.at(-2)?.upTo ?? 0;
    session.pieces = continueFrom(session.pieces, document, own);
  } else {
    const complete = Math.floor(before / law.blockSize);
    const headBlocks = Math.min(session.headBlocks, complete);
    // A cut history begins elsewhere in the conversation: nothing after the head stays where it was.
    const kept = isCut ? headBlocks : law.kept(session.session, session.turn, complete, headBlocks);
    if (kept < complete) session.pieces = continueFrom(session.pieces, kept, own);
  }
  return promptOf(session, law);
}

function promptOf(session: Session, law: PrefixLaw): Prompt {
  return {
    pieces: session.pieces,
    inputTokens: session.inputTokens,
    ending: law.owner(session.session, session.turn),
  };
}
