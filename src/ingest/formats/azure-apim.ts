/**
 * Azure API Management: the table ApiManagementGatewayLlmLog (token counts) joined with GatewayLogs (latency, status) by
 * correlation id, in whatever order they come. Long messages are split over several rows with rising sequence numbers,
 * of which one has the counts; so rows are grouped before anything is counted. Exported through an event hub or to storage, the
 * fields lie under `properties`. Cached tokens are inside the prompt's, but of Claude's models outside.
 */
import { formatCount } from '../../units.js';
import type { Detection, Sample } from '../format.js';
import { RowReject, type SourceRecord } from '../record.js';
import type { StagedRow } from '../rows.js';
import { detectByKeys } from './detect-keys.js';
import { keptJson, sumCounts } from './json-cell.js';
import type { ManyRowsFormat } from './many-rows.js';
import { httpStatusOf, statusOfHttp } from './status.js';

const TIME = 0;
const CORRELATION = 1;
const INPUT = 2;
const OUTPUT = 3;
const MODEL = 4;
const STREAM = 5;
const OPERATION = 6;
const DURATION = 7;
const RESPONSE_CODE = 8;
const IS_SUCCESS = 9;
const CACHED = 10;
const SEQUENCE = 11;
const PROMPT_TEXT = 12;
const ANSWER_TEXT = 13;

type Stamp = Pick<StagedRow, 'sec' | 'nanos' | 'places' | 'isDate' | 'hasZone' | 'localKind'>;

/** What the rows of one request said; null = not seen. */
interface Request {
  llmTime: Stamp | null;
  gatewayTime: Stamp | null;
  inputTokens: number | null;
  outputTokens: number | null;
  model: string | null;
  stream: boolean | null;
  operation: StagedRow['operation'];
  durationNs: bigint | null;
  httpStatus: number | null;
  isSuccess: boolean | null;
  cachedTokens: number | null;
  /** Parts of the texts with their place; only where texts are kept. */
  readonly texts: { readonly prompt: TextPart[]; readonly answer: TextPart[] };
}

interface TextPart {
  readonly place: number;
  readonly text: string;
}

export const azureApim: ManyRowsFormat = {
  name: 'azure-apim',
  title: 'Azure API Management LLM and gateway logs (JSON), joined',
  sourceUrl: 'https://learn.microsoft.com/azure/api-management/',
  shape: 'jsonl',
  columns: [
    { name: 'TimeGenerated', aliases: ['time'], required: true, meaning: 'start of the request' },
    {
      name: 'CorrelationId',
      aliases: ['correlationId'],
      required: true,
      meaning: 'the request; joins its rows',
    },
    {
      name: 'PromptTokens',
      aliases: ['properties.promptTokens', 'properties.PromptTokens'],
      required: true,
      meaning: 'prompt tokens, on one of the rows of a request',
    },
    {
      name: 'CompletionTokens',
      aliases: ['properties.completionTokens', 'properties.CompletionTokens'],
      required: true,
      meaning: 'output tokens, on the same row',
    },
    {
      name: 'DeploymentName',
      aliases: ['ModelName', 'properties.deploymentName', 'properties.modelName'],
      required: false,
      meaning: 'model called',
    },
    {
      name: 'IsStreamCompletion',
      aliases: ['properties.isStreamCompletion'],
      required: false,
      meaning: 'whether the answer was streamed',
    },
    {
      name: 'OperationName',
      aliases: ['operationName'],
      required: false,
      meaning: 'tells chat from embeddings',
    },
    { name: 'durationMs', aliases: ['TotalTime'], required: false, meaning: 'gateway log: duration, ms' },
    {
      name: 'properties.responseCode',
      aliases: ['ResponseCode'],
      required: false,
      meaning: 'gateway log: HTTP status',
    },
    { name: 'isRequestSuccess', aliases: ['IsRequestSuccess'], required: false, meaning: 'gateway log' },
    {
      name: 'PromptCachedTokens',
      aliases: ['properties.promptCachedTokens', 'properties.PromptCachedTokens'],
      required: false,
      meaning: 'cached part of the prompt',
    },
    {
      name: 'SequenceNumber',
      aliases: ['properties.sequenceNumber'],
      required: false,
      meaning: 'place among the rows of a request',
    },
    {
      name: 'RequestMessages',
      aliases: ['properties.requestMessages'],
      required: false,
      meaning: 'part of the prompt, of which nothing is kept unless asked',
    },
    {
      name: 'ResponseMessages',
      aliases: ['properties.responseMessages'],
      required: false,
      meaning: 'part of the answer, likewise',
    },
  ],
  fills: [
    'inputTokens',
    'outputTokens',
    'cachedTokens',
    'requestId',
    'model',
    'operation',
    'stream',
    'status',
    'httpStatus',
    'durationNs',
  ],
  arrivalBasis: 'arrival',
  timeOrigin: 'epoch',
  blockSize: null,
  joins: true,
  texts: { prompt: [], answer: [] },
  detect,
  open: ({ pseudonyms, keepsText }) => {
    const requests = new Map<string, Request>();
    let llmOnly = 0;
    let gatewayOnly = 0;
    let joined = 0;
    return {
      readAll(record) {
        const id = record.text(CORRELATION);
        if (id === null) throw new RowReject('CorrelationId is missing');
        const request = requests.get(id) ?? newRequest();
        const isGatewayRow = !record.isUnknown(DURATION) || !record.isUnknown(RESPONSE_CODE);
        if (isGatewayRow) readGatewayRow(record, request);
        else {
          readLlmRow(record, request);
          if (keepsText === true) readTexts(record, request);
        }
        requests.set(id, request);
        return true;
      },
      finish(row, emit) {
        for (const [id, { llmTime, gatewayTime, isSuccess, texts, ...known }] of requests) {
          // A gateway row without its counterpart is traffic of another kind, or its counts were not logged.
          if (llmTime === null) {
            gatewayOnly += 1;
            continue;
          }
          if (gatewayTime === null) llmOnly += 1;
          else joined += 1;
          Object.assign(row, known, gatewayTime ?? llmTime);
          row.inputTokens = wholePrompt(known);
          row.requestId = pseudonyms.of('request', id);
          row.promptText = joinedText(texts.prompt);
          row.answerText = joinedText(texts.answer);
          const byCode = statusOfHttp(known.httpStatus);
          row.status = byCode === 'ok' && isSuccess === false ? 'stream_error' : byCode;
          emit();
        }
        requests.clear();
      },
      notes: () => joinNotes(joined, llmOnly, gatewayOnly),
    };
  },
};

