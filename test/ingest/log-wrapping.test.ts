/** Log lines out of what runtimes, collectors and log stores put around them, whatever the chunks, whatever the damage. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { findWrapping, unwrapLines, unwrapSample } from '../../src/ingest/log-wrapping.js';
import { ingestText } from './logs.js';

const jsonLine = (time: number): string => `{"timestamp":${time},"input_length":5,"output_length":1}`;
const PRETTY = `{"timestamp":1,\n "input_length":5,\n "output_length":1}\n`;

/** Wrapped lines and what they are bare. */
const WRAPPED: readonly (readonly [title: string, wrapped: string, bare: string])[] = [
  [
    'CRI prefixes',
    '2026-01-01T00:00:00.1Z stdout P ab\n2026-01-01T00:00:00.1Z stderr F e\n2026-01-01T00:00:00.1+01:00 stdout F cd\r\n',
    'e\nabcd\n\n',
  ],
  [
    'CloudWatch Logs events',
    `{"events": [{"message": "a\\u00e9\\n", "eventId": "1"}, {"message": ${JSON.stringify(PRETTY)}, "eventId": "2"}]}`,
    `aé\n${PRETTY.trimEnd().replaceAll('\n', ' ')}\n`,
  ],
  [
    'records of the systemd journal',
    '{"MESSAGE":[27,91,50,109,120,195,169],"_HOSTNAME":"h"}\n{"MESSAGE":null,"_HOSTNAME":"h"}\nno record\n',
    '\u001b[2mxé\n{"MESSAGE":null,"_HOSTNAME":"h"}\nno record\n',
  ],
  [
    'Google Cloud Logging entries',
    '[{"insertId":"a",\n"jsonPayload":{"id":12345678901234567891,\n"x":"}\\n"}},{"insertId":"b"}]',
    '{"id":12345678901234567891, "x":"}\\n"}\n{\n',
  ],
  [
    'records of Fluent Bit, times before each line',
    '{"log":"2026-01-01T00:00:00Z {\\"a\\":1}","logtag":"F"}\n{"log":"2026-01-01T00:00:00Z {\\"a\\":2}","logtag":"F"}',
    '{"a":1}\n{"a":2}\n',
  ],
];

for (const [title, wrapped, bare] of WRAPPED) {
  test(`${title}: the same lines whatever the chunks`, async () => {
    const whole = Buffer.from(wrapped);
    const wrapping = findWrapping(whole);
    assert.ok(wrapping !== null);
    assert.equal(wrapping.map((layer) => layer.title).join(', '), title);
    for (const size of [1, 2, 3, 7, 64, whole.length]) {
      const out: Buffer[] = [];
      for await (const chunk of unwrapLines(chunksOf(whole, size), wrapping)) out.push(chunk);
      assert.equal(Buffer.concat(out).toString(), bare, `chunks of ${size}`);
    }
  });
}

