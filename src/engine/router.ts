/** Which replica gets a request: the routing policies, the same for the virtual fleet and for the served one. */
import type { EngineRequest, RouterPolicy } from '../types.js';
import type { Engine } from './contract.js';

export const ROUTER_POLICIES = [
  'round-robin',
  'least-requests',
  'least-tokens',
  'session-affinity',
  'prefix-aware',
] as const satisfies readonly RouterPolicy[];

/** Used where nothing is asked: what most gateways in front of inference servers do. */
export const DEFAULT_ROUTER: RouterPolicy = 'least-requests';

/** Index of the chosen replica. */
export type Router = (request: EngineRequest) => number;

/** Whether a policy looks at the replicas' present load or cache. */
export function routerReadsState(policy: RouterPolicy): boolean {
  return policy !== 'round-robin';
}

/**
 * - `round-robin`: in turn.
 * - `least-requests`: fewest requests waiting or running.
 * - `least-tokens`: fewest tokens outstanding (prompts, and answers as far as generated: what a router can see).
 * - `session-affinity`: rendezvous hash of the session key, so that changing the number of replicas moves few
 *   sessions; least-requests for requests without one.
 * - `prefix-aware`: least of outstanding tokens + prompt tokens that the replica would have to compute, with exact
 *   knowledge of its prefix cache (the cost function of NVIDIA Dynamo's KV router at weight 1).
 *
 * Ties go to the next replica after the last choice, so that an idle fleet is used evenly. The list of replicas may
 * change between requests; `identityOf` then tells which replica stands at an index, so that sessions stay where they
 * are.
 */
export function createRouter(
  policy: RouterPolicy,
  replicas: readonly Engine[],
  identityOf: (index: number) => number = (index) => index,
): Router {
  let last = replicas.length - 1;
  const least = (costOf: (replica: Engine) => number): number => {
    let best = -1;
    let bestCost = Number.POSITIVE_INFINITY;
    for (let k = 1; k <= replicas.length; k++) {
      const index = (last + k) % replicas.length;
      const cost = costOf(replicas[index]);
      if (cost < bestCost) {
        best = index;
        bestCost = cost;
      }
    }
    last = best;
    return best;
  };
  const leastRequests = (): number => least((replica) => replica.running + replica.waiting);
  switch (policy) {
    case 'round-robin':
      return () => {
        last = (last + 1) % replicas.length;
        return last;
      };
    case 'least-requests':
      return leastRequests;
    case 'least-tokens':
      return () => least((replica) => replica.outstandingTokens);
    case 'session-affinity':
      return (request) =>
        request.sessionKey === null
          ? leastRequests()
          : rendezvous(request.sessionKey, replicas.length, identityOf);
    case 'prefix-aware':
      return (request) => {
        const { prefixHashes, inputTokens } = request;
        if (prefixHashes === null) return least((replica) => replica.outstandingTokens);
        return least(
          (replica) =>
            replica.outstandingTokens + Math.max(inputTokens - replica.cachedPrefixTokens(prefixHashes), 0),
        );
      };
  }
}

/** Highest-random-weight choice (Thaler & Ravishankar 1998) on a 32-bit FNV-1a hash of the key, mixed per replica. */
function rendezvous(key: string, replicas: number, identityOf: (index: number) => number): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  let best = 0;
  let bestWeight = -1;
  for (let index = 0; index < replicas; index++) {
    let weight = Math.imul(hash ^ Math.imul(identityOf(index) + 1, 0x9e3779b1), 0x85ebca6b);
    weight = Math.imul(weight ^ (weight >>> 13), 0xc2b2ae35);
    weight = (weight ^ (weight >>> 16)) >>> 0;
    if (weight > bestWeight) {
      best = index;
      bestWeight = weight;
    }
  }
  return best;
}
