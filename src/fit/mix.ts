/**
 * Does the mix of classes move with time? Pearson's χ² of class against time block, per degree of freedom: about 1 when
 * every block has the same mix, whatever its rate. Public traces: azure_conv 10.7, mooncake_synthetic 6.0,
 * mooncake_conversation 1.1; azure_code 1.8, which is the same user asking again.
 */

/** Null with one class or one block. `classRows` holds the rows of each class. */
export function mixMovement(
  arrivalSec: Float64Array,
  classRows: readonly Uint32Array[],
  blockSec: number,
): number | null {
  const blocks = Math.floor((arrivalSec.at(-1) ?? 0) / blockSec) + 1;
  const tables = classRows.map((rows) => {
    const counts = new Float64Array(blocks);
    for (const row of rows) counts[Math.floor(arrivalSec[row] / blockSec)] += 1;
    return counts;
  });
  const totals = new Float64Array(blocks);
  for (const counts of tables) for (let b = 0; b < blocks; b++) totals[b] += counts[b];
  const filled = totals.filter((total) => total > 0).length;
  if (classRows.length < 2 || filled < 2) return null;
  let sum = 0;
  for (const [k, counts] of tables.entries()) {
    const share = classRows[k].length / arrivalSec.length;
    counts.forEach((count, b) => {
      const expected = totals[b] * share;
      if (expected > 0) sum += (count - expected) ** 2 / expected;
    });
  }
  return sum / ((classRows.length - 1) * (filled - 1));
}