/** The exports of one log or the other, in either layout: their fields' names differ in case. */
function detect(sample: Sample): Detection {
  const found = detectByKeys(azureApim, sample);
  const isExport =
    sample.shape === 'jsonl' && /"category"\s*:\s*"GatewayLlmLogs"/i.test(sample.bytes.toString('latin1'));
  return isExport ? { score: 1, reason: 'it has rows of category GatewayLlmLogs' } : found;
}

function wholePrompt({
  inputTokens,
  cachedTokens,
  model,
}: Pick<Request, 'inputTokens' | 'cachedTokens' | 'model'>): number | null {
  const isOutside = (cachedTokens ?? 0) > (inputTokens ?? 0) || /claude/i.test(model ?? '');
  return isOutside && cachedTokens !== null ? sumCounts(inputTokens, cachedTokens) : inputTokens;
}

function readTexts(record: SourceRecord, { texts }: Request): void {
  const place = record.count(SEQUENCE) ?? 0;
  const prompt = record.text(PROMPT_TEXT);
  const answer = record.text(ANSWER_TEXT);
  if (prompt !== null) texts.prompt.push({ place, text: prompt });
  if (answer !== null) texts.answer.push({ place, text: answer });
}

/** The parts of a text in their order; null when there is none. */
function joinedText(parts: readonly TextPart[]): string | null {
  const ordered = [...parts].sort((a, b) => a.place - b.place);
  return keptJson(ordered.map(({ text }) => text).join(''));
}

/** Both sides of the join, counted: nothing goes missing unseen. */
function joinNotes(joined: number, llmOnly: number, gatewayOnly: number): string[] {
  const notes: string[] = [];
  if (llmOnly > 0) {
    const share =
      joined === 0 ? '(none has one: was that table exported too?)' : `(${formatCount(joined)} have both)`;
    notes.push(
      `${formatCount(llmOnly)} requests have no row in GatewayLogs ${share}: kept, with status and duration unknown`,
    );
  }
  if (gatewayOnly > 0) {
    notes.push(
      `${formatCount(gatewayOnly)} requests of GatewayLogs have no row in ApiManagementGatewayLlmLog: left out, as calls of no model or without logged counts`,
    );
  }
  return notes;
}

function readLlmRow(record: SourceRecord, request: Request): void {
  const stamp = stampOf(record);
  if (request.llmTime === null || isEarlier(stamp, request.llmTime)) request.llmTime = stamp;
  const input = record.count(INPUT);
  const output = record.count(OUTPUT);
  // The other parts of a split message carry zeros or nothing.
  if ((input ?? 0) > 0) request.inputTokens = input;
  if ((output ?? 0) > 0) request.outputTokens = output;
  else if ((input ?? 0) > 0) request.outputTokens ??= output;
  request.cachedTokens = record.count(CACHED) ?? request.cachedTokens;
  request.model ??= record.text(MODEL);
  request.stream ??= record.flag(STREAM);
  const operation = record.text(OPERATION);
  if (operation !== null) request.operation ??= /embedding/i.test(operation) ? 'embedding' : 'chat';
}

function readGatewayRow(record: SourceRecord, request: Request): void {
  request.gatewayTime ??= stampOf(record);
  request.durationNs ??= record.durationNs(DURATION, 'ms');
  request.httpStatus ??= httpStatusOf(record.text(RESPONSE_CODE));
  request.isSuccess ??= record.flag(IS_SUCCESS);
}

function stampOf(record: SourceRecord): Stamp {
  const time = record.time(TIME, 'iso');
  if (time === null) throw new RowReject('TimeGenerated is missing');
  const { sec, nanos, places, isDate, hasZone, localKind } = time;
  return { sec, nanos, places, isDate, hasZone, localKind };
}

function isEarlier(a: Stamp, b: Stamp): boolean {
  return a.sec < b.sec || (a.sec === b.sec && a.nanos < b.nanos);
}

function newRequest(): Request {
  return {
    llmTime: null,
    gatewayTime: null,
    inputTokens: null,
    outputTokens: null,
    model: null,
    stream: null,
    operation: null,
    durationNs: null,
    httpStatus: null,
    isSuccess: null,
    cachedTokens: null,
    texts: { prompt: [], answer: [] },
  };
}
