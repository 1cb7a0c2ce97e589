/** What an engine counts, apart from its present state. Base part of the engine. */
import type { EngineGauges } from '../types.js';

export class EngineCounters {
  preemptions = 0;
  prefixQueriedTokens = 0;
  prefixHitTokens = 0;
  iterations = 0;
  promptTokens = 0;
  generatedTokens = 0;

  /** With the present state, as a server exports it. */
  gauges(running: number, waiting: number, kvUsage: number, adapterLoads: number): EngineGauges {
    const { preemptions, prefixQueriedTokens, prefixHitTokens, iterations, promptTokens, generatedTokens } =
      this;
    return {
      running,
      waiting,
      kvUsage,
      preemptions,
      prefixQueriedTokens,
      prefixHitTokens,
      iterations,
      promptTokens,
      generatedTokens,
      adapterLoads,
    };
  }
}
