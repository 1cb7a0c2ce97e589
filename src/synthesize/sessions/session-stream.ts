/**
 * First turns → sessions: merges first turns in time order with the turns and the document visits that follow from them.
 *
 * Streams in memory of the active sessions only: each has its next turn in a heap by arrival. Which rows come depends on
 * model, seed and first turns, never on how many threads drew those.
 */
import type { SessionModel, WorkloadModel } from '../../types.js';
import { ArrivalHeap } from './arrival-heap.js';
import { DocumentVisits } from './document-visits.js';
import { PrefixLaw } from './prefix-law.js';
import { blockCount, type Prompt } from './prompt.js';
import { RecentUses } from './recent-uses.js';
import { firstPrompt, nextPrompt, type Session } from './session.js';
import { TurnLaw } from './turn-law.js';

/** A cursor on first turns in time order; `arrivalUs` is +∞ at the end. */
export interface FirstTurns {
  readonly arrivalUs: number;
  /** Place of the class in the model. */
  readonly classIndex: number;
  readonly input: number;
  readonly output: number;
  advance(): void;
}

/** One request of a session. */
export interface SessionRow {
  readonly arrivalUs: number;
  readonly classIndex: number;
  /** Number of the session in its class, from 0. */
  readonly session: number;
  /** Number of the visit to a document of the pool; then the request is a session of its own. */
  readonly visit: number | null;
  readonly turn: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** null in first turns. */
  readonly thinkUs: number | null;
  /** null where the model has no prefixes. */
  readonly prompt: Prompt | null;
}

export interface SessionStreamOptions {
  readonly model: Pick<WorkloadModel, 'classes' | 'durationSec' | 'sessions' | 'prefixes'>;
  readonly seed: string;
  readonly firstTurns: FirstTurns;
  /** First instant that is no longer wanted, µs; +∞ = no end. */
  readonly endUs: number;
  /** Multiplies the rate of document visits, as that of first turns was; default 1. */
  readonly factor?: number;
  /** Number of this copy when several are superposed. */
  readonly copy?: number;
}

interface ClassLaws {
  readonly turns: TurnLaw;
  readonly prefix: PrefixLaw | null;
  nextSession: number;
}

/** Questions of one document that are remembered for repetition. */
const MOST_PENDING = 32;

/** Rows in time order; of rows at one instant, later turns come before visits, and those before first turns. */
export class SessionStream {
  readonly #model: SessionModel;
  readonly #firstTurns: FirstTurns;
  readonly #endUs: number;
  readonly #laws: readonly ClassLaws[];
  readonly #waiting = new ArrivalHeap<Session>();
  readonly #visits: DocumentVisits | null;
  /** Prompts that first turns may begin like. */
  readonly #recent = new RecentUses<Prompt>();
  readonly #looksBack: boolean;

