/** The log formats, in the order in which they are tried: among those that fit equally well, the first is chosen. */
import type { LogFormat } from '../format.js';
import { azureLlm } from './azure-llm.js';
import { burstGpt } from './burstgpt.js';
import { mooncake } from './mooncake.js';
import { qwenBailian } from './qwen-bailian.js';
import { splitwiseSim } from './splitwise-sim.js';
import { vidur } from './vidur.js';
import { vllmTimedTrace } from './vllm-timed-trace.js';

export const LOG_FORMATS: readonly LogFormat[] = [
  azureLlm,
  burstGpt,
  mooncake,
  qwenBailian,
  vllmTimedTrace,
  splitwiseSim,
  vidur,
];
