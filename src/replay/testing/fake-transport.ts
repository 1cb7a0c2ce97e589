/** A transport without sockets that plays scripts on a scheduler: with a FakeScheduler every instant is exact. */
import type { Scheduler } from '../../clock.js';
import { NS_PER_MS } from '../../units.js';
import type { HeadFacts, ResponseListener } from '../exchange.js';
import type { Transport, TransportRequest } from '../transport.js';
import type { Script, ScriptedAnswer, ScriptStep } from './script.js';

export interface FakeTransportOptions {
  readonly scheduler: Scheduler;
  readonly script: Script;
  /** Time to open a connection; default 0. Every request opens one. */
  readonly connectMs?: number;
}

/** What happened on a fake transport. */
export interface FakeTransport extends Transport {
  /** Requests that the client gave up, in order. */
  readonly abortedIndexes: readonly number[];
  /** Most requests that were open at once. */
  readonly maxOpen: number;
}

export function createFakeTransport(options: FakeTransportOptions): FakeTransport {
  const { scheduler, script, connectMs = 0 } = options;
  const abortedIndexes: number[] = [];
  let requests = 0;
  let open = 0;
  const transport = {
    abortedIndexes,
    maxOpen: 0,
    send(body: Uint8Array, _stream: boolean, listener: ResponseListener): TransportRequest {
      const index = requests;
      requests += 1;
      open += 1;
      transport.maxOpen = Math.max(transport.maxOpen, open);
      let over = false;
      const close = (last: () => void): void => {
        if (over) return;
        over = true;
        open -= 1;
        last();
      };
      const answer = script({ index, body: Buffer.from(body).toString('utf8'), path: '' });
      const startNs = scheduler.nowNs() + connectMs * NS_PER_MS;
      const begin = (): void => {
        if (over) return;
        if (connectMs > 0) listener.onConnected(connectMs * NS_PER_MS);
        listener.onSent();
        if (answer === null) scheduler.callAt(startNs, () => close(() => listener.onError(closedByPeer())));
        else play(answer, startNs, listener, () => over, close);
      };
      if (connectMs > 0) scheduler.callAt(startNs, begin);
      else begin();
      return {
        abort() {
          if (!over) abortedIndexes.push(index);
          close(() => listener.onError(new Error('aborted')));
        },
      };
    },
    connectionsOpened: () => requests,
    close: async () => undefined,
  };
  return transport;

  function play(
    answer: ScriptedAnswer,
    startNs: number,
    listener: ResponseListener,
    isOver: () => boolean,
    close: (last: () => void) => void,
  ): void {
    const headAtMs = answer.headAtMs ?? answer.steps[0]?.atMs ?? 0;
    const at = (ms: number, call: () => void): void => {
      if (!Number.isFinite(ms)) return;
      scheduler.callAt(startNs + ms * NS_PER_MS, () => {
        if (!isOver()) call();
      });
    };
    at(headAtMs, () =>
      listener.onHead(answer.status ?? 200, answer.contentType ?? 'text/event-stream', factsOf(answer)),
    );
    for (const step of answer.steps) at(step.atMs, () => playStep(step, listener, close));
  }

  function playStep(step: ScriptStep, listener: ResponseListener, close: (last: () => void) => void): void {
    if ('write' in step) listener.onData(Buffer.from(step.write));
    else if (step.end === 'complete') close(() => listener.onEnd());
    else close(() => listener.onError(step.end === 'close' ? closedByPeer() : connectionReset()));
  }
}

function factsOf({ headers = {} }: ScriptedAnswer): HeadFacts {
  return {
    contentEncoding: headers['content-encoding'] ?? null,
    location: headers['location'] ?? null,
    retryAfter: headers['retry-after'] ?? null,
  };
}

/** As undici tells of a FIN in the middle of a response. */
function closedByPeer(): Error {
  return Object.assign(new Error('other side closed'), { code: 'UND_ERR_SOCKET' });
}

function connectionReset(): Error {
  return Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
}
