/** Sends requests through a transport on real sockets and waits for how they end. */
import { createScheduler } from '../../../src/clock.js';
import type { ExchangeLimits, Outcome } from '../../../src/replay/exchange.js';
import { protocolNamed } from '../../../src/replay/protocols/index.js';
import { Sender } from '../../../src/replay/sender.js';
import {
  chatDone,
  chatRole,
  chatStop,
  chatToken,
  chatUsage,
  type Script,
  type ScriptedAnswer,
} from '../../../src/replay/testing/script.js';
import {
  createScriptedEndpoint,
  type ScriptedEndpoint,
  type ScriptedEndpointOptions,
} from '../../../src/replay/testing/scripted-endpoint.js';
import type { ConnectionFacts, ConnectionOptions, TransportPlace } from '../../../src/replay/transport.js';
import { createTransport } from '../../../src/replay/transports/index.js';
import { NO_LIMITS } from '../play.js';

/** Two tokens in two chunks, seven tokens of prompt. */
export const GOOD: ScriptedAnswer = {
  steps: [
    { atMs: 0, write: chatRole() },
    { atMs: 0, write: chatToken('naïve 🙂') },
    { atMs: 0, write: chatToken(' b') + chatStop() },
    { atMs: 0, write: chatUsage(7, 2) + chatDone() },
    { atMs: 0, end: 'complete' },
  ],
};

export interface SendOptions {
  /** Origin. */
  readonly url: string;
  readonly count: number;
  readonly connection?: ConnectionOptions;
  readonly otherPlaces?: readonly TransportPlace[];
  readonly placeOf?: (i: number) => number;
  readonly limits?: Partial<ExchangeLimits>;
  readonly concurrency?: number;
  readonly preconnect?: number;
  readonly protocol?: string;
  readonly stream?: boolean;
}

export interface Sent {
  readonly outcomes: readonly Outcome[];
  readonly facts: ConnectionFacts;
}

/** Sends `count` bodies `{"n": i}` at once. */
export async function send(options: SendOptions): Promise<Sent> {
  const scheduler = createScheduler();
  const transport = createTransport({
    url: `${options.url}/v1/chat/completions`,
    headers: ['authorization', 'Bearer secret'],
    nowNs: scheduler.nowNs,
    connection: options.connection,
    otherPlaces: options.otherPlaces,
  });
  await transport.preconnect?.(options.preconnect ?? 0);
  const outcomes: Outcome[] = [];
  await new Promise<void>((resolve) => {
    const sender = new Sender({
      scheduler,
      housekeeping: createScheduler({ spin: false }),
      transport,
      protocol: protocolNamed(options.protocol ?? 'openai-chat'),
      limits: { ...NO_LIMITS, ...options.limits },
      concurrency: options.concurrency ?? null,
      keepChunks: true,
      onSettled: (outcome) => {
        outcomes.push(outcome);
        if (outcomes.length === options.count) resolve();
      },
    });
    sender.addJobs(
      Array.from({ length: options.count }, (_, index) => ({
        index,
        intendedNs: 0,
        body: Buffer.from(`{"n":${index}}`),
        stream: options.stream ?? true,
        place: options.placeOf?.(index),
      })),
    );
    sender.start(scheduler.nowNs());
  });
  const facts = transport.connectionFacts!();
  await transport.close();
  return { outcomes: outcomes.sort((a, b) => a.index - b.index), facts };
}

/** Sends to a scripted endpoint of its own. */
export async function sendTo(
  endpointOptions: ScriptedEndpointOptions,
  options: Omit<SendOptions, 'url'>,
): Promise<Sent & { readonly endpoint: ScriptedEndpoint }> {
  const endpoint = await createScriptedEndpoint(endpointOptions);
  try {
    return { ...(await send({ ...options, url: endpoint.url })), endpoint };
  } finally {
    await endpoint.close();
  }
}

/** A script that answers body `{"n": i}` with the i-th answer. */
export const inOrder =
  (answers: readonly (ScriptedAnswer | null)[]): Script =>
  ({ body }) =>
    answers[(JSON.parse(body) as { n: number }).n];
