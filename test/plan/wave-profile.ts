/** A profile of one replica in virtual time, for plans that need thresholds. */
import { profileLoad } from '../../src/profile/profile.js';
import { simulatedLevels } from '../../src/profile/simulated.js';
import { parseSlo } from '../../src/slo.js';
import { emptyRow } from '../../src/trace/batch.js';
import type { EngineModel, LatencyProfile } from '../../src/types.js';
import { profileOptions } from '../profile/fixtures.js';

/** Requests of 100 to 300 prompt and 32 answer tokens. */
export async function waveProfile(engine: EngineModel, slo = 'p95(ttft) < 500ms'): Promise<LatencyProfile> {
  return profileLoad({
    ...profileOptions({ slo: parseSlo(slo), durationSec: 60, minRequests: 500, maxLevels: 12 }),
    pool: {
      rows: Array.from({ length: 200 }, (_, i) =>
        emptyRow({ arrivalNs: BigInt(i) * 60_000_000n, inputTokens: 100 + i, outputTokens: 32 }),
      ),
      meanRatePerSec: 16,
    },
    runLevel: simulatedLevels({
      engine,
      replicas: 1,
      requestsOf: async (rows) =>
        rows.map((row, id) => ({
          id,
          arrivalSec: Number(row.arrivalNs) / 1e9,
          inputTokens: row.inputTokens!,
          outputTokens: row.outputTokens!,
          prefixHashes: null,
          sessionKey: null,
        })),
    }),
  });
}
