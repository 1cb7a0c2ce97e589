import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Answer, planAnswer } from '../../src/serve/answer.js';
import { type CompletionRequest, parseChatRequest, ROLE_MARKERS } from '../../src/serve/openai-request.js';
import { PrefixBuilder } from '../../src/serve/prefix-builder.js';
import { createTokenCounter } from '../../src/tokens/counter.js';

const PROMPT = 'house garden tree';

function prefixOf(text = PROMPT, blockSize = 4): PrefixBuilder {
  const prefix = new PrefixBuilder(blockSize);
  prefix.addMarker(ROLE_MARKERS['user']);
  prefix.addText(text, createTokenCounter('cl100k_base').tokenEnds(text));
  return prefix;
}

function plan(body: object, options: { seed?: number; prompt?: string; roomTokens?: number } = {}): Answer {
  const request: CompletionRequest = parseChatRequest({
    messages: [{ role: 'user', content: PROMPT }],
    ...body,
  });
  return planAnswer({
    request,
    seed: options.seed ?? 1,
    prefix: prefixOf(options.prompt),
    roomTokens: options.roomTokens ?? 10_000,
  });
}

test('the text has exactly as many tokens as promised, in both vocabularies', () => {
  for (const tokens of [1, 2, 17, 300]) {
    const answer = plan({ max_tokens: tokens });
    assert.equal(answer.tokens, tokens);
    assert.equal(answer.finishReason, 'length');
    assert.equal(Array.from({ length: tokens }, (_, i) => answer.piece(i)).join(''), answer.text());
    for (const encoding of ['cl100k_base', 'o200k_base'])
      assert.equal(createTokenCounter(encoding).count(answer.text()), tokens);
  }
});

test('seed and prompt decide the answer, nothing else', () => {
  const text = plan({ max_tokens: 20 }).text();
  assert.equal(plan({ max_tokens: 20, temperature: 1 }).text(), text);
  assert.notEqual(plan({ max_tokens: 20 }, { seed: 2 }).text(), text);
  assert.notEqual(plan({ max_tokens: 20 }, { prompt: 'house garden river' }).text(), text);
  assert.notEqual(plan({ max_tokens: 20, seed: 3 }).text(), text);
  assert.ok(plan({ max_tokens: 40 }).text().startsWith(text));
});

test('drawn lengths: median near 130, a long tail, ended by the room with length', () => {
  const lengths = Array.from({ length: 2_000 }, (_, seed) => plan({}, { seed }).tokens).sort((a, b) => a - b);
  const median = lengths[1_000];
  assert.ok(median > 120 && median < 140, `median ${median}`);
  assert.ok(lengths[1_980] > 900 && lengths[20] < 25, `${lengths[20]} ${lengths[1_980]}`);
  const cut = plan({ min_tokens: 50 }, { roomTokens: 30 });
  assert.deepEqual([cut.tokens, cut.finishReason], [30, 'length']);
});

test('ignore_eos without a limit fills the room', () => {
  const answer = plan({ ignore_eos: true }, { roomTokens: 77 });
  assert.deepEqual([answer.tokens, answer.finishReason], [77, 'length']);
});

test('the answer extends the prefix as its text in the next turn would', () => {
  const prefix = prefixOf();
  const request = parseChatRequest({ messages: [{ role: 'user', content: PROMPT }], max_tokens: 21 });
  const answer = planAnswer({ request, seed: 1, prefix, roomTokens: 100 });
  const next = prefixOf();
  next.addMarker(ROLE_MARKERS['assistant']);
  next.addText(answer.text(), createTokenCounter('cl100k_base').tokenEnds(answer.text()));
  assert.deepEqual(prefix.hashes(), next.hashes());
  assert.equal(prefix.hashes().length, 6);
});
