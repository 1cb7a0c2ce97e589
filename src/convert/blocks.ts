/**
 * Block ids for another block size. An id stands for its block and everything before it, so that a larger block is named
 * by the last of the small ones in it, exactly; smaller blocks than the trace knows get ids made from the large one's
 * (id × n + place, in 64 bits), which share what the large ones share and nothing finer.
 */

/** Whether ids of blocks of `from` tokens can be written as ids of blocks of `to` tokens. */
export function canRegroup(from: number, to: number): boolean {
  return from % to === 0 || to % from === 0;
}

/**
 * The ids of a prompt of `inputTokens` in blocks of `to` tokens; null when the list does not fit the length
 * (ceil(inputTokens / from) ids are needed) and so cannot be regrouped.
 */
export function regroupBlocks(
  ids: readonly bigint[],
  inputTokens: number,
  from: number,
  to: number,
): readonly bigint[] | null {
  if (from === to) return ids;
  if (ids.length !== Math.ceil(inputTokens / from)) return null;
  const count = Math.ceil(inputTokens / to);
  if (to > from) {
    const ratio = to / from;
    return Array.from({ length: count }, (_, i) => ids[Math.min((i + 1) * ratio, ids.length) - 1]);
  }
  const ratio = from / to;
  return Array.from({ length: count }, (_, i) =>
    BigInt.asUintN(64, ids[Math.floor(i / ratio)] * BigInt(ratio) + BigInt(i % ratio)),
  );
}
