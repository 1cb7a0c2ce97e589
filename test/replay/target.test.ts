/** From what a user types to the endpoint, and where secrets go. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ToolError } from '../../src/errors.js';
import { shorten } from '../../src/replay/failure.js';
import { protocolNamed } from '../../src/replay/protocols/index.js';
import { parseTarget, withModel } from '../../src/replay/target.js';

const protocol = protocolNamed('openai-chat');

test('an origin, an API root and the endpoint itself lead to the same place', () => {
  const cases: [string, string][] = [
    ['http://localhost:8000', 'http://localhost:8000/v1/chat/completions'],
    ['localhost:8000', 'http://localhost:8000/v1/chat/completions'],
    ['http://localhost:8000/', 'http://localhost:8000/v1/chat/completions'],
    ['https://api.example.com/v1', 'https://api.example.com/v1/chat/completions'],
    ['https://api.example.com/v1/', 'https://api.example.com/v1/chat/completions'],
    ['https://api.example.com/v1/chat/completions', 'https://api.example.com/v1/chat/completions'],
    ['https://gw.example.com/team-a', 'https://gw.example.com/team-a/v1/chat/completions'],
    ['http://[::1]:8000', 'http://[::1]:8000/v1/chat/completions'],
  ];
  for (const [typed, url] of cases) {
    const target = parseTarget({ url: typed, protocol });
    assert.equal(target.url, url, typed);
    assert.equal(`${target.apiRoot}/chat/completions`, target.shownUrl);
  }
  const query = parseTarget({
    url: 'https://x.example.com/openai/v1/chat/completions?api-version=2024',
    protocol,
  });
  assert.equal(query.url, 'https://x.example.com/openai/v1/chat/completions?api-version=2024');
  assert.equal(query.shownUrl, 'https://x.example.com/openai/v1/chat/completions');
});

test('keys and user info become headers and appear in no URL; a given header wins', () => {
  const headerOf = (headers: readonly string[], name: string): string | undefined =>
    headers[headers.findIndex((word, i) => i % 2 === 0 && word.toLowerCase() === name) + 1];
  const key = parseTarget({ url: 'http://h:1', protocol, apiKey: 'sk-secret' });
  assert.equal(headerOf(key.headers, 'authorization'), 'Bearer sk-secret');
  const user = parseTarget({ url: 'http://me:p%40ss@h:1', protocol });
  assert.equal(headerOf(user.headers, 'authorization'), `Basic ${Buffer.from('me:p@ss').toString('base64')}`);
  assert.ok(![user.url, user.shownUrl, user.apiRoot, user.origin].some((text) => /me|ss/.test(text)));
  const own = parseTarget({
    url: 'http://h:1',
    protocol,
    apiKey: 'k',
    headers: ['Authorization: Token t', 'x-a:  b '],
  });
  assert.equal(headerOf(own.headers, 'authorization'), 'Token t');
  assert.equal(headerOf(own.headers, 'x-a'), 'b');
  assert.equal(own.headers.filter((word) => /bearer/i.test(word)).length, 0);
});

test('what is no URL and what is no header are refused; a refused header is not repeated whole', () => {
  for (const url of ['', 'ftp://x', 'http://', 'not a url']) {
    assert.throws(
      () => parseTarget({ url, protocol }),
      (error) => error instanceof ToolError && error.code === 'BAD_VALUE',
      url,
    );
  }
  assert.throws(
    () => parseTarget({ url: 'http://::1:8000', protocol }),
    (error) => error instanceof ToolError && /http:\/\/\[::1\]:8000/.test(error.hint),
  );
  for (const header of ['Bearer sk-abcdefghijklmnop', ': x', 'a b: c', 'x: a\r\nevil: b']) {
    assert.throws(
      () => parseTarget({ url: 'http://h', protocol, headers: [header] }),
      (error) =>
        error instanceof ToolError && error.code === 'BAD_VALUE' && !error.message.includes('klmnop'),
      header,
    );
  }
});

test('messages of servers are one short line without keys', () => {
  assert.equal(shorten('bad key\n sk-proj-abcdef123456 given'), 'bad key sk-*** given');
  assert.equal(shorten('Authorization: Bearer abc.def-ghi'), 'Authorization: Bearer ***');
  assert.equal(shorten('the task-oriented model said no'), 'the task-oriented model said no');
  assert.ok(shorten('x'.repeat(1_000)).length <= 240);
});

test('protocols of other roots: natives below the origin, models in the path, two paths', () => {
  const cases: [protocol: string, typed: string, url: string, plainUrl?: string][] = [
    ['anthropic-messages', 'http://h', 'http://h/v1/messages'],
    ['sglang', 'http://h:30000', 'http://h:30000/generate'],
    // An address that was typed for the OpenAI interface of the same server.
    ['sglang', 'http://h:30000/v1', 'http://h:30000/generate'],
    ['llama-cpp', 'http://h/gateway', 'http://h/gateway/completion'],
    ['tgi', 'http://h', 'http://h/generate_stream', 'http://h/generate'],
    ['tgi', 'http://h/generate', 'http://h/generate_stream', 'http://h/generate'],
    ['ollama-chat', 'http://h:11434/api/chat', 'http://h:11434/api/chat'],
    ['kserve-v2', 'http://h', 'http://h/v2/models/a%20b/infer'],
    [
      'triton-vllm',
      'http://h',
      'http://h/v2/models/a%20b/generate_stream',
      'http://h/v2/models/a%20b/generate',
    ],
  ];
  for (const [name, typed, url, plainUrl] of cases) {
    const target = withModel(parseTarget({ url: typed, protocol: protocolNamed(name) }), 'a b');
    assert.deepEqual([target.url, target.plainUrl], [url, plainUrl], `${name} ${typed}`);
  }
  const named = parseTarget({
    url: 'http://h/v2/models/llama%2F8b/generate',
    otherUrls: ['http://i'],
    protocol: protocolNamed('triton-trtllm'),
  });
  assert.equal(named.modelInUrl, 'llama/8b');
  assert.deepEqual(withModel(named, 'm').otherPlaces, [
    { url: 'http://i/v2/models/m/generate_stream', plainUrl: 'http://i/v2/models/m/generate' },
  ]);
});

test('a key goes into the header that the protocol names', () => {
  const target = parseTarget({ url: 'http://h', protocol: protocolNamed('anthropic-messages'), apiKey: 'k' });
  assert.deepEqual(target.headers, [
    ...['x-api-key', 'k', 'user-agent', 'tokentide', 'anthropic-version', '2023-06-01'],
  ]);
  const own = parseTarget({
    url: 'http://h',
    protocol: protocolNamed('anthropic-messages'),
    headers: ['Anthropic-Version: 2024-01-01'],
  });
  assert.equal(own.headers.filter((word) => /^anthropic-version$/i.test(word)).length, 1);
});
