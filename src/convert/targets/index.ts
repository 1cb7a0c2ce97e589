/** All conversion targets, in the order in which `--list-formats` shows them. */
import { nearestWord, ToolError } from '../../errors.js';
import type { ConvertTarget } from '../target.js';
import { arrow, parquet } from './columnar.js';
import { aiperf, genaiPerf, mooncake, vllmTimedTrace } from './mooncake.js';
import { perfAnalyzerIntervals, perfAnalyzerSchedule } from './perf-analyzer.js';
import { splitwiseSim, vidur } from './simulators.js';
import { csv, jsonLines } from './table.js';
import { vllmCustom } from './vllm-custom.js';

export const CONVERT_TARGETS: readonly ConvertTarget[] = [
  mooncake,
  aiperf,
  genaiPerf,
  vllmTimedTrace,
  vllmCustom,
  perfAnalyzerIntervals,
  perfAnalyzerSchedule,
  vidur,
  splitwiseSim,
  csv,
  jsonLines,
  parquet,
  arrow,
];

/** A target by name. Throws BAD_VALUE with the nearest. */
export function targetByName(name: string): ConvertTarget {
  const target = CONVERT_TARGETS.find((candidate) => candidate.name === name);
  if (target !== undefined) return target;
  const names = CONVERT_TARGETS.map((candidate) => candidate.name);
  const near = nearestWord(name, names);
  throw new ToolError({
    code: 'BAD_VALUE',
    message: `no target is called '${name}'; there are ${names.join(', ')}`,
    hint: near ? `did you mean ${near}?` : '`tokentide convert --list-formats` describes them',
  });
}
