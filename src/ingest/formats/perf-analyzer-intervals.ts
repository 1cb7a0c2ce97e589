/**
 * Request intervals of perf_analyzer (`--request-intervals`): whole µs between requests, one a line, and nothing else. The
 * first counts from the start, so that the arrivals are the running sums.
 */
import type { Detection, LogFormat, Sample } from '../format.js';
import { RowReject } from '../record.js';
import { setArrivalNs } from './instants.js';

const INTERVAL = 0;
const US_PLACES = 6;

export const perfAnalyzerIntervals: LogFormat = {
  name: 'perf-analyzer-intervals',
  title: 'perf_analyzer request intervals (text)',
  sourceUrl: 'https://github.com/triton-inference-server/perf_analyzer',
  shape: 'csv',
  headerNames: ['interval'],
  columns: [{ name: 'interval', required: true, meaning: 'whole µs since the request before' }],
  fills: [],
  arrivalBasis: 'arrival',
  timeOrigin: 'start',
  blockSize: null,
  isSequential: true,
  detect,
  open: () => {
    let sumNs = 0n;
    return {
      read(record, row) {
        const interval = record.durationNs(INTERVAL, 'us');
        if (interval === null) throw new RowReject('interval is missing');
        sumNs += interval;
        setArrivalNs(row, sumNs, US_PLACES);
        return true;
      },
    };
  },
};

/** Lines that say so little are only taken for intervals when every one is a whole number. */
function detect({ shape, bytes }: Sample): Detection {
  if (shape !== 'text') return { score: 0, reason: 'it is no text of one number a line' };
  const lines = bytes.toString('latin1').split('\n').slice(0, -1);
  const isNumbers = lines.length > 1 && lines.every((line) => /^\s*\d+\s*$/.test(line));
  return isNumbers
    ? { score: 1, reason: 'every line is one whole number' }
    : { score: 0, reason: 'not every line is a whole number' };
}
