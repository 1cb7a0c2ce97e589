/** The edge of comparing traces: opens both files, names them in the manifest, reads the objective. */
import { ToolError } from '../errors.js';
import { hashInput } from '../manifest.js';
import { parseSlo } from '../slo.js';
import { openTrace } from '../trace/read.js';
import type { TraceComparison } from '../types.js';
import { msToSec } from '../units.js';
import { type CompareTracesOptions, compareTraces } from './compare.js';
import type { ServingObjective } from './serving.js';

export interface CompareTraceFilesOptions extends Omit<CompareTracesOptions, 'a' | 'b' | 'inputs'> {
  /** Trace Parquet: the real one, and what stands in for it. */
  readonly a: string;
  readonly b: string;
}

/** Compares two trace files. Throws what `openTrace` and `compareTraces` throw. */
export async function compareTraceFiles(options: CompareTraceFilesOptions): Promise<TraceComparison> {
  const a = await openTrace(options.a);
  try {
    const b = await openTrace(options.b);
    try {
      const inputs = [await hashInput(options.a), await hashInput(options.b)];
      return await compareTraces({ ...options, a, b, inputs });
    } finally {
      b.close();
    }
  } finally {
    a.close();
  }
}

/** Reads an objective such as `p99(ttft) < 2s`: one percentile of one latency. Throws BAD_VALUE. */
export function parseServingObjective(text: string): ServingObjective {
  const { terms, text: canonical } = parseSlo(text);
  const [term] = terms;
  if (terms.length !== 1 || term.kind !== 'latency' || term.statistic.kind === 'mean') {
    throw badObjective(text, 'one percentile of one latency');
  }
  const { metric, statistic } = term;
  if (metric !== 'ttft' && metric !== 'e2e' && metric !== 'tpot') {
    throw badObjective(text, 'ttft, e2e or tpot');
  }
  if (!(term.limitMs > 0)) throw badObjective(text, 'a limit above zero');
  return {
    metric,
    percentile: statistic.kind === 'max' ? 1 : statistic.p,
    limitSec: msToSec(term.limitMs),
    text: canonical,
  };
}

function badObjective(text: string, wanted: string): ToolError {
  return new ToolError({
    code: 'BAD_VALUE',
    message: `expected ${wanted} as the objective, got '${text}'`,
    hint: 'write it like "p99(ttft) < 2s"',
  });
}
