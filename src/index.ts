/**
 * The library: every verb of the command line as a function, the vocabulary, and the parts that are useful alone.
 * Heavy parts (DuckDB, Arrow, undici, tokenizers) are loaded by the functions that need them, not by this import.
 */

// Measurements → decisions.
export { fitEngineModel } from './calibrate/calibrate.js';
// The vocabulary.
export { createScheduler, FakeScheduler, monotonicNs, type Scheduler } from './clock.js';
// Is the synthetic trace like the real one; is this run better than that one.
export { type CompareTracesOptions, compareTraces } from './compare/compare.js';
export { compareRunFolders } from './compare/run-files.js';
export { compareRuns } from './compare/runs.js';
export { compareTraceFiles } from './compare/trace-files.js';
// Logs → trace; traces on disk and in memory.
export { type ConvertOptions, type ConvertResult, convertTrace } from './convert/convert.js';
export { CONVERT_TARGETS } from './convert/targets/index.js';
// What a person looks at.
export { type DemoOptions, type DemoResult, runDemo } from './demo/demo.js';
export { readAutoscalerSpec } from './engine/autoscale/spec.js';
export { simulateDisaggregated } from './engine/disaggregated.js';
export { simulateAutoscaledFleet } from './engine/elastic/simulate-autoscaled.js';
// The engine on two clocks.
export { createEngine } from './engine/engine.js';
export { createFleet, type SimulateFleetOptions, simulateFleet } from './engine/fleet.js';
export { bundledEngines, parseEngineModel, readEngineModel } from './engine/model.js';
export { sloOverTime } from './engine/slo-over-time.js';
export { requestsOfTrace } from './engine/trace-requests.js';
export { ERROR_CODES, type ErrorCode, EXIT, ToolError } from './errors.js';
// Trace → workload model → trace.
export { type FitOptions, fitWorkload } from './fit/fit.js';
export { fitTraceFile, writeWorkloadModel } from './fit/fit-file.js';
export { type IngestOptions, type IngestResult, ingest } from './ingest/ingest.js';
export { writeRateCurve } from './ingest/rate-curve.js';
export { inspectFile } from './inspect/inspect.js';
// Results in the files of other tools, and theirs in ours.
export { EXPORT_TARGETS, type ExportOptions, exportRun } from './interop/export.js';
export { importResult } from './interop/import.js';
export { itlGaps, percentileSorted, REQUEST_METRICS, summarizeMetrics, summarizeSamples } from './metrics.js';
export { type EngineChoice, parseEngineChoice, parseEngineChoices } from './plan/choices.js';
export { type PlanOptions, planFleet } from './plan/plan.js';
export { profileForWorkload } from './profile/for-workload.js';
export { correctProfileForMix } from './profile/mix.js';
export { type ProfileOptions, profileLoad } from './profile/profile.js';
export { type RandomStream, type Rng, randomOf, randomStream, type StreamName } from './random.js';
export { estimateReplay, type Prices, type ReplayEstimate } from './replay/estimate.js';
// The measurement.
export type { ReplayOptions } from './replay/options.js';
export { replayTrace } from './replay/replay.js';
export { readRun, recoverRun } from './replay/run-folder.js';
export { selfTest } from './replay/self-test/self-test.js';
export { protocolAnswer } from './replay/testing/protocol-answers.js';
export { createScriptedEndpoint } from './replay/testing/scripted-endpoint.js';
export { REPORT_FORMATS, type ReportFormat } from './report/formats.js';
export { renderReport } from './report/report.js';
export { reportText, writeChart, writeReport } from './report/write.js';
export { type EngineServer, type ServeOptions, serveEngine } from './serve/server.js';
export { type SimulateTraceOptions, simulateTrace } from './simulate/simulate.js';
export { goodputOf, isGood, judgeSlo, parseSlo, type Slo, type SloTerm } from './slo.js';
export { checkWorkloadModel, readWorkloadModel } from './synthesize/check-model.js';
export { synthesizeTrace } from './synthesize/synthesize.js';
export {
  type SynthesizedFile,
  type SynthesizeFileOptions,
  synthesizeToFile,
} from './synthesize/synthesize-file.js';
export { createTokenCounter, type TokenCounter } from './tokens/counter.js';
export { openTokenizer } from './tokens/open.js';
export { buildPrompt, createPromptWriter } from './tokens/prompt.js';
export { traceToArrow, writeArrowIpc } from './trace/arrow.js';
export { batchFromRows, emptyRow, rowsOfBatch } from './trace/batch.js';
export { openTrace, readTraceRows, type TraceReader, traceColumns } from './trace/read.js';
export { type WriteTraceOptions, type WrittenTrace, writeTrace } from './trace/write.js';
export type * from './types.js';
export {
  type CalibrateEngineOptions,
  calibrateEngine,
  estimateProfileEndpoint,
  type PlanCapacityOptions,
  type ProfileEndpointOptions,
  planCapacity,
  profileEndpoint,
} from './verbs.js';
