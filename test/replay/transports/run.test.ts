/** Whole runs over guarded connections, from the command line: certificates, HTTP/2, unix sockets, several addresses. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { main } from '../../../src/cli/main.js';
import { protocolAnswer } from '../../../src/replay/testing/protocol-answers.js';
import {
  createScriptedEndpoint,
  type ScriptedEndpoint,
  type ScriptedEndpointOptions,
} from '../../../src/replay/testing/scripted-endpoint.js';
import type { RunSummary } from '../../../src/types.js';
import { freshDir, ROOT, rowsAt, writeRows } from '../scripted-run.js';
import { makeCertificates } from './certificates.js';

const certificates = makeCertificates();
const skip = certificates === null ? 'the openssl program is missing' : false;

interface CommandRun {
  readonly exit: number;
  readonly printed: string;
  readonly dir: string;
}

async function command(words: readonly string[], sessions = false): Promise<CommandRun> {
  const dir = freshDir();
  const trace = join(ROOT, `trace-${sessions}.parquet`);
  const rows = rowsAt([0, 10, 20, 30, 40, 50]).map((row, i) =>
    sessions ? { ...row, sessionId: `s${i % 3}` } : row,
  );
  await writeRows(trace, rows);
  const printed: string[] = [];
  const { write } = process.stdout;
  const { write: writeError } = process.stderr;
  process.stdout.write = ((text: string) => printed.push(text) > 0) as typeof process.stdout.write;
  process.stderr.write = ((text: string) => printed.push(text) > 0) as typeof process.stderr.write;
  try {
    const exit = await main(['replay', trace, ...words, '-o', dir, '--json', '--quiet']);
    return { exit, printed: printed.join(''), dir };
  } finally {
    process.stdout.write = write;
    process.stderr.write = writeError;
  }
}

const answering = (options: Omit<ScriptedEndpointOptions, 'script'> = {}): Promise<ScriptedEndpoint> =>
  createScriptedEndpoint({
    ...options,
    pages: { '/metrics': 'vllm:num_requests_running 3' },
    script: (request) => protocolAnswer('openai-chat', request),
  });

const summaryOf = ({ dir }: CommandRun): RunSummary =>
  JSON.parse(readFileSync(join(dir, 'run.json'), 'utf8')) as RunSummary;

test('mutual TLS and HTTP/2 by ALPN; the key stands in no file of the run', { skip }, async () => {
  const { folder, server, ca } = certificates!;
  const endpoint = await answering({ tls: { ...server, ca }, http2: true });
  const at = (name: string): string => join(folder, name);
  writeFileSync(at('api-key'), 'very-secret-key-1\n');
  try {
    const run = await command([
      ...['--url', endpoint.url, '--http', 'auto', '--api-key-file', at('api-key')],
      ...['--cacert', at('ca.pem'), '--cert', at('client.pem'), '--key', at('client-key.pem')],
      ...['--header', 'x-team: very-secret-team'],
    ]);
    const summary = summaryOf(run);
    assert.deepEqual(summary.counts.byStatus, { ok: 6 }, run.printed);
    assert.ok(summary.notes.some((note) => note.startsWith('HTTP/2: ')));
    assert.equal(summary.server?.gauges.find(({ name }) => name === 'running')?.max, 3);
    assert.ok(endpoint.requests.every(({ httpVersion }) => httpVersion === '2.0'));
    assert.ok(
      endpoint.requests.every(({ headers }) => headers['authorization'] === 'Bearer very-secret-key-1'),
    );
    for (const file of readdirSync(run.dir)) {
      assert.doesNotMatch(
        readFileSync(join(run.dir, file), 'latin1'),
        /very-secret|PRIVATE KEY|BEGIN CERT/,
        file,
      );
    }
    assert.doesNotMatch(run.printed, /very-secret|PRIVATE KEY/);
  } finally {
    await endpoint.close();
  }
});

test('an unknown certificate stops the run with advice; --insecure goes on and says so', {
  skip,
}, async () => {
  const endpoint = await answering({ tls: certificates!.server });
  try {
    const refused = await command(['--url', endpoint.url]);
    assert.equal(refused.exit, 4);
    assert.match(refused.printed, /unable to verify the first certificate/);
    assert.match(refused.printed, /--cacert/);
    const run = await command(['--url', endpoint.url, '--insecure']);
    const { notes, manifest, counts } = summaryOf(run);
    assert.deepEqual(counts.byStatus, { ok: 6 });
    assert.ok(notes.some((note) => /^INSECURE: .*--insecure/.test(note)));
    assert.equal(manifest.options['insecure'], true);
  } finally {
    await endpoint.close();
  }
});

test('a unix socket', async () => {
  const unixSocket = join(ROOT, 'run.socket');
  const endpoint = await answering({ unixSocket });
  try {
    const run = await command(['--url', 'http://engine', '--unix-socket', unixSocket]);
    const { counts, server } = summaryOf(run);
    assert.deepEqual(counts.byStatus, { ok: 6 }, run.printed);
    assert.ok(endpoint.requests.every(({ headers }) => headers['host'] === 'engine'));
    assert.equal(server?.gauges.find(({ name }) => name === 'running')?.max, 3);
  } finally {
    await endpoint.close();
  }
});

test('several addresses: in turn, and a session on one of them', async () => {
  const endpoints = await Promise.all([answering(), answering(), answering()]);
  const urls = endpoints.flatMap(({ url }) => ['--url', url]);
  try {
    const inTurn = await command([...urls, '--no-trial']);
    assert.deepEqual(summaryOf(inTurn).counts.byStatus, { ok: 6 }, inTurn.printed);
    assert.deepEqual(
      endpoints.map(({ requests }) => requests.length),
      [2, 2, 2],
    );
    assert.equal(summaryOf(inTurn).manifest.options['places'], 3);
    assert.ok(
      summaryOf(inTurn).notes.some((note) => note.startsWith('requests go in turn to 3 addresses: ')),
    );
    const dead = await command(['--url', endpoints[0].url, '--url', 'http://127.0.0.1:9', '--no-trial']);
    assert.equal(dead.exit, 4);
    assert.match(dead.printed, /http:\/\/127\.0\.0\.1:9 cannot be reached/);
    const before = endpoints.map(({ requests }) => requests.length);
    await command([...urls, '--no-trial', '--affinity', 'session'], true);
    // Three sessions of two requests each: no address has an odd number.
    const more = endpoints.map(({ requests }, i) => requests.length - before[i]);
    assert.equal(
      more.reduce((sum, one) => sum + one),
      6,
    );
    assert.ok(
      more.every((one) => one % 2 === 0),
      more.join(),
    );
  } finally {
    await Promise.all(endpoints.map((endpoint) => endpoint.close()));
  }
});

test('half a pair of certificate and key, and files that are none, are refused', async () => {
  const file = join(ROOT, 'no.pem');
  writeFileSync(file, 'nothing');
  const url = ['--url', 'https://127.0.0.1:9'];
  assert.equal((await command([...url, '--cert', file])).exit, 2);
  assert.equal((await command([...url, '--cacert', join(ROOT, 'missing.pem')])).exit, 3);
  if (certificates === null) return;
  assert.equal((await command([...url, '--cert', join(certificates.folder, 'client.pem')])).exit, 2);
});
