/** What a plan assumes where nothing is said; times in seconds. */
export const PLAN_DEFAULTS = {
  router: 'least-requests',
  maxReplicas: 64,
  freshSeeds: 3,
  growth: 1,
  scrapeSec: 15,
  syncSec: 15,
  windowSec: 30,
  autoscaler: 'hpa',
  scalerTrials: 24,
  windowGoal: 0.95,
} as const;
