/** The HTTP/1.1 response reader: any cut of the bytes gives the same response; what is no HTTP is refused in one word. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { HttpParseError, ResponseReader } from '../../../src/replay/transports/http1-response.js';

interface Read {
  readonly status: number | null;
  readonly headers: Record<string, string>;
  readonly body: string;
  readonly reusable: boolean | null;
  /** Bytes of the response. */
  readonly used: number;
  readonly complete: boolean;
}

function read(pieces: readonly Uint8Array[], close = false): Read {
  let status: number | null = null;
  let headers: Record<string, string> = {};
  let body = '';
  let reusable: boolean | null = null;
  let used = 0;
  const reader = new ResponseReader({
    onHead: (head) => {
      assert.equal(status, null, 'one head');
      status = head.status;
      headers = Object.fromEntries(head.headers);
    },
    onBody: (bytes) => {
      body += Buffer.from(bytes).toString('latin1');
    },
    onComplete: (value) => {
      assert.equal(reusable, null, 'one end');
      reusable = value;
    },
  });
  for (const piece of pieces) used += reader.push(Buffer.from(piece));
  const complete = close ? reader.end() : reader.complete;
  return { status, headers, body, reusable, used, complete };
}

const bytesOf = (text: string): Buffer => Buffer.from(text, 'latin1');
const cutAt = (bytes: Buffer, places: readonly number[]): Buffer[] => {
  const cuts = [0, ...places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return cuts.slice(1).map((to, i) => bytes.subarray(cuts[i], to));
};

const piece = fc.string({
  unit: fc.constantFrom('a', '\r', '\n', '0', ';', '\u00ff'),
  minLength: 1,
  maxLength: 40,
});
const framed = fc.oneof(
  fc.array(piece, { maxLength: 6 }).chain((pieces) =>
    fc
      .tuple(fc.constantFrom('', ';x=1', ' '), fc.constantFrom('', 'x-trailer: 1\r\n'), fc.boolean())
      .map(([extension, trailer, upper]) => {
        const size = (text: string): string => {
          const hex = text.length.toString(16);
          return upper ? hex.toUpperCase() : hex;
        };
        return {
          header: 'Transfer-Encoding: chunked',
          body: pieces.join(''),
          bytes: `${pieces.map((text) => `${size(text)}${extension}\r\n${text}\r\n`).join('')}0\r\n${trailer}\r\n`,
        };
      }),
  ),
  piece.map((text) => ({ header: `Content-Length:${text.length}`, body: text, bytes: text })),
  fc.constant({ header: 'content-length: 0 ', body: '', bytes: '' }),
);

test('any cut of any response reads as it was written, and the next response’s bytes are left alone', () => {
  fc.assert(
    fc.property(
      framed,
      fc.boolean(),
      fc.boolean(),
      fc.array(fc.nat(1_000), { maxLength: 10 }),
      ({ header, body, bytes }, continued, closes, places) => {
        const first = continued ? 'HTTP/1.1 100 Continue\r\n\r\n' : '';
        const closing = closes ? 'connection: close\r\n' : '';
        const head = `${first}HTTP/1.1 200 OK\r\nX-One: a: b\r\n${closing}${header}\r\n\r\n`;
        const whole = bytesOf(head + bytes);
        const expected = { status: 200, body, reusable: !closes, used: whole.length, complete: true };
        for (const pieces of [[whole], cutAt(whole, places), [...whole].map((byte) => Uint8Array.of(byte))]) {
          const { headers, ...rest } = read(pieces);
          assert.deepEqual(rest, expected);
          assert.equal(headers['x-one'], 'a: b');
        }
        assert.equal(read([Buffer.concat([whole, bytesOf('HTTP/1.1 200')])]).used, whole.length);
        const cut = read([whole.subarray(0, whole.length - 1)], true);
        assert.equal(cut.complete, false);
      },
    ),
    { numRuns: 1_500, seed: 9 },
  );
});

test('without length or chunks the response ends with the connection, and that one serves no more', () => {
  const bytes = bytesOf('HTTP/1.0 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: x\n\n');
  assert.equal(read([bytes]).complete, false);
  const { body, reusable, complete } = read([bytes], true);
  assert.deepEqual([body, reusable, complete], ['data: x\n\n', false, true]);
});

test('statuses without a body; old connections that are kept alive', () => {
  for (const status of [204, 304]) {
    const { complete, reusable, body } = read([
      bytesOf(`HTTP/1.1 ${status} None\r\ncontent-length: 5\r\n\r\n`),
    ]);
    assert.deepEqual([complete, reusable, body], [true, true, '']);
  }
  const old = read([bytesOf('HTTP/1.0 200 OK\r\nconnection: Keep-Alive\r\ncontent-length: 1\r\n\r\nx')]);
  assert.equal(old.reusable, true);
});

test('what is no HTTP/1.1 response is refused, as early as it shows', () => {
  const head = 'HTTP/1.1 200 OK\r\n';
  const refused: [string, RegExp][] = [
    ['SSH-2.0', /does not begin with HTTP/],
    ['h', /does not begin with HTTP/],
    ['HTTP/2 200\r\n\r\n', /status line/],
    ['HTTP/1.1 2000 OK\r\n\r\n', /status line/],
    [`${head}no colon\r\n\r\n`, /header line/],
    [`${head}a: 1\nb: 2\r\n\r\n`, /header line/],
    [`${head}content-length: -1\r\n\r\n`, /content-length/],
    [`${head}content-length: 1\r\ncontent-length: 2\r\n\r\n`, /two content-lengths/],
    [`${head}transfer-encoding: gzip, chunked\r\n\r\n`, /transfer-encoding gzip, chunked/],
    [`${head}transfer-encoding: chunked\r\n\r\nzz\r\n`, /chunk size/],
    [`${head}transfer-encoding: chunked\r\n\r\n-1\r\n`, /chunk size/],
    [`${head}transfer-encoding: chunked\r\n\r\n${'f'.repeat(20)}\r\n`, /chunk size/],
    [`${head}transfer-encoding: chunked\r\n\r\n1\r\nxx\r\n`, /longer than its size/],
    [`${head}transfer-encoding: chunked\r\n\r\n1\nx\n`, /LF alone/],
    [`${head}x: ${'y'.repeat(70_000)}`, /head is too long/],
    [`${head}transfer-encoding: chunked\r\n\r\n1;${'y'.repeat(2_000)}`, /too long/],
  ];
  for (const [text, message] of refused) {
    assert.throws(
      () => read([bytesOf(text)]),
      (error) => error instanceof HttpParseError && message.test(error.message),
      text.slice(0, 80),
    );
  }
});
