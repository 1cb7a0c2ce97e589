/**
 * Burstiness in words → the law of gaps or load states.
 *
 * `poisson` · `constant` · `gamma cv 2` (also `weibull`, `lognormal`) · a number, which is vLLM's `--burstiness`: the shape of
 * gamma gaps, cv² = 1/burstiness · `on/off 20s/80s`: on and off for exponential times with these means. A gamma law has
 * one shape for all time scales; bursts that last are on/off (STATISTICS §1.2).
 */
import { familyOf } from '../../stats/families.js';
import type { ArrivalModel, CountHmmModel, GapModel } from '../../types.js';
import { parseLaw } from './law.js';
import { badSpec, type Place, parseNumber, parseSeconds } from './words.js';

type Gaps = Pick<ArrivalModel, 'gaps' | 'bursts'>;

/** Gaps of equal length up to one in ten thousand. */
const CONSTANT_SHAPE = 1e8;
const HINT = 'write it like poisson, constant, "gamma cv 2", 0.25 (vLLM) or "on/off 20s/80s"';

/** `meanRatePerSec` sets the counts of load states. */
export function parseBurstiness(text: string, meanRatePerSec: number, place: Place): Gaps {
  const word = text.trim().toLowerCase();
  if (word === 'poisson' || word === 'none') return gaps('exponential', { scale: 1 });
  if (word === 'constant') return gaps('gamma', { a: CONSTANT_SHAPE, scale: 1 / CONSTANT_SHAPE });
  const onOff = /^on\s*\/\s*off\s+(.+?)\s*\/\s*(.+)$/.exec(word);
  if (onOff)
    return {
      ...gaps('exponential', { scale: 1 }),
      bursts: onOffStates(
        parseSeconds(onOff[1], place),
        parseSeconds(onOff[2], place),
        meanRatePerSec,
        place,
      ),
    };
  if (/^(vllm\s+)?[\d.]/.test(word)) {
    const shape = parseNumber(word.replace(/^vllm\s+/, ''), place);
    if (!(shape > 0)) throw badSpec(place, `expected a burstiness above 0, got ${shape}`, HINT);
    return shape === 1 ? gaps('exponential', { scale: 1 }) : gaps('gamma', { a: shape, scale: 1 / shape });
  }
  const family = /^(gamma|weibull|lognormal)\b/.exec(word)?.[1];
  if (family === undefined) throw badSpec(place, `'${text}' is no burstiness`, HINT);
  const law = parseLaw(`${word.includes('mean') ? word : `${word} mean 1`}`, place);
  if (law.kind !== 'family') throw badSpec(place, `'${text}' is no burstiness`, HINT);
  const mean = familyOf(law.family).mean(law.params);
  return gaps(law.family, familyOf(law.family).scaled(law.params, 1 / mean));
}

function gaps(family: GapModel['family'], params: GapModel['params']): Gaps {
  return { gaps: { family, params, candidates: [], cv: cvOf(family, params) }, bursts: null };
}

/** Coefficient of variation from the size-biased mean: E[x²] = mean · (mean of the size-biased law). */
function cvOf(family: GapModel['family'], params: GapModel['params']): number {
  switch (family) {
    case 'exponential':
      return 1;
    case 'gamma':
      return 1 / Math.sqrt(params['a']);
    default: {
      const law = familyOf(family);
      const points = 20_000;
      let square = 0;
      for (let i = 0; i < points; i++) square += law.quantile((i + 0.5) / points, params) ** 2 / points;
      return Math.sqrt(Math.max(0, square / law.mean(params) ** 2 - 1));
    }
  }
}

function onOffStates(onSec: number, offSec: number, meanRatePerSec: number, place: Place): CountHmmModel {
  if (!(onSec > 0 && offSec > 0)) throw badSpec(place, 'on and off must both last', HINT);
  const binSec = Math.min(1, onSec / 4, offSec / 4);
  const leave = [1 - Math.exp(-binSec / offSec), 1 - Math.exp(-binSec / onSec)];
  // Share of time on of the chain itself, so that the mean rate is exact.
  const onShare = leave[0] / (leave[0] + leave[1]);
  const onCount = (meanRatePerSec * binSec) / onShare;
  return {
    binSec,
    // A state of zero has no logarithm: one request in a million bins.
    mean: [onCount * 1e-6, onCount * (1 - (1e-6 * (1 - onShare)) / onShare)],
    size: [null, null],
    transition: [
      [1 - leave[0], leave[0]],
      [leave[1], 1 - leave[1]],
    ],
    offsets: [],
    logLikelihood: 0,
    bic: 0,
    candidates: [],
  };
}
