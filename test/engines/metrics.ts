/** A server's own counters, read apart from what is tested. */
import { get } from 'node:http';

/** Sum of the samples of a name whose labels contain `label`; 0 when there are none. */
export async function readPrometheus(url: string): Promise<(name: string, label?: string) => number> {
  const text = await new Promise<string>((resolve, reject) => {
    get(url, (response) => {
      let page = '';
      response.setEncoding('utf8').on('data', (piece: string) => {
        page += piece;
      });
      response.once('end', () => resolve(page));
    }).once('error', reject);
  });
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return (name, label = '') =>
    lines
      .filter((line) => /^[^{ ]+/.exec(line)![0] === name && line.includes(label))
      .reduce((total, line) => total + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}
