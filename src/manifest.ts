/** Provenance: what made a file, from what. Every file that tokentide writes carries a Manifest. */
import { createHash } from 'node:crypto';
import { createReadStream, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import type { Manifest, ManifestInput } from './types.js';

/** Root folder of the installed package, for bundled models, traces and assets. */
export const PACKAGE_ROOT = new URL('../../', import.meta.url);

let cachedVersion: string | null = null;

/** Version of the running tokentide, from its package.json. */
export function toolVersion(): string {
  cachedVersion ??= (
    JSON.parse(readFileSync(new URL('package.json', PACKAGE_ROOT), 'utf8')) as { version: string }
  ).version;
  return cachedVersion;
}

export interface ManifestOptions {
  readonly command: string;
  /** Only what determines the content. Credentials never belong here. */
  readonly options: Readonly<Record<string, string | number | boolean | null | undefined>>;
  readonly seed?: string | null;
  readonly inputs?: readonly ManifestInput[];
  /** false for files whose bytes must be reproducible. */
  readonly timestamp: boolean;
}

/** Builds a manifest; undefined options are left out. */
export function createManifest(options: ManifestOptions): Manifest {
  const kept: Record<string, string | number | boolean | null> = {};
  for (const [key, value] of Object.entries(options.options)) if (value !== undefined) kept[key] = value;
  return {
    tool: 'tokentide',
    version: toolVersion(),
    command: options.command,
    options: kept,
    seed: options.seed ?? null,
    inputs: options.inputs ?? [],
    createdUtc: options.timestamp ? new Date().toISOString() : null,
  };
}

/** SHA-256 and size of a file, streamed. */
export async function hashInput(path: string): Promise<ManifestInput> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
    hash.update(chunk as Buffer);
    bytes += (chunk as Buffer).length;
  }
  return { name: basename(path), bytes, sha256: hash.digest('hex') };
}

/** SHA-256 of text or bytes, lower-case hex. */
export function sha256Hex(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}
