import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatMetrics, Histogram, labelText } from '../../src/serve/prometheus.js';
import { samplesOf } from './client.js';

test('a histogram is cumulative, its bounds inclusive, with sum and count', () => {
  const histogram = new Histogram([0.1, 1, 2.5]);
  for (const value of [0.05, 0.1, 0.11, 1, 3]) histogram.observe(value);
  assert.equal(
    histogram.lines('x_seconds', 'a="b"'),
    [
      'x_seconds_bucket{a="b",le="0.1"} 2',
      'x_seconds_bucket{a="b",le="1.0"} 4',
      'x_seconds_bucket{a="b",le="2.5"} 4',
      'x_seconds_bucket{a="b",le="+Inf"} 5',
      'x_seconds_count{a="b"} 5',
      'x_seconds_sum{a="b"} 4.26',
    ].join('\n'),
  );
});

test('labels are escaped and families announced once', () => {
  const labels = labelText({ model_name: 'a"b\\c\nd', engine: 0 });
  assert.equal(labels, 'model_name="a\\"b\\\\c\\nd",engine="0"');
  const page = formatMetrics([{ name: 'x', help: 'what', type: 'gauge', samples: [{ labels, value: 0.5 }] }]);
  assert.equal(page, `# HELP x what\n# TYPE x gauge\nx{${labels}} 0.5\n`);
  assert.equal(samplesOf(page).get(`x{${labels}}`), 0.5);
});
