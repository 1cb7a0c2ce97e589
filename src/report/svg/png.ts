/** Edge: an SVG drawn by a headless Chromium to PNG. Nothing of the browser is needed for SVG itself. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { ToolError } from '../../errors.js';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome'];
const LIMIT_MS = 60_000;

/** Path of the browser: CHROMIUM, or the first of the usual names on the PATH; null without one. */
export function findBrowser(environment: Readonly<Record<string, string | undefined>>): string | null {
  const folders = (environment['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  const candidates = [
    ...(environment['CHROMIUM'] ? [environment['CHROMIUM']] : []),
    ...NAMES.flatMap((name) => folders.map((folder) => join(folder, name))),
  ];
  return candidates.find((path) => existsSync(path)) ?? null;
}

/** PNG at twice the SVG's size. Throws NO_BROWSER without a browser, and when the browser draws nothing. */
export async function pngOfSvg(
  svg: string,
  browser: string | null,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  if (browser === null) {
    throw new ToolError({
      code: 'NO_BROWSER',
      message: 'PNG is drawn by Chromium, and none was found',
      hint: 'write .svg instead, press the PNG button on the page, or set CHROMIUM to the path of a browser',
    });
  }
  const folder = await mkdtemp(join(tmpdir(), 'tokentide-png-'));
  try {
    const [source, target] = [join(folder, 'chart.svg'), join(folder, 'chart.png')];
    await writeFile(source, svg);
    const [, width, height] = /<svg[^>]* width="([\d.]+)" height="([\d.]+)"/.exec(svg) ?? [];
    await promisify(execFile)(
      browser,
      [
        '--headless',
        '--no-sandbox',
        '--disable-gpu',
        '--disable-dev-shm-usage',
        '--hide-scrollbars',
        '--force-device-scale-factor=2',
        `--window-size=${Math.ceil(Number(width))},${Math.ceil(Number(height))}`,
        `--user-data-dir=${join(folder, 'profile')}`,
        `--screenshot=${target}`,
        pathToFileURL(source).href,
      ],
      { timeout: LIMIT_MS, signal },
    ).catch((cause: unknown) => {
      signal?.throwIfAborted();
      throw undrawn(browser, cause);
    });
    return await readFile(target).catch((cause: unknown) => {
      throw undrawn(browser, cause);
    });
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}

function undrawn(browser: string, cause: unknown): ToolError {
  return new ToolError({
    code: 'NO_BROWSER',
    message: `${browser} drew no picture`,
    hint: 'write .svg instead, or press the PNG button on the page',
    cause,
  });
}
