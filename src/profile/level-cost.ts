/** Money of a level: the endpoint's price per hour over the tokens that it served in that time. */
import { planCost } from '../engine/fleet-cost.js';
import type { LoadLevel } from '../types.js';

/** The level with its cost; as it is without a price. */
export function withCost(level: LoadLevel, pricePerHour: number | null): LoadLevel {
  if (pricePerHour === null) return level;
  const { inputTokensPerSec, okOutputTokensPerSec } = level.throughput;
  const { perMillionOutputTokens, perMillionTokens } = planCost({
    pricePerReplicaHour: pricePerHour,
    replicas: 1,
    durationSec: 1,
    inputTokens: inputTokensPerSec,
    outputTokens: okOutputTokensPerSec,
    goodRequests: 0,
  });
  return { ...level, cost: { pricePerHour, perMillionOutputTokens, perMillionTokens } };
}
