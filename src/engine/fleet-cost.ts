/** Money: a fleet's price per hour, spread over the tokens and the good requests that it served. Base part. */
import type { PlanCost } from '../types.js';
import { SEC_PER_HOUR } from '../units.js';

export interface CostOptions {
  /** Price of one replica-hour; null when unknown. */
  readonly pricePerReplicaHour: number | null;
  readonly replicas: number;
  /** Of the workload: tokens and requests are per this much time. */
  readonly durationSec: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Requests that met every SLO term. */
  readonly goodRequests: number;
}

/** Cost figures; null where there is no price or nothing to divide by. */
export function planCost(options: CostOptions): PlanCost {
  const { pricePerReplicaHour, replicas, durationSec } = options;
  if (pricePerReplicaHour === null) {
    return {
      pricePerReplicaHour: null,
      perHour: null,
      perMillionOutputTokens: null,
      perMillionTokens: null,
      perThousandGoodRequests: null,
    };
  }
  const perHour = pricePerReplicaHour * replicas;
  const spent = (perHour * durationSec) / SEC_PER_HOUR;
  const per = (unit: number, amount: number): number | null =>
    amount > 0 && durationSec > 0 ? (spent * unit) / amount : null;
  return {
    pricePerReplicaHour,
    perHour,
    perMillionOutputTokens: per(1e6, options.outputTokens),
    perMillionTokens: per(1e6, options.inputTokens + options.outputTokens),
    perThousandGoodRequests: per(1e3, options.goodRequests),
  };
}