async function* chunksOf(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

test('lines with a time or fields of their own are left as they are', () => {
  for (const line of [
    '2024-11-03T14:51:27.393883Z ERROR generate: text_generation_router::infer: x',
    '2024-11-03T14:51:27.393883Z  INFO text_generation_router::server: Connected',
    '2024-11-03T14:51:27,12,7',
    '{"timestamp":"2026-02-11T08:00:01Z","level":"INFO","message":"Success","span":{"name":"generate"}}',
    '{"id":"1","message":"kept","timestamp":3}',
    '{"time_iso8601":"2026-03-29T03:00:05+02:00","message":"[200] POST /v1","log":"x"}',
    '[{"line":7,"labels":{}}]',
  ])
    assert.equal(findWrapping(Buffer.from(`${line}\n`)), null, line);
});

test('what was taken out of what is in the notes; a damaged record of a list is counted', async (context) => {
  const event = (message: string): string => `{"ingestionTime": 1, "message": ${JSON.stringify(message)}}`;
  const content = `{"events": [${event(jsonLine(0))},\n{"ingestionTime": 1},\n${event(jsonLine(9))}]}`;
  const { rows, result } = await ingestText(context, 'export.json', content);
  assert.deepEqual(
    rows.map(({ arrivalNs }) => arrivalNs),
    [0n, 9_000_000n],
  );
  assert.deepEqual(
    result.quality.rejects.map(({ reason, rows: count }) => [reason, count]),
    [['the line ends inside the JSON object', 1]],
  );
  assert.ok(result.quality.notes.includes('log lines taken out of CloudWatch Logs events'));
});

test('what only looks like a layer is read as it is, with a mapping or in a known format', async (context) => {
  const own = { kubernetes: 'x', message: 'a note', at: 1_775_000_000_000, tokens: 7 };
  const map = { format: 'jsonl', columns: { arrival: { from: 'at', unit: 'ms' }, input_tokens: 'tokens' } };
  const { rows, result } = await ingestText(context, 'own.jsonl', `${JSON.stringify(own)}\n`, { map });
  assert.equal(rows[0].inputTokens, 7);
  assert.ok(!result.quality.notes.some((note) => note.startsWith('log lines')));
  const inner = { ...own, message: JSON.stringify({ at: 1_775_000_000_000, tokens: 9 }) };
  const wrapped = await ingestText(
    context,
    'inner.jsonl',
    `${JSON.stringify({ ecs: {}, message: inner.message })}\n`,
    {
      map,
    },
  );
  assert.equal(wrapped.rows[0].inputTokens, 9);
  const access = {
    time: '2026-03-29T03:00:07Z',
    request_time: 1,
    status: 200,
    agent: 'curl',
    message: 'POST /v1',
  };
  const known = await ingestText(context, 'access.jsonl', `${JSON.stringify(access)}\n`);
  assert.equal(known.result.format.name, 'nginx-access');
});

test('what stores answer in pairs, and access logs without durations, say what to do', async (context) => {
  for (const [content, hint] of [
    ['{"status":"success","data":{"resultType":"streams","result":[]}}', /logcli query -o jsonl/],
    ['{"results":[[{"field":"@message","value":"x"}]],"status":"Complete"}', /as CSV/],
    ['192.0.2.1 - - [29/Mar/2026:03:00:00 +0000] "GET / HTTP/1.1" 200 5', /no durations/],
  ] as const)
    await assert.rejects(ingestText(context, 'a.log', `${content}\n`), { hint });
});

test('members of a subscription, packed one by one, are read like one file', async (context) => {
  const payload = (times: readonly number[]): Buffer =>
    gzipSync(
      JSON.stringify({
        messageType: 'DATA_MESSAGE',
        logGroup: 'g',
        logEvents: times.map((time) => ({ id: `${time}`, timestamp: 1, message: jsonLine(time) })),
      }),
    );
  const { rows } = await ingestText(context, 'firehose.gz', Buffer.concat([payload([0, 1]), payload([2])]));
  assert.equal(rows.length, 3);
});

test('coloured text logs come out of the journal and of CloudWatch', async (context) => {
  const said =
    '\u001b[2m2026-02-11T08:00:03.478010Z\u001b[0m \u001b[32m INFO\u001b[0m \u001b[1mgenerate\u001b[0m\u001b[1m{\u001b[0m\u001b[3mtotal_time\u001b[0m\u001b[2m=\u001b[0m"1.5s" \u001b[3minference_time\u001b[0m\u001b[2m=\u001b[0m"1s" \u001b[3mtime_per_token\u001b[0m\u001b[2m=\u001b[0m"100ms"\u001b[1m}\u001b[0m\u001b[2m:\u001b[0m \u001b[2mtext_generation_router::server\u001b[0m\u001b[2m:\u001b[0m Success';
  for (const content of [
    JSON.stringify({ _HOSTNAME: 'h', MESSAGE: [...Buffer.from(said)] }),
    JSON.stringify({ events: [{ ingestionTime: 1, message: said }] }),
    `2026-02-11T08:00:03.500Z ${said}\n`,
  ]) {
    const { rows, result } = await ingestText(context, 'tgi.log', content);
    assert.equal(result.format.name, 'tgi-log');
    assert.deepEqual([rows[0].outputTokens, rows[0].durationNs, rows[0].stream], [10, 1_500_000_000n, false]);
  }
});

test('wrapped logs cut anywhere give whole lines or nothing', () => {
  for (const [, wrapped] of WRAPPED) {
    for (let end = 0; end < wrapped.length; end++) {
      const bytes = Buffer.from(wrapped.slice(0, end));
      const wrapping = findWrapping(bytes);
      const bare = wrapping === null ? '\n' : unwrapSample(bytes, wrapping).toString();
      assert.ok(bare === '' || bare.endsWith('\n'));
    }
  }
});
