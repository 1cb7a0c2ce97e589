/** Privacy: nothing of an input's identifiers and texts is left in the trace, in the report, or on the disk beside them. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import type { ToolError } from '../../src/errors.js';
import { ingest } from '../../src/ingest/ingest.js';
import { auditPrivacy } from '../../src/ingest/privacy-audit.js';
import { InputSet } from '../../src/ingest/sampled-input.js';
import { PACKAGE_ROOT } from '../../src/manifest.js';
import { readTraceRows } from '../../src/trace/read.js';
import { temporaryFolder } from '../trace/traces.js';

const SAMPLES = fileURLToPath(new URL('traces/samples/', PACKAGE_ROOT));

/** Fields of the samples that name people, conversations, keys, addresses or hold what was said. */
const SECRET_KEYS =
  /^(.*_)?(id|rid|ids?|user|end_user|api_key|key|session_id|trace_?id|span_?id|request_?id|correlation_?id|conversation|prompt|text|value|content|messages|input|output|response|request|arn|ip|cache_key|parent.*|upstream_id|account_?id|call_?id)$/i;

/** Texts under secret keys, long enough not to occur by chance. */
function secretsOf(value: unknown, key: string, found: Set<string>): void {
  if (typeof value === 'string') {
    if (SECRET_KEYS.test(key) && value.length >= 5 && !/^\d{1,9}$/.test(value)) found.add(value);
    if (/^[[{]/.test(value)) parsed(value, found);
  } else if (Array.isArray(value)) for (const item of value) secretsOf(item, key, found);
  else if (typeof value === 'object' && value !== null)
    for (const [name, inner] of Object.entries(value)) secretsOf(inner, name, found);
}

function parsed(text: string, found: Set<string>): void {
  try {
    secretsOf(JSON.parse(text), '', found);
  } catch {
    // No JSON: a damaged line of the sample.
  }
}

function secretsOfLog(text: string): Set<string> {
  const found = new Set<string>();
  parsed(text, found);
  for (const line of text.split('\n')) parsed(line, found);
  for (const [, id] of text.matchAll(/Received request (\S+?):/g)) found.add(id);
  for (const [, id] of text.matchAll(/^(?:[^,"\n]*,)*?((?:chatcmpl|err|req|gen|s|sess|user|u)-[\w-]{3,})/gm))
    found.add(id);
  return found;
}

const logs = readdirSync(SAMPLES).filter((file) => !/\.(expected\.json|map\.yaml)$/.test(file));
const words = new Set(['success', 'failure', 'chat', 'completion', 'stop', 'length', 'error']);

for (const log of logs) {
  test(`nothing that names anybody survives of ${log}`, async (context) => {
    const folder = temporaryFolder(context);
    const output = join(folder, 'out.parquet');
    const text = readFileSync(join(SAMPLES, log), 'utf8');
    const map = join(SAMPLES, `${log.split('.')[0]}.map.yaml`);
    const { privacyAudit, ...result } = await ingest({
      inputs: [join(SAMPLES, log)],
      output,
      ...(existsSync(map) ? { map } : {}),
      pseudonymKey: 'of this test',
      compat: 'parquetjs',
      auditPrivacy: true,
    });
    assert.ok(privacyAudit!.searchedBytes > 0);
    const rows = await readTraceRows(output);
    const written = [
      readFileSync(output).toString('latin1'),
      JSON.stringify(rows, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value)),
      JSON.stringify(result),
    ].join('\n');
    for (const secret of secretsOfLog(text)) {
      // A model's name is kept, wherever else it stands.
      if (words.has(secret) || rows.some(({ model }) => model === secret)) continue;
      assert.ok(!written.includes(secret), `'${secret}' is in the output`);
    }
    assert.deepEqual(readdirSync(folder), ['out.parquet']);
    for (const row of rows) {
      for (const id of [row.requestId, row.sessionId, row.parentId, row.clientId])
        assert.match(id ?? 'r-0000000000000000', /^[rsc]-[0-9a-z]{16}$/);
    }
  });
}

test('planted identifiers and texts do not survive, in rows, rejects or metadata', async (context) => {
  const folder = temporaryFolder(context);
  const secret = (i: number): string => `SECRET${i}alice@example.org`;
  const row = (i: number, tokens: unknown): string =>
    JSON.stringify({
      id: secret(i),
      trace_id: secret(i + 100),
      call_type: 'acompletion',
      status: 'success',
      prompt_tokens: tokens,
      completion_tokens: 3,
      startTime: 1_777_766_399.871 + i,
      endTime: 1_777_766_401.002 + i,
      model: 'm',
      messages: [{ role: 'user', content: secret(i + 200) }],
      metadata: { user_api_key_user_id: secret(i + 300) },
      end_user: secret(i + 400),
      requester_ip_address: '203.0.113.77',
    });
  const path = join(folder, 'log.jsonl');
  const output = join(folder, 'out.parquet');
  // A prompt in the place of a count: what is shown of it must be its length only.
  const lines = [
    row(0, 7),
    row(1, 8),
    row(0, 7),
    row(2, `${secret(500)} and a long text that somebody wrote`),
  ];
  writeFileSync(path, `${lines.join('\n')}\n`);
  const result = await ingest({ inputs: [path], output, format: 'litellm-payload', compat: 'parquetjs' });
  assert.equal(result.quality.rejects.length, 2);
  const written = readFileSync(output).toString('latin1') + JSON.stringify(result);
  assert.ok(!/SECRET|alice|203\.0\.113/.test(written));
  const again = await ingest({
    inputs: [path],
    output: join(folder, 'b.parquet'),
    format: 'litellm-payload',
  });
  const ids = async (file: string) =>
    (await readTraceRows(join(folder, file))).map((found) => found.requestId);
  assert.notDeepEqual(await ids('out.parquet'), await ids('b.parquet'), 'the key is random per ingest');
  assert.equal(again.rows, 2);
});

test('what slipped into a column of numbers is shown by its length only', async (context) => {
  const folder = temporaryFolder(context);
  const path = join(folder, 'log.csv');
  const strays = ['alice', 'alice@example.org', '203.0.113.77', 'usr_9f31', 'I feel unwell', '3f2a-77'];
  const harmless = ['x', '12 ms', '5.5', '-3', '99999999999'];
  const lines = [...strays, ...harmless].map((stray, i) => `2026-01-01 00:00:${i + 10}.0000000,${stray},7`);
  lines.push('2026-02-30 07:00:02.0000000,5,7', 'alice was here,5,7', '2026-01-01 00:00:01.0000000,5,7');
  writeFileSync(path, `TIMESTAMP,ContextTokens,GeneratedTokens\n${lines.join('\n')}\n`);
  for (const [i, line] of lines.entries()) {
    writeFileSync(
      path,
      `TIMESTAMP,ContextTokens,GeneratedTokens\n${line}\n2026-01-01 00:00:01.0000000,5,7\n`,
    );
    const { quality } = await ingest({
      inputs: [path],
      output: join(folder, 'out.parquet'),
      auditPrivacy: true,
    });
    const example = quality.rejects[0]?.example ?? null;
    if (i < strays.length) assert.equal(example, `${strays[i].length} characters`);
    else if (i < lines.length - 3) assert.equal(example, harmless[i - strays.length]);
    else if (i === lines.length - 3) assert.equal(example, '2026-02-30 07:00:02.0000000');
    else if (i === lines.length - 2) assert.equal(example, '14 characters');
  }
});

test('the audit finds an identifier or text in the report, wherever in the input it stands, and writes nothing', async (context) => {
  const folder = temporaryFolder(context);
  const line = (i: number, extra: object): string =>
    `${JSON.stringify({ timestamp: i, input_length: 5, output_length: 7, session_id: `s${i}`, ...extra })}\n`;
  const secret = 'customer-4711@example.org';
  const said = 'my bank account was emptied yesterday';
  const leak = { note: secret, deep: JSON.stringify({ text: `first\n${said}, "all" of it` }) };
  // The secret lies across the first chunk of 1 MiB, at many places, as well as alone.
  const fill = (bytes: number): string => line(0, { x: 'y'.repeat(bytes) });
  const logs = [
    line(1, leak),
    ...[0, 5, 12, 60, 70].map((gap) => fill((1 << 20) - 150 - gap) + line(1, leak)),
  ];
  const output = join(folder, 'out', 't.parquet');
  for (const [i, log] of logs.entries()) {
    for (const packed of [Buffer.from(log), gzipSync(log)]) {
      const path = join(folder, `log${i}.jsonl`);
      writeFileSync(path, packed);
      const run = (name: string) =>
        ingest({ inputs: [path], output, format: 'mooncake', name, auditPrivacy: true });
      for (const name of [`of ${secret}`, `“${said}”`]) {
        await assert.rejects(run(name), (error: ToolError) => {
          assert.equal(error.code, 'BAD_TRACE');
          assert.match(error.message, /in report\.(name|manifest\.options\.name)/);
          assert.ok(!error.message.includes(secret) && !error.message.includes(said));
          return true;
        });
        assert.deepEqual(existsSync(join(folder, 'out')) ? readdirSync(join(folder, 'out')) : [], []);
      }
      const { privacyAudit } = await run('harmless');
      assert.equal(privacyAudit!.searchedBytes, log.length);
      rmSync(output);
    }
  }
});

test('the audit finds identifiers in the rows of a trace that keeps them', async (context) => {
  const folder = temporaryFolder(context);
  const log = join(SAMPLES, 'litellm-spend.csv');
  const [kept, replaced] = [join(folder, 'kept.parquet'), join(folder, 'replaced.parquet')];
  await ingest({ inputs: [log], output: kept, keepIds: true });
  await ingest({ inputs: [log], output: replaced });
  const set = new InputSet(',', { allowTruncated: false });
  await set.open(log);
  await assert.rejects(auditPrivacy(kept, set.inputs), /in (requestId|sessionId|clientId)/);
  const audit = await auditPrivacy(replaced, set.inputs);
  assert.ok(audit.pseudonyms >= 8);
  await assert.rejects(
    ingest({ inputs: [log], output: kept, keepIds: true, auditPrivacy: true }),
    /--keep-ids/,
  );
  await assert.rejects(ingest({ inputs: ['-'], output: kept, auditPrivacy: true }), /standard input/);
});

test('the audit takes names of columns and models for what they are', async (context) => {
  const folder = temporaryFolder(context);
  const log = join(folder, 'log.csv');
  const names = ['gpt4_score', 'user_1', 'user_2', 'user_3', 'rating of the user'];
  writeFileSync(
    log,
    `TIMESTAMP,ContextTokens,GeneratedTokens,${names.join(',')}\n2026-01-01 00:00:00,5,7,,,,,\n`,
  );
  const output = join(folder, 'out.parquet');
  const { quality } = await ingest({ inputs: [log], output, auditPrivacy: true });
  assert.ok(quality.notes.some((note) => note.includes('user_3')));
});
