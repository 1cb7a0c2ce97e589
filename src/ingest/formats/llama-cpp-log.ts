/**
 * llama.cpp server's console log with its prefix (newer builds; older ones with `--log-prefix`): lines of slots, joined by
 * task. Its clock is the server's time of running, so that only the times between requests are known; a server that began
 * anew in the same file goes on where it ended. A request is seen when a slot takes it. The prompt's count is the whole
 * prompt, of which what was not evaluated came from the cache.
 */
import type { Detection, Sample } from '../format.js';
import type { StagedRow } from '../rows.js';
import { setArrivalNs } from './instants.js';
import type { Emit, ManyRowsContext, ManyRowsFormat, ManyRowsHandler } from './many-rows.js';
import { LINE, textLines } from './text-lines.js';

/** Minutes, seconds, ms and µs of running; level; where it was said. */
const HEAD = /^(?:\[\s*\d+\]\s+)?(\d{1,7})\.(\d\d)\.(\d{3})\.(\d{3}) [A-Z] (?:slot|srv)\s+\w+: (.*)$/;
const SLOT = /^id\s+\d+ \| task (\d+) \| (.*)$/;
const PROMPT = /^new prompt,.*\b(?:task\.n_tokens|n_prompt_tokens) = (\d{1,9})\b/;
const EVALUATED = /^prompt eval time =\s*[\d.]+ ms \/\s*(\d{1,9}) tokens/;
const GENERATED = /^\s*eval time =\s*[\d.]+ ms \/\s*(\d{1,9}) (?:tokens|runs)/;
const CANCEL = /^cancel task, id_task = (\d+)/;

const MOST_OPEN = 100_000;

export const llamaCppLog: ManyRowsFormat = {
  name: 'llama-cpp-log',
  title: 'llama.cpp server log with slot lines',
  sourceUrl: 'https://github.com/ggml-org/llama.cpp/tree/master/tools/server',
  ...textLines(
    '`0.10.000.000 I slot …: id 0 | task 5 | …`: `processing task` begins a request, `stop processing` ends it; `new prompt`, `prompt eval time` and `eval time` have the counts',
  ),
  fills: ['inputTokens', 'outputTokens', 'cachedTokens', 'requestId', 'status', 'durationNs'],
  arrivalBasis: 'arrival',
  timeOrigin: 'start',
  blockSize: null,
  joins: true,
  arrivalDerivation: 'the instant at which a slot took the request; a wait for one is not in it',
  detect,
  open: (context) => new SlotJoin(context),
};

function detect({ shape, bytes }: Sample): Detection {
  if (shape !== 'text' && shape !== 'csv') return { score: 0, reason: 'it is no text log' };
  const lines = bytes.toString('utf8').split('\n');
  const said = lines.map((line) => HEAD.exec(line)?.[5]);
  if (said.some((text) => text !== undefined && SLOT.test(text)))
    return { score: 1, reason: 'it has lines `slot …: id … | task … |` with the time of running' };
  return lines.some((line) => /^slot\s+\w+: id\s+\d+ \| task/.test(line))
    ? { score: 0.6, reason: 'its slot lines have no time: the server was run without --log-prefix' }
    : { score: 0, reason: 'it has no line `slot …: id … | task … |`' };
}

/** What the lines of one task said; null = not seen. */
interface Task {
  readonly beganNs: bigint;
  readonly id: string;
  inputTokens: number | null;
  evaluatedTokens: number | null;
  outputTokens: number | null;
  isCancelled: boolean;
}

class SlotJoin implements ManyRowsHandler {
  readonly #context: ManyRowsContext;
  readonly #open = new Map<string, Task>();
  #lastNs = 0n;
  /** What the clock of the present run is ahead of its lines. */
  #offsetNs = 0n;
  #starts = 0;

  constructor(context: ManyRowsContext) {
    this.#context = context;
  }

  readAll(record: { text(column: number): string | null }, row: StagedRow, emit: Emit): boolean {
    const head = HEAD.exec(record.text(LINE) ?? '');
    if (head === null) return false;
    const ns = this.#clock(head);
    const slot = SLOT.exec(head[5]);
    if (slot === null) {
      const cancelled = this.#open.get(CANCEL.exec(head[5])?.[1] ?? '');
      if (cancelled !== undefined) cancelled.isCancelled = true;
      return cancelled !== undefined;
    }
    const [, task, said] = slot;
    if (said.startsWith('processing task')) {
      this.#begin(task, ns, row, emit);
      return true;
    }
    const known = this.#open.get(task);
    if (known === undefined) return false;
    known.inputTokens ??= countOf(PROMPT, said);
    known.evaluatedTokens ??= countOf(EVALUATED, said);
    known.outputTokens ??= countOf(GENERATED, said);
    if (said.startsWith('stop processing')) this.#close(task, known, ns, row, emit);
    return true;
  }

  finish(row: StagedRow, emit: Emit): void {
    for (const [task, known] of this.#open) this.#close(task, known, null, row, emit);
  }

  notes(): readonly string[] {
    if (this.#starts === 0) return [];
    return [
      `the server's clock began anew ${this.#starts} times: what lay between is not known and counts as nothing`,
    ];
  }

  #clock([, minutes, seconds, millis, micros]: RegExpExecArray): bigint {
    const own =
      (BigInt(minutes) * 60_000_000n +
        BigInt(seconds) * 1_000_000n +
        BigInt(millis) * 1000n +
        BigInt(micros)) *
      1000n;
    // Threads write a little out of order; more is another run.
    if (own + this.#offsetNs < this.#lastNs - 1_000_000_000n) {
      this.#offsetNs = this.#lastNs - own;
      this.#starts += 1;
    }
    const ns = own + this.#offsetNs;
    if (ns > this.#lastNs) this.#lastNs = ns;
    return ns;
  }

  #begin(task: string, ns: bigint, row: StagedRow, emit: Emit): void {
    const before = this.#open.get(task);
    if (before !== undefined) this.#close(task, before, null, row, emit);
    this.#open.set(task, {
      beganNs: ns,
      id: `${this.#starts}-${task}`,
      inputTokens: null,
      evaluatedTokens: null,
      outputTokens: null,
      isCancelled: false,
    });
    if (this.#open.size <= MOST_OPEN) return;
    const [oldest] = this.#open;
    this.#close(oldest[0], oldest[1], null, row, emit);
  }

  #close(task: string, known: Task, endNs: bigint | null, row: StagedRow, emit: Emit): void {
    this.#open.delete(task);
    const { beganNs, inputTokens, evaluatedTokens, outputTokens, isCancelled } = known;
    setArrivalNs(row, beganNs, 6);
    row.requestId = this.#context.pseudonyms.of('request', known.id);
    row.inputTokens = inputTokens;
    row.outputTokens = outputTokens;
    // Counts that contradict each other say nothing of the cache.
    if (inputTokens !== null && evaluatedTokens !== null && evaluatedTokens <= inputTokens)
      row.cachedTokens = inputTokens - evaluatedTokens;
    if (isCancelled) row.status = 'cancelled';
    else row.status = endNs === null ? 'unknown' : 'ok';
    row.durationNs = endNs === null || endNs < beganNs ? null : endNs - beganNs;
    emit();
  }
}

function countOf(pattern: RegExp, said: string): number | null {
  const found = pattern.exec(said);
  return found === null ? null : Number(found[1]);
}
