/**
 * A headless Chromium over the DevTools protocol on a pipe: no port, no package. Opens pages from disk, records console
 * messages, exceptions and network requests, evaluates scripts and takes screenshots.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';

/** Path of the browser: CHROMIUM, or the usual place; null when neither exists. */
export function chromiumPath(): string | null {
  const candidates = [process.env['CHROMIUM'], '/usr/bin/chromium', '/usr/bin/google-chrome'];
  return candidates.find((path) => path !== undefined && existsSync(path)) ?? null;
}

export interface ViewOptions {
  readonly width: number;
  readonly height: number;
  readonly dark: boolean;
}

type Params = Record<string, unknown>;
interface Message {
  readonly id?: number;
  readonly sessionId?: string;
  readonly method?: string;
  readonly params?: Params;
  readonly result?: Params;
  readonly error?: { readonly message: string };
}

/** The browser process. Close it. */
export class Chromium {
  readonly #child: ChildProcess;
  readonly #profile: string;
  readonly #waiting = new Map<number, { resolve: (value: Params) => void; reject: (error: Error) => void }>();
  readonly #listeners = new Set<(message: Message) => void>();
  #nextId = 1;
  #buffer = '';

  private constructor(child: ChildProcess, profile: string) {
    this.#child = child;
    this.#profile = profile;
    (child.stdio[4] as Readable).setEncoding('utf8').on('data', (text: string) => this.#receive(text));
    child.on('exit', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('the browser ended'));
      this.#waiting.clear();
    });
  }

  static async launch(path: string): Promise<Chromium> {
    const profile = await mkdtemp(join(tmpdir(), 'tokentide-chromium-'));
    const child = spawn(
      path,
      [
        '--headless',
        '--no-sandbox',
        '--disable-gpu',
        '--disable-dev-shm-usage',
        '--disable-background-networking',
        '--disable-component-update',
        '--no-first-run',
        '--hide-scrollbars',
        '--remote-debugging-pipe',
        `--user-data-dir=${profile}`,
        'about:blank',
      ],
      { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] },
    );
    const browser = new Chromium(child, profile);
    await browser.send('Browser.getVersion');
    return browser;
  }

  send(method: string, params: Params = {}, sessionId?: string): Promise<Params> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      (this.#child.stdio[3] as Writable).write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    });
  }

  listen(listener: (message: Message) => void): void {
    this.#listeners.add(listener);
  }

  async open(url: string, view: ViewOptions): Promise<BrowserPage> {
    const { targetId } = await this.send('Target.createTarget', { url: 'about:blank' });
    const { sessionId } = await this.send('Target.attachToTarget', { targetId, flatten: true });
    const page = new BrowserPage(this, sessionId as string, targetId as string);
    await page.show(url, view);
    return page;
  }

  async close(): Promise<void> {
    const ended = new Promise<void>((resolve) => this.#child.once('exit', () => resolve()));
    await this.send('Browser.close').catch(() => undefined);
    await ended;
    await rm(this.#profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }

  #receive(text: string): void {
    const parts = (this.#buffer + text).split('\0');
    this.#buffer = parts.pop() ?? '';
    for (const part of parts) {
      const message = JSON.parse(part) as Message;
      if (message.id === undefined) for (const listener of this.#listeners) listener(message);
      else {
        const waiting = this.#waiting.get(message.id);
        this.#waiting.delete(message.id);
        if (message.error) waiting?.reject(new Error(message.error.message));
        else waiting?.resolve(message.result ?? {});
      }
    }
  }
}

/** One tab, with what it complained about and what it fetched. */
export class BrowserPage {
  /** Console errors and warnings, uncaught exceptions, and the browser's own log entries. */
  readonly complaints: string[] = [];
  /** URLs of every request but the document itself. */
  readonly requests: string[] = [];
  readonly #browser: Chromium;
  readonly #session: string;
  readonly #target: string;
  #loaded: (() => void) | null = null;
  #url = '';

  constructor(browser: Chromium, session: string, target: string) {
    this.#browser = browser;
    this.#session = session;
    this.#target = target;
    browser.listen((message) => {
      if (message.sessionId === session) this.#hear(message);
    });
  }

  async show(url: string, view: ViewOptions): Promise<void> {
    this.#url = url;
    for (const domain of ['Page', 'Runtime', 'Log', 'Network']) await this.#send(`${domain}.enable`);
    await this.view(view);
    const loaded = new Promise<void>((resolve) => {
      this.#loaded = resolve;
    });
    await this.#send('Page.navigate', { url });
    await loaded;
    await this.settle();
  }

  /** Size and colour scheme. */
  async view(view: ViewOptions): Promise<void> {
    await this.#send('Emulation.setDeviceMetricsOverride', {
      width: view.width,
      height: view.height,
      deviceScaleFactor: 1,
      mobile: view.width < 600,
    });
    await this.#send('Emulation.setEmulatedMedia', {
      features: [{ name: 'prefers-color-scheme', value: view.dark ? 'dark' : 'light' }],
    });
  }

  /** Two frames later: layout, resize observers and drawing are done. */
  async settle(): Promise<void> {
    await this.evaluate('new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(() => r(1))))');
  }

  /** Value of an expression; promises are awaited. Throws what it throws. */
  async evaluate<T>(expression: string): Promise<T> {
    const answer = await this.#send('Runtime.evaluate', {
      expression,
      awaitPromise: true,
      returnByValue: true,
    });
    const failure = answer['exceptionDetails'] as { exception?: { description?: string } } | undefined;
    if (failure) throw new Error(failure.exception?.description ?? 'the expression threw');
    return (answer['result'] as { value: T }).value;
  }

  async key(key: string): Promise<void> {
    const text = key.length === 1 ? key : undefined;
    await this.#send('Input.dispatchKeyEvent', { type: 'keyDown', key, text });
    await this.#send('Input.dispatchKeyEvent', { type: 'keyUp', key });
  }

  async mouse(type: 'mouseMoved' | 'mousePressed' | 'mouseReleased', x: number, y: number): Promise<void> {
    const held = type === 'mouseMoved' ? {} : { button: 'left', clickCount: 1 };
    await this.#send('Input.dispatchMouseEvent', { type, x, y, ...held });
  }

  /** PNG of the whole page, or of what is on screen. */
  async screenshot(whole = true): Promise<Buffer> {
    const size = await this.evaluate<{ width: number; height: number }>(
      '({ width: document.documentElement.clientWidth, height: document.documentElement.scrollHeight })',
    );
    const answer = await this.#send('Page.captureScreenshot', {
      format: 'png',
      captureBeyondViewport: whole,
      ...(whole ? { clip: { x: 0, y: 0, ...size, scale: 1 } } : {}),
    });
    return Buffer.from(answer['data'] as string, 'base64');
  }

  /** Shows the page as it is printed. */
  async print(): Promise<void> {
    await this.#send('Emulation.setEmulatedMedia', { media: 'print' });
    await this.evaluate(`dispatchEvent(new Event('beforeprint'))`);
    await this.settle();
  }

  async pdf(): Promise<Buffer> {
    const answer = await this.#send('Page.printToPDF', { printBackground: true });
    return Buffer.from(answer['data'] as string, 'base64');
  }

  async close(): Promise<void> {
    await this.#browser.send('Target.closeTarget', { targetId: this.#target });
  }

  #send(method: string, params: Params = {}): Promise<Params> {
    return this.#browser.send(method, params, this.#session);
  }

  #hear({ method, params = {} }: Message): void {
    if (method === 'Page.loadEventFired') this.#loaded?.();
    if (method === 'Runtime.exceptionThrown')
      this.complaints.push(JSON.stringify(params['exceptionDetails']));
    if (method === 'Log.entryAdded') this.complaints.push(JSON.stringify(params['entry']));
    if (
      method === 'Runtime.consoleAPICalled' &&
      ['error', 'warning', 'assert'].includes(String(params['type']))
    )
      this.complaints.push(JSON.stringify(params['args']));
    if (method === 'Network.requestWillBeSent') {
      const { url } = params['request'] as { url: string };
      if (url !== this.#url) this.requests.push(url);
    }
  }
}
