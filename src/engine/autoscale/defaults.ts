/** What Kubernetes and Knative do where nothing is said. Base part; sources beside each value. */

/** Flags of kube-controller-manager, `--horizontal-pod-autoscaler-*`. */
export const DEFAULTS = {
  toleranceRatio: 0.1,
  syncSec: 15,
  downscaleStabilizationSec: 300,
} as const;

/** KEDA ScaledObject: pollingInterval, cooldownPeriod. */
export const KEDA_DEFAULTS = { pollingSec: 30, cooldownSec: 300 } as const;

/** Knative Serving, ConfigMap config-autoscaler; tick and bucket lengths are constants of its code. */
export const KNATIVE_DEFAULTS = {
  kind: 'knative',
  minReplicas: 0,
  maxReplicas: null,
  activationReplicas: 1,
  metric: 'concurrency',
  target: 100,
  utilizationRatio: 0.7,
  stableSec: 60,
  panicSec: 6,
  panicThresholdRatio: 2,
  maxScaleUpRate: 1_000,
  maxScaleDownRate: 2,
  scaleDownDelaySec: 0,
  scaleToZeroGraceSec: 30,
  tickSec: 2,
} as const;
