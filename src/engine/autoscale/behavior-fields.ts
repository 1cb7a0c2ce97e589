/** `behavior` of a HorizontalPodAutoscaler, as its API defines it, with the API's defaults filled in. Base part. */
import type { ScalingBehavior, ScalingPolicy, ScalingRules } from '../../types.js';
import type { Fields } from './fields.js';
import { DEFAULT_SCALE_UP, defaultScaleDown } from './hpa-behavior.js';

/** Kubernetes' limit on windows and periods. */
const MAX_WINDOW_SEC = 3_600;
const MAX_PERIOD_SEC = 1_800;

/** null = absent, which the controller treats unlike an empty one. */
export function readBehavior(
  fields: Fields | null,
  downscaleStabilizationSec: number,
): ScalingBehavior | null {
  if (fields === null) return null;
  return {
    scaleUp: readRules(fields.child('scaleUp'), DEFAULT_SCALE_UP),
    scaleDown: readRules(fields.child('scaleDown'), defaultScaleDown(downscaleStabilizationSec)),
  };
}

function readRules(fields: Fields | null, defaults: ScalingRules): ScalingRules {
  if (fields === null) return defaults;
  const policies = fields.list('policies').map(readPolicy);
  return {
    stabilizationSec: fields.number('stabilizationWindowSeconds', defaults.stabilizationSec, {
      max: MAX_WINDOW_SEC,
      whole: true,
    }),
    selectPolicy: fields.choice('selectPolicy', ['Max', 'Min', 'Disabled'], defaults.selectPolicy),
    policies: policies.length === 0 ? defaults.policies : policies,
    toleranceRatio: fields.number('tolerance', null),
  };
}

function readPolicy(fields: Fields): ScalingPolicy {
  return {
    type: fields.choice('type', ['Pods', 'Percent']),
    value: fields.whole('value', undefined, 1),
    periodSec: fields.number('periodSeconds', undefined, { min: 1, max: MAX_PERIOD_SEC, whole: true }),
  };
}
