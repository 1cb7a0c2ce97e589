/** A run's addresses beside each other, when it had several. Pure. */
import type { EndpointSummary } from '../types.js';
import { formatCount, formatMs } from '../units.js';
import { clip, textTable } from './text.js';

const SHOWN = 8;

/** A table of the addresses; nothing when there is one. */
export function endpointLines(endpoints: readonly EndpointSummary[] | undefined): string[] {
  if (endpoints === undefined || endpoints.length === 0) return [];
  const rows = endpoints
    .slice(0, SHOWN)
    .map(({ endpoint, offered, byStatus, metrics }) => [
      clip(shortNameOf(endpoint, endpoints), 30),
      formatCount(offered),
      formatCount(offered - (byStatus.ok ?? 0)),
      ...[metrics.ttft?.p50, metrics.ttft?.p99, metrics.e2e?.p50, metrics.e2e?.p99].map((ms) =>
        formatMs(ms ?? null),
      ),
    ]);
  return [
    '',
    ...textTable(
      [
        { title: 'address' },
        ...['n', 'not ok', 'ttft p50', 'p99', 'e2e p50', 'p99'].map((title) => ({ title, right: true })),
      ],
      rows,
    ),
    ...(endpoints.length > SHOWN ? [`and ${endpoints.length - SHOWN} more addresses in the file`] : []),
  ];
}

/** Host and port, where they tell the addresses apart. */
function shortNameOf(endpoint: string, all: readonly EndpointSummary[]): string {
  const hosts = new Set(all.map((one) => new URL(one.endpoint).host));
  return hosts.size === all.length ? new URL(endpoint).host : endpoint;
}
