/**
 * The nearest sequence that does not fall: probabilities that should rise with the turn but jump with few counts.
 *
 * Source: pool adjacent violators (Ayer, Brunk, Ewing, Reid & Silverman, Ann. Math. Statist. 26, 1955): weighted least
 * squares. Cost: linear.
 */
export function isotonic(values: readonly number[], weights: readonly number[]): number[] {
  const pools: { mean: number; weight: number; length: number }[] = [];
  values.forEach((value, i) => {
    let pool = { mean: value, weight: weights[i], length: 1 };
    for (let last = pools.at(-1); last !== undefined && last.mean > pool.mean; last = pools.at(-1)) {
      pools.pop();
      const weight = last.weight + pool.weight;
      const mean = weight > 0 ? (last.mean * last.weight + pool.mean * pool.weight) / weight : pool.mean;
      pool = { mean, weight, length: last.length + pool.length };
    }
    pools.push(pool);
  });
  return pools.flatMap(({ mean, length }) => new Array<number>(length).fill(mean));
}
