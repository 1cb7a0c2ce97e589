/** The engine model inside a profile: fitted to the runs of its levels, where they show enough. */
import { ToolError } from '../errors.js';
import type { EngineLimits, LatencyProfile } from '../types.js';
import { type CalibrationRun, fitEngineModel } from './calibrate.js';

export interface ProfileEngineOptions {
  /** Valid runs of the profile's levels. */
  readonly runs: readonly CalibrationRun[];
  /** Replicas behind the endpoint: only a single one can be fitted. */
  readonly replicas: number;
  readonly limits?: Partial<EngineLimits>;
  /** Limits as the server itself says. */
  readonly serverLimits?: Partial<EngineLimits>;
  readonly signal?: AbortSignal | null;
}

/** The profile with its engine model, or with a warning that says why it has none. */
export function withFittedEngine(measured: LatencyProfile, options: ProfileEngineOptions): LatencyProfile {
  const { serverLimits = {} } = options;
  // Kept, so that `calibrate` can use them when the server is gone.
  const profile = Object.keys(serverLimits).length === 0 ? measured : { ...measured, serverLimits };
  const warn = (...warnings: string[]): LatencyProfile => ({
    ...profile,
    warnings: [...profile.warnings, ...warnings],
  });
  if (options.runs.length === 0) return profile;
  if (options.replicas > 1) return warn('no engine model: only the runs of a single replica can be fitted');
  // A profile that was broken off is finished quickly: without the refinement, which takes seconds.
  const interrupted = options.signal?.aborted === true;
  try {
    const { engine, warnings } = fitEngineModel({
      runs: options.runs,
      name: `${profile.target.model ?? 'endpoint'}-profiled`,
      manifest: profile.manifest,
      limits: options.limits,
      serverLimits: options.serverLimits,
      refine: !interrupted,
      signal: interrupted ? null : options.signal,
    });
    return { ...warn(...warnings.map((one) => `engine model: ${one}`)), engine };
  } catch (error) {
    if (!(error instanceof ToolError) || error.code !== 'TOO_FEW_ROWS') throw error;
    return warn(`no engine model: ${error.message}`);
  }
}
