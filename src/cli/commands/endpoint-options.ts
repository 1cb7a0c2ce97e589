/** How to talk to an endpoint: the options that every command which sends requests shares, and what they mean. */
import { readFile } from 'node:fs/promises';
import { ToolError } from '../../errors.js';
import { REPLAY_DEFAULTS, type ReplayOptions } from '../../replay/options.js';
import { PROTOCOLS } from '../../replay/protocols/index.js';
import type { ConnectionRequest } from '../../replay/transport.js';
import { TOKEN_ENCODINGS } from '../../tokens/counter.js';
import type { CommandContext, OptionSpec } from '../command.js';

export const ENDPOINT_OPTIONS: readonly OptionSpec[] = [
  {
    key: 'protocol',
    type: 'string',
    choices: PROTOCOLS.map((protocol) => protocol.name),
    default: REPLAY_DEFAULTS.protocol,
    description: 'how requests and answers look',
  },
  {
    key: 'model',
    type: 'string',
    description: 'model name; the first that the endpoint lists when left out',
  },
  {
    key: 'apiKeyFile',
    type: 'string',
    value: '<file>',
    description:
      'file with the API key; else TOKENTIDE_API_KEY, OPENAI_API_KEY or (anthropic) ANTHROPIC_API_KEY',
  },
  { key: 'header', type: 'strings', value: "<'Name: value'>", description: 'extra header; repeatable' },
  {
    key: 'affinity',
    type: 'string',
    choices: ['round-robin', 'session'],
    default: 'round-robin',
    description: 'with several --url: spread requests in turn, or keep a session on one address',
  },
  {
    key: 'http',
    type: 'string',
    choices: ['1.1', '2', 'auto'],
    default: '1.1',
    description: 'HTTP version; auto: 2 where the server offers it by ALPN',
  },
  { key: 'cacert', type: 'string', value: '<pem>', description: 'certificates to trust for https' },
  { key: 'cert', type: 'string', value: '<pem>', description: 'our own certificate (mutual TLS)' },
  { key: 'key', type: 'string', value: '<pem>', description: 'key of --cert' },
  {
    key: 'insecure',
    type: 'boolean',
    description: 'do not check the server’s certificate; the run says so',
  },
  {
    key: 'unixSocket',
    type: 'string',
    value: '<path>',
    description: 'connect to this unix socket; --url gives the Host header and the path',
  },
  {
    key: 'extraBody',
    type: 'string',
    value: '<json>',
    description: "members added to every request's body, e.g. '{\"temperature\":0}'",
  },
  {
    key: 'noResend',
    type: 'boolean',
    description:
      'count a kept connection that closes under a request as its failure, instead of sending once more',
  },
  {
    key: 'noIgnoreEos',
    type: 'boolean',
    description: 'let the model stop early, instead of asking for the full output length',
  },
  { key: 'timeoutTotal', type: 'duration', description: 'for a whole request; no limit when left out' },
  {
    key: 'drain',
    type: 'duration',
    default: `${REPLAY_DEFAULTS.drainSec}s`,
    description: 'for requests in flight after the last one was sent; then they are cancelled',
  },
  {
    key: 'senders',
    type: 'string',
    value: '<n|auto>',
    default: 'auto',
    description: 'sender processes; auto: by the chunks per second, at most cores − 1',
  },
  {
    key: 'realtime',
    type: 'boolean',
    description: 'real-time priority for senders: Linux, as root or with CAP_SYS_NICE',
  },
  {
    key: 'preconnect',
    type: 'integer',
    default: 0,
    description: 'connections that each sender opens before the first request',
  },
  {
    key: 'metricsUrl',
    type: 'string',
    value: '<url|none>',
    description: 'Prometheus page to scrape each second; the endpoint’s own /metrics when left out',
  },
  {
    key: 'calibratePrompts',
    type: 'boolean',
    description: 'learn how many tokens the chat template adds, and take them off every prompt',
  },
  {
    key: 'encoding',
    type: 'string',
    value: '<name|tokenizer.json>',
    default: REPLAY_DEFAULTS.encoding,
    description: `vocabulary of prompts, and of answers that come without usage: ${TOKEN_ENCODINGS.join(', ')} (their prompts are exact for Llama 3 and Qwen 3 too), or a Hugging Face file`,
  },
];

