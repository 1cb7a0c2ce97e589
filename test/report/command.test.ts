/** `tokentide report` as a command: files, formats, single charts, standard output, refusals. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { command } from '../../src/cli/commands/report.js';
import { resolveOptions } from '../../src/cli/options.js';
import { EXIT, ToolError } from '../../src/errors.js';
import { MADE_TRACE } from './make-documents.js';
import { makeProfile } from './make-profile.js';

let folder: string;
let profile: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tokentide-report-command-'));
  profile = join(folder, 'x.profile.json');
  await writeFile(profile, JSON.stringify(makeProfile()));
});
after(() => rm(folder, { recursive: true, force: true }));

async function report(input: string, flags: Record<string, unknown>) {
  const lines: string[] = [];
  const documents: Record<string, unknown>[] = [];
  const status = await command.run({
    args: [input],
    options: await resolveOptions(command, flags),
    signal: new AbortController().signal,
    io: {
      json: false,
      quiet: false,
      interactive: false,
      colour: false,
      print: (text) => lines.push(text),
      result: (document) => documents.push(document as Record<string, unknown>),
      note: () => undefined,
      progress: () => undefined,
    },
  });
  return { status, text: lines.join('\n'), document: documents[0] };
}

test('a trace becomes a page, with the verdict printed', async () => {
  const output = join(folder, 'trace.html');
  const { status, text, document } = await report(MADE_TRACE, { output });
  assert.equal(status, EXIT.ok);
  assert.match(text, /^Ready: \d.\d{3} requests/);
  assert.match(text, /open it in a browser$/);
  assert.deepEqual(
    [document['kind'], document['subject'], document['format']],
    ['written-report', 'trace', 'html'],
  );
  assert.match(await readFile(output, 'utf8'), /^<!doctype html>/);
});

test('--format and the ending choose the format; - prints it', async () => {
  const output = join(folder, 'p.csv');
  assert.equal((await report(profile, { output })).document['format'], 'csv');
  assert.match(await readFile(output, 'utf8'), /^section,block,row,column,value,text\n/);
  const printed = await report(profile, { output: '-' });
  assert.match(printed.text, /^# Latency profile: x\n/);
  assert.equal(printed.document, undefined);
  const json = JSON.parse((await report(profile, { output: '-', format: 'json' })).text);
  assert.equal(json.of, 'latency-profile');
});

test('--chart writes one chart; a wrong id names the right ones', async () => {
  const output = join(folder, 'rate.svg');
  const { text, document } = await report(MADE_TRACE, { output, chart: 'trace-rate' });
  assert.match(text, /^wrote .*rate\.svg/);
  assert.equal(document['kind'], 'written-chart');
  assert.match(await readFile(output, 'utf8'), /Arrivals over time/);
  const wrong = join(folder, 'wrong.svg');
  await assert.rejects(
    report(MADE_TRACE, { output: wrong, chart: 'rates' }),
    (error: unknown) =>
      error instanceof ToolError && error.code === 'BAD_VALUE' && /trace-rate/.test(error.hint ?? ''),
  );
  assert.equal(existsSync(wrong), false);
});
