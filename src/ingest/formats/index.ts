/** The log formats, in the order in which they are tried: among those that fit equally well, the first is chosen. */
import type { LogFormat } from '../format.js';
import { aibrix } from './aibrix.js';
import { azureApim } from './azure-apim.js';
import { azureLlm } from './azure-llm.js';
import { azureOpenAi } from './azure-openai.js';
import { baseten } from './baseten.js';
import { bedrock } from './bedrock.js';
import { burstGpt } from './burstgpt.js';
import { cloudflareAiGateway } from './cloudflare-ai-gateway.js';
import { envoyAccess } from './envoy-access.js';
import { envoyAiGateway } from './envoy-ai-gateway.js';
import { helicone } from './helicone.js';
import { heliconeCsv } from './helicone-csv.js';
import { kongAi } from './kong-ai.js';
import { langfuse } from './langfuse.js';
import { langfuseCsv } from './langfuse-csv.js';
import { litellmPayload } from './litellm-payload.js';
import { litellmSpend } from './litellm-spend.js';
import { litellmSpendJson } from './litellm-spend-json.js';
import { llamaCpp } from './llama-cpp.js';
import { llamaCppLog } from './llama-cpp-log.js';
import type { ManyRowsFormat } from './many-rows.js';
import { mooncake } from './mooncake.js';
import { mooncakeTexts } from './mooncake-texts.js';
import { nginxAccess } from './nginx-access.js';
import { ollama } from './ollama.js';
import { openRouter } from './openrouter.js';
import { otlpGenAi } from './otlp-genai.js';
import { perfAnalyzerIntervals } from './perf-analyzer-intervals.js';
import { perfAnalyzerSchedule } from './perf-analyzer-schedule.js';
import { qwenBailian } from './qwen-bailian.js';
import { sglang } from './sglang.js';
import { sglangText } from './sglang-text.js';
import { shareGpt } from './sharegpt.js';
import { splitwiseSim } from './splitwise-sim.js';
import { tgi } from './tgi.js';
import { tgiLog } from './tgi-log.js';
import { vertexAi } from './vertex-ai.js';
import { vidur } from './vidur.js';
import { vllmCustom } from './vllm-custom.js';
import { vllmLog } from './vllm-log.js';
import { vllmTimedTrace } from './vllm-timed-trace.js';
import { weka } from './weka.js';

export const LOG_FORMATS: readonly LogFormat[] = [
  azureLlm,
  burstGpt,
  mooncake,
  qwenBailian,
  vllmTimedTrace,
  splitwiseSim,
  vidur,
  litellmSpend,
  litellmSpendJson,
  litellmPayload,
  openRouter,
  helicone,
  heliconeCsv,
  cloudflareAiGateway,
  kongAi,
  envoyAiGateway,
  envoyAccess,
  nginxAccess,
  tgi,
  tgiLog,
  llamaCpp,
  ollama,
  langfuse,
  langfuseCsv,
  bedrock,
  azureOpenAi,
  vertexAi,
  baseten,
  perfAnalyzerIntervals,
];

/** Formats whose records and requests are not one to one. */
export const MANY_ROWS_FORMATS: readonly ManyRowsFormat[] = [
  vllmLog,
  llamaCppLog,
  otlpGenAi,
  sglang,
  sglangText,
  azureApim,
  weka,
  mooncakeTexts,
  aibrix,
  shareGpt,
  vllmCustom,
  perfAnalyzerSchedule,
];