/** The replay options behind `ENDPOINT_OPTIONS`. Throws BAD_VALUE or FILE_NOT_FOUND. */
export async function endpointSettings(context: CommandContext): Promise<Partial<ReplayOptions>> {
  const { options } = context;
  const protocol = options['protocol'] as string;
  return {
    protocol,
    otherUrls: urlsOf(options['url']).slice(1),
    affinity: options['affinity'] as 'round-robin' | 'session',
    connection: await connectionOf(options),
    model: options['model'] as string | undefined,
    apiKey: await apiKeyOf(options['apiKeyFile'] as string | undefined, protocol),
    headers: options['header'] as string[] | undefined,
    extraBody: extraBodyOf(options['extraBody'] as string | undefined),
    ignoreEos: options['noIgnoreEos'] !== true,
    timeoutTotalSec: options['timeoutTotal'] as number | undefined,
    drainSec: options['drain'] as number,
    senders: sendersOf(options['senders'] as string),
    realTime: options['realtime'] === true,
    preconnect: options['preconnect'] as number,
    metricsUrl: options['metricsUrl'] as string | undefined,
    calibratePrompts: options['calibratePrompts'] === true,
    encoding: options['encoding'] as string,
  };
}

/** The addresses of `--url`, which can be given several times. */
export function urlsOf(given: unknown): readonly string[] {
  return Array.isArray(given) ? given.map(String) : given === undefined ? [] : [String(given)];
}

async function connectionOf(options: CommandContext['options']): Promise<ConnectionRequest> {
  const [ca, cert, key] = await Promise.all(
    (['cacert', 'cert', 'key'] as const).map((name) => pemOf(name, options[name] as string | undefined)),
  );
  if ((cert === null) !== (key === null)) {
    throw new ToolError({
      code: 'USAGE',
      message: cert === null ? '--key needs --cert' : '--cert needs --key',
      hint: 'name both files: --cert client.pem --key client-key.pem',
    });
  }
  return {
    ca,
    cert,
    key,
    insecure: options['insecure'] === true,
    resend: options['noResend'] !== true,
    unixSocket: (options['unixSocket'] as string | undefined) ?? null,
    http: (options['http'] as ConnectionRequest['http']) ?? '1.1',
  };
}

async function pemOf(option: string, path: string | undefined): Promise<string | null> {
  if (path === undefined) return null;
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw new ToolError({
      code: 'FILE_NOT_FOUND',
      message: `could not read --${option} from ${path}: ${(cause as NodeJS.ErrnoException).code ?? 'unreadable'}`,
      hint: 'name a PEM file',
      cause,
    });
  }
  if (text.includes('-----BEGIN ')) return text;
  throw new ToolError({
    code: 'BAD_VALUE',
    message: `${path} holds no PEM block`,
    hint: `--${option} takes a file with -----BEGIN …----- lines`,
  });
}

/** The key from a file, else from the environment, else none. It is never printed or stored. */
async function apiKeyOf(path: string | undefined, protocol: string): Promise<string | null> {
  if (path === undefined) {
    const vendor = protocol.startsWith('anthropic') ? 'ANTHROPIC_API_KEY' : 'OPENAI_API_KEY';
    return process.env['TOKENTIDE_API_KEY'] ?? process.env[vendor] ?? null;
  }
  let key: string;
  try {
    key = (await readFile(path, 'utf8')).trim();
  } catch (cause) {
    throw new ToolError({
      code: 'FILE_NOT_FOUND',
      message: `could not read the API key from ${path}: ${(cause as NodeJS.ErrnoException).code ?? 'unreadable'}`,
      hint: 'name a file whose only line is the key',
      cause,
    });
  }
  if (key !== '' && !/\s/.test(key)) return key;
  throw new ToolError({
    code: 'BAD_VALUE',
    message: `${path} must hold one key on one line`,
    hint: 'name a file whose only line is the key',
  });
}

function extraBodyOf(text: string | undefined): Record<string, unknown> | null {
  if (text === undefined) return null;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = null;
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw new ToolError({
    code: 'BAD_VALUE',
    message: `--extra-body must be a JSON object, got '${text}'`,
    hint: `write it like --extra-body '{"temperature":0}'`,
  });
}

function sendersOf(text: string): number | 'auto' {
  if (text === 'auto') return 'auto';
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new ToolError({
    code: 'BAD_VALUE',
    message: `--senders must be auto or a whole number from 1, got '${text}'`,
    hint: 'leave it out: auto suits the machine',
  });
}
