/** The JSON Schema of hand-written models agrees with their reader: what it takes and which keys it refuses. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Ajv } from 'ajv';
import { parse } from 'yaml';
import { PACKAGE_ROOT } from '../../src/manifest.js';
import { modelOfSpec } from '../../src/synthesize/spec/spec.js';
import { workloadSpecSchema } from '../tools/spec-schema.js';

const validate = new Ajv({ allErrors: true, strict: false }).compile(workloadSpecSchema());

function isRead(document: unknown): boolean {
  try {
    modelOfSpec({ document, name: 'test', curves: { 'a.csv': 'time,rate\n0,5\n60,10\n120,5\n' } });
    return true;
  } catch {
    return false;
  }
}

const SPECS = readdirSync(new URL('models/', PACKAGE_ROOT)).filter((file) => file.endsWith('.yaml'));

test('the bundled hand-written models are valid', () => {
  assert.equal(SPECS.length, 3);
  for (const file of SPECS) {
    const document = parse(readFileSync(new URL(`models/${file}`, PACKAGE_ROOT), 'utf8'));
    assert.ok(validate(document), `${file}: ${JSON.stringify(validate.errors)}`);
  }
});

const BASE = { rate: '20/s', input: 'lognormal p50 800 p99 6000', output: 'gamma mean 150 cv 1.2' };
const CLASS = { share: 1, input: 800, output: 100 };
const SESSIONS = { turns: 3, think: 'lognormal p50 20s p99 5m', new_tokens: 40 };

test('documents that the reader takes are valid', () => {
  const documents: unknown[] = [
    BASE,
    { ...BASE, rate: 20, burstiness: 0.5, correlation: 0.3, duration: '5m', description: 'mine' },
    { ...BASE, rate: ['5/s for 1m', 'ramp to 20/s over 1m'] },
    { ...BASE, rate: { curve: 'a.csv', time: 'time', value: 'rate', unit: 'rate' } },
    { rate: '5/s', lengths: 'N(480,240)/(300,150)' },
    { rate: '5/s', classes: [CLASS, { ...CLASS, name: 'two', operation: 'embedding' }] },
    { classes: [{ rate: '5/s', lengths: 'D(100,100)', client: 'a', model: 'b' }] },
    { ...BASE, sessions: SESSIONS, failures: { timeout: '1%' } },
    { ...BASE, sessions: { ...SESSIONS, turns: undefined, continue: [0.5, 0.7] } },
    { ...BASE, sessions: { ...SESSIONS, answer: { base: '1s', per_token: '20ms' }, window: '32k' } },
    { ...BASE, sessions: null, prefixes: { block: 64, system_prompts: [{ tokens: 900, share: 1 }] } },
  ].map((document) => JSON.parse(JSON.stringify(document)));
  for (const document of documents) {
    assert.ok(isRead(document), `the reader refuses ${JSON.stringify(document)}`);
    assert.ok(validate(document), `${JSON.stringify(document)}: ${JSON.stringify(validate.errors)}`);
  }
});

test('unknown keys and words are refused at every level, by both', () => {
  const documents: unknown[] = [
    { ...BASE, burstines: 'poisson' },
    { rate: '5/s', classes: [{ ...CLASS, weight: 2 }] },
    { ...BASE, rate: { curve: 'a.csv', column: 'rate' } },
    { ...BASE, sessions: { ...SESSIONS, turn: 2 } },
    { ...BASE, sessions: { ...SESSIONS, kind: 'chats' } },
    { ...BASE, sessions: { ...SESSIONS, at_window: 'stop' } },
    { ...BASE, sessions: { ...SESSIONS, answer: { first: '1s' } } },
    { ...BASE, prefixes: { blocks: 64 } },
    { ...BASE, prefixes: { system_prompts: [{ tokens: 900, shares: 1 }] } },
    { ...BASE, prefixes: { system_prompts: [{ share: 1 }] } },
    { ...BASE, failures: { time_out: 0.1 } },
    { ...BASE, operation: 'chats' },
    { ...BASE, lengths: 'D(100,100)' },
    { rate: '5/s', input: 800 },
    { rate: '5/s', classes: [{ ...CLASS, rate: '5/s' }] },
    { input: 800, output: 100 },
    { ...BASE, sessions: { ...SESSIONS, continue: 0.5 } },
  ];
  for (const document of documents) {
    assert.ok(!isRead(document), `the reader takes ${JSON.stringify(document)}`);
    assert.ok(!validate(document), `valid: ${JSON.stringify(document)}`);
  }
});
