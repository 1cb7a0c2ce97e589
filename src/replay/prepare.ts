/** What is asked of the endpoint before the load: is it there, which model, does it take our requests, which template. */
import type { ReplayOptions } from './options.js';
import type { SendPlan } from './plan.js';
import type { Protocol } from './protocol.js';
import type { Target } from './target.js';
import { calibratePrompts, reachEndpoint, tryEndpoint } from './trial.js';

/** What the endpoint told before the run. */
export interface Preparation {
  readonly model: string;
  readonly ignoreEos: boolean;
  readonly templateTokens: number;
  readonly notes: readonly string[];
}

/** Looks at the endpoint. Throws ENDPOINT_UNREACHABLE when it is down or refuses requests of this kind for good. */
export async function prepareEndpoint(
  options: ReplayOptions,
  target: Target,
  protocol: Protocol,
  plan: SendPlan,
): Promise<Preparation> {
  const signal = options.signal ?? null;
  const models = await reachEndpoint(target, signal);
  const model = options.model ?? models[0] ?? 'default';
  const notes: string[] = [];
  if (options.model == null && models.length > 1) {
    notes.push(`the endpoint lists ${models.length} models; ${model} was used (--model chooses)`);
  }
  const trial = {
    target,
    protocol,
    model,
    stream: plan.stream[0] === 1,
    ignoreEos: options.ignoreEos ?? true,
    extraBody: options.extraBody ?? null,
    signal,
  };
  let { ignoreEos } = trial;
  if (options.trial ?? true) {
    const result = await tryEndpoint(trial);
    ignoreEos = result.ignoreEos;
    notes.push(...result.notes);
  }
  let templateTokens = 0;
  if (options.calibratePrompts === true) {
    const { templateTokens: found, differences } = await calibratePrompts({ ...trial, ignoreEos });
    if (found !== null) {
      templateTokens = found;
      notes.push(
        `the server adds ${found} tokens to every prompt; they were taken off (--calibrate-prompts)`,
      );
    } else {
      notes.push(
        `prompt lengths could not be calibrated: the server counted ${differences.length === 0 ? 'nothing' : `${differences.join(', ')} more than asked`}`,
      );
    }
  }
  return { model, ignoreEos, templateTokens, notes };
}
