/**
 * Who follows whom: by the log's session and parent ids, or recovered from prefix block hashes (stats/prefix-links.ts), or
 * as readers of one document. Cost: linear in block references.
 */
import type { PrefixReuse } from '../../stats/lru-curve.js';

export { LEAST_BLOCKS, parentsByPrefix } from '../../stats/prefix-links.js';

/** Readers of one document: a request follows the last one on the same document, i.e. sharing more than the head. */
export function parentsByDocument(reuse: PrefixReuse, headBlocks: Int32Array): Int32Array {
  const n = reuse.hitBlocks.length;
  const parents = new Int32Array(n).fill(-1);
  const document = new Int32Array(n);
  const lastReader: number[] = [];
  for (let i = 0; i < n; i++) {
    const shares = reuse.lastUser[i] >= 0 && reuse.hitBlocks[i] > headBlocks[i];
    document[i] = shares ? document[reuse.lastUser[i]] : lastReader.length;
    if (shares) parents[i] = lastReader[document[i]];
    lastReader[document[i]] = i;
  }
  return parents;
}

/** The row's named parent, else the row before it in its session. */
export function parentsById(session: Int32Array | null, parent: Int32Array | null): Int32Array {
  const n = (session ?? parent)!.length;
  const parents = new Int32Array(n).fill(-1);
  const lastOf = new Map<number, number>();
  for (let i = 0; i < n; i++) {
    parents[i] = parent === null ? -1 : parent[i];
    if (session === null || session[i] < 0) continue;
    if (parents[i] < 0) parents[i] = lastOf.get(session[i]) ?? -1;
    lastOf.set(session[i], i);
  }
  return parents;
}

/** How conversations go on, with all successors of a request counted: the table of STATISTICS §1.4. */
export interface TurnTable {
  readonly links: number;
  /** Requests at turn m (index m − 1), and how many of them had a successor. */
  readonly requests: readonly number[];
  readonly followed: readonly number[];
}

export function turnTable(parents: Int32Array): TurnTable {
  const turn = new Int32Array(parents.length);
  const isFollowed = new Uint8Array(parents.length);
  const requests: number[] = [];
  let links = 0;
  parents.forEach((parent, i) => {
    if (parent >= 0) {
      turn[i] = turn[parent] + 1;
      isFollowed[parent] = 1;
      links += 1;
    }
    requests[turn[i]] = (requests[turn[i]] ?? 0) + 1;
  });
  const followed = requests.map(() => 0);
  turn.forEach((m, i) => {
    followed[m] += isFollowed[i];
  });
  return { links, requests, followed };
}
