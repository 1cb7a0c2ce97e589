/** Reads Prometheus' text format (version 0.0.4) and OpenMetrics: names and values, nothing else is needed here. */

/** All series of a page, by metric name; of families whose labels say what is counted also by `name{label=value}`. */
export type PrometheusPage = ReadonlyMap<string, readonly number[]>;

/** Parses a page. Lines that are no samples, and values that are no finite numbers, are passed over. */
export function parsePrometheus(text: string): PrometheusPage {
  const page = new Map<string, number[]>();
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const nameEnd = line.search(/[{\s]/);
    if (nameEnd <= 0) continue;
    const valueFrom = line[nameEnd] === '{' ? labelsEnd(line, nameEnd) : nameEnd;
    const valueText = line.slice(valueFrom).trim().split(/\s+/)[0];
    const value = valueText === '' ? Number.NaN : Number(valueText);
    if (!Number.isFinite(value)) continue;
    const name = line.slice(0, nameEnd);
    if (BY_LABEL.test(name)) {
      for (const [, label, text] of line.slice(nameEnd, valueFrom).matchAll(/(\w+)="([^"]*)"/g)) {
        push(page, `${name}{${label}=${text}}`, value);
      }
    }
    push(page, name, value);
  }
  return page;
}

/** Triton's TensorRT-LLM families: one name for many quantities, told apart by a label. */
const BY_LABEL = /^nv_trt_llm_/;

function push(page: Map<string, number[]>, name: string, value: number): void {
  const series = page.get(name);
  if (series === undefined) page.set(name, [value]);
  else series.push(value);
}

/** Index after the closing brace; label values are quoted and may hold braces and escaped quotes. */
function labelsEnd(line: string, from: number): number {
  let quoted = false;
  for (let i = from + 1; i < line.length; i++) {
    if (quoted && line[i] === '\\') i += 1;
    else if (line[i] === '"') quoted = !quoted;
    else if (line[i] === '}' && !quoted) return i + 1;
  }
  return line.length;
}
