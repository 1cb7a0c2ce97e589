/** What happened in an engine step: one buffer that is filled again at every step, so that steps allocate nothing. */

export const EVENT = {
  /** Left the queue at the step's start; `value` = prompt tokens found in the prefix cache. */
  admitted: 0,
  /** Lost its blocks at the step's start and waits again; `value` = tokens generated so far. */
  preempted: 1,
  /** First token, at the step's end; `value` = 1. */
  firstToken: 2,
  /** A later token, at the step's end; `value` = tokens generated so far. */
  token: 3,
  /** All tokens generated; follows the event of the last token. `value` = tokens generated. */
  finished: 4,
} as const;

export type EventKind = (typeof EVENT)[keyof typeof EVENT];

/** Entries 0 … count − 1 are valid until the next call into the engine. */
export class StepEvents {
  count = 0;
  kinds = new Uint8Array(64);
  /** Ids as given in EngineRequest. */
  ids = new Float64Array(64);
  values = new Int32Array(64);

  clear(): void {
    this.count = 0;
  }

  push(kind: EventKind, id: number, value: number): void {
    const i = this.count;
    if (i === this.kinds.length) this.#grow();
    this.kinds[i] = kind;
    this.ids[i] = id;
    this.values[i] = value;
    this.count = i + 1;
  }

  #grow(): void {
    const size = this.kinds.length * 2;
    const kinds = new Uint8Array(size);
    kinds.set(this.kinds);
    const ids = new Float64Array(size);
    ids.set(this.ids);
    const values = new Int32Array(size);
    values.set(this.values);
    this.kinds = kinds;
    this.ids = ids;
    this.values = values;
  }
}
