/**
 * Azure OpenAI resource logs, category RequestResponse (diagnostic settings; also the table AzureDiagnostics). Request
 * and response times are .NET ticks inside of `properties`, which is an object or JSON text; `time` is the end of the
 * request and stands in, less `durationMs`, where they are missing. There are no token counts: APIM's log has them.
 */
import type { LogFormat } from '../format.js';
import { RowReject } from '../record.js';
import { detectByKeys } from './detect-keys.js';
import { backdate, elapsedNs, setArrivalNs } from './instants.js';
import { jsonCell, textAt } from './json-cell.js';
import { httpStatusOf, statusOfHttp } from './status.js';

const TIME = 0;
const CATEGORY = 1;
const OPERATION = 2;
const DURATION = 3;
const STATUS = 4;
const ID = 5;
const PROPERTIES = 6;

/** 0001-01-01 to 1970-01-01 in ticks of 100 ns. */
const EPOCH_TICKS = 621_355_968_000_000_000n;
const NS_PER_TICK = 100n;
const TICK_PLACES = 7;

export const azureOpenAi: LogFormat = {
  name: 'azure-openai',
  title: 'Azure OpenAI resource log, RequestResponse (JSON)',
  sourceUrl: 'https://github.com/elastic/integrations',
  shape: 'jsonl',
  columns: [
    { name: 'time', aliases: ['TimeGenerated'], required: true, meaning: 'end of the request' },
    {
      name: 'category',
      aliases: ['Category'],
      required: true,
      meaning: 'RequestResponse; others are no requests',
    },
    {
      name: 'operationName',
      aliases: ['OperationName'],
      required: true,
      meaning: 'ChatCompletions_Create, …',
    },
    {
      name: 'durationMs',
      aliases: ['DurationMs'],
      required: true,
      meaning: 'ms; negative ones occur and are unknown',
    },
    {
      name: 'resultSignature',
      aliases: ['ResultSignature'],
      required: false,
      meaning: 'HTTP status, as text',
    },
    { name: 'correlationId', aliases: ['CorrelationId'], required: false, meaning: 'the request' },
    {
      name: 'properties',
      aliases: ['properties_s'],
      required: true,
      meaning: 'requestTime and responseTime in .NET ticks, streamType, model; object or JSON text',
    },
  ],
  fills: ['requestId', 'model', 'operation', 'stream', 'status', 'httpStatus', 'durationNs'],
  arrivalBasis: 'arrival',
  timeOrigin: 'epoch',
  blockSize: null,
  detect: (sample) => {
    const found = detectByKeys(azureOpenAi, sample);
    if (found.score < 1 || !sample.bytes.includes('"GatewayLlmLogs"')) return found;
    return { score: 0.9, reason: 'it has rows of API Management, with token counts' };
  },
  open: ({ pseudonyms }) => ({
    read(record, row) {
      if (record.text(CATEGORY) !== 'RequestResponse') return false;
      const text = record.text(PROPERTIES) ?? '';
      const began = ticksOf(text, 'requestTime');
      const ended = ticksOf(text, 'responseTime');
      if (began !== null) {
        setArrivalNs(row, began, TICK_PLACES);
        row.durationNs = elapsedNs(began, ended);
      } else {
        const end = record.time(TIME, 'iso');
        const duration = record.durationNs(DURATION, 'ms');
        if (end === null || duration === null)
          throw new RowReject('neither requestTime nor time and durationMs');
        row.setArrival(end);
        backdate(row, duration);
        row.durationNs = duration;
      }
      const properties = jsonCell(record, PROPERTIES);
      const streamType = textAt(properties, ['streamType']);
      row.requestId = pseudonyms.of('request', record.text(ID));
      row.model = textAt(properties, ['modelDeploymentName'], ['modelName']);
      row.stream = streamType === null ? null : streamType === 'Streaming';
      const operation = record.text(OPERATION) ?? '';
      if (/embedding/i.test(operation)) row.operation = 'embedding';
      else if (/chat|responses/i.test(operation)) row.operation = 'chat';
      else row.operation = /completion/i.test(operation) ? 'completion' : 'other';
      row.httpStatus = httpStatusOf(record.text(STATUS));
      row.status = statusOfHttp(row.httpStatus);
      return true;
    },
  }),
};

/** A time of the properties as ns since 1970; read as text, since ticks pass 2^53. */
function ticksOf(properties: string, key: string): bigint | null {
  const match = new RegExp(`"${key}"\\s*:\\s*"?(\\d{1,19})"?\\s*[,}]`).exec(properties);
  return match === null ? null : (BigInt(match[1]) - EPOCH_TICKS) * NS_PER_TICK;
}