  constructor({ model, seed, firstTurns, endUs, factor = 1, copy = 0 }: SessionStreamOptions) {
    const { sessions, prefixes, durationSec } = model;
    if (!sessions) throw new Error('the model has no sessions');
    this.#model = sessions;
    this.#firstTurns = firstTurns;
    this.#endUs = endUs;
    this.#looksBack = Boolean(prefixes?.branches);
    this.#visits =
      sessions.pool === null
        ? null
        : new DocumentVisits({ pool: sessions.pool, seed, periodSec: durationSec, factor, endUs });
    this.#laws = model.classes.map((one, classIndex) => ({
      turns: new TurnLaw(sessions, seed, one, durationSec),
      prefix: prefixes ? new PrefixLaw({ prefixes, seed, copy, classId: one.id, classIndex }) : null,
      nextSession: 0,
    }));
  }

  /** The next request; null at the end. */
  next(): SessionRow | null {
    for (;;) {
      const startUs = this.#firstTurns.arrivalUs;
      const visitUs = this.#visits?.arrivalUs ?? Number.POSITIVE_INFINITY;
      const waiting = this.#waiting.peek();
      if (waiting !== null && waiting.arrivalUs <= Math.min(startUs, visitUs)) {
        this.#waiting.pop();
        return this.#follow(waiting, null);
      }
      if (startUs === Number.POSITIVE_INFINITY && visitUs === Number.POSITIVE_INFINITY) return null;
      if (this.#visits === null || visitUs > startUs) return this.#begin();
      const { visit } = this.#visits;
      const document = this.#visits.take();
      if (document === null) continue;
      document.arrivalUs = visitUs;
      return this.#follow(document, visit);
    }
  }

  #begin(): SessionRow {
    const { classIndex, arrivalUs, input, output } = this.#firstTurns;
    this.#firstTurns.advance();
    const laws = this.#laws[classIndex];
    const number = laws.nextSession++;
    const content = laws.prefix?.begin(number, input, arrivalUs, this.#recent) ?? null;
    const repeated = content?.repeated ?? null;
    const inputTokens = repeated?.inputTokens ?? input;
    const session: Session = {
      classIndex,
      session: number,
      firstInput: inputTokens,
      headBlocks: content?.headBlocks ?? 0,
      startUs: arrivalUs,
      ranks: { think: null, growth: null, output: null },
      turn: 1,
      inputTokens,
      outputTokens: output,
      arrivalUs,
      thinkUs: null,
      pieces: content?.pieces ?? [],
      pending: [],
      recent: null,
    };
    const prompt = repeated ?? (laws.prefix === null ? null : firstPrompt(session, this.#model, laws.prefix));
    if (this.#visits?.becomesDocument(inputTokens, laws.turns.documentDraw(number))) {
      this.#visits.add(session, arrivalUs);
    }
    return this.#emit(session, prompt, true, null);
  }

  #follow(session: Session, visit: number | null): SessionRow {
    const { turns, prefix } = this.#laws[session.classIndex];
    const before = { ...session };
    session.turn += 1;
    const place = prefix?.repeats(session.session, session.turn, session.pending.length) ?? null;
    const repeated = place === null ? null : session.pending.splice(place, 1)[0];
    if (repeated !== null) session.inputTokens = repeated.inputTokens;
    const prompt = repeated ?? nextPrompt(session, turns.growth(before), this.#model, prefix);
    const room = Math.max(1, this.#model.window.tokens - session.inputTokens);
    session.outputTokens = Math.min(room, turns.output(before, session.inputTokens));
    return this.#emit(session, prompt, repeated === null, visit);
  }

  /** The session's present turn as a row; plans the next one. */
  #emit(session: Session, prompt: Prompt | null, isNew: boolean, visit: number | null): SessionRow {
    const { classIndex, session: number, turn, inputTokens, outputTokens, arrivalUs, thinkUs } = session;
    if (prompt !== null && this.#looksBack) {
      if (session.recent !== null) session.recent.isPast = true;
      session.recent = this.#recent.add(arrivalUs, prompt);
    }
    const asks = this.#model.kind === 'documents' && isNew && prompt !== null;
    if (asks && session.pending.length < MOST_PENDING) session.pending.push(prompt);
    if (this.#visits === null) this.#plan(session);
    return {
      arrivalUs,
      classIndex,
      session: number,
      visit,
      turn: visit === null ? turn : 1,
      inputTokens,
      outputTokens,
      thinkUs,
      prompt,
    };
  }

  #plan(session: Session): void {
    const { turns } = this.#laws[session.classIndex];
    const { window, kind } = this.#model;
    const isFull =
      kind === 'chat' &&
      window.policy === 'end_session' &&
      session.inputTokens + session.outputTokens >= window.tokens;
    if (isFull || !turns.continues(session)) return;
    const { gapSec, thinkSec } = turns.wait(session);
    const arrivalUs = session.arrivalUs + Math.floor(gapSec * 1e6);
    if (arrivalUs >= this.#endUs) return;
    session.arrivalUs = arrivalUs;
    session.thinkUs = Math.floor(thinkSec * 1e6);
    this.#waiting.push(session);
  }
}

/** Block ids that a row has. */
export function blocksOf(row: SessionRow, blockSize: number): number {
  return row.prompt === null ? 0 : blockCount(row.inputTokens, blockSize);
}
