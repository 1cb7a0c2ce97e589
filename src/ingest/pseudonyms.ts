/**
 * Keyed pseudonyms for identifiers: equal values stay equal within an ingest (and across ingests that share the key),
 * so sessions and parents still join, and nobody can be looked up without the key. HMAC-SHA-256, 80 bits.
 */
import { createHmac } from 'node:crypto';

/** What an identifier names; a request and a parent share one name space, so that parents join. */
export type IdentifierKind = 'request' | 'session' | 'client';

const PREFIX: Readonly<Record<IdentifierKind, string>> = { request: 'r', session: 's', client: 'c' };
const BASE32 = '0123456789abcdefghjkmnpqrstvwxyz';
const CHARACTERS = 16;
const CACHED = 100_000;

export class Pseudonyms {
  readonly #key: Uint8Array | string | null;
  readonly #cache = new Map<string, string>();

  /** key null keeps identifiers as they are. */
  constructor(key: Uint8Array | string | null) {
    this.#key = key;
  }

  get keepsIds(): boolean {
    return this.#key === null;
  }

  of(kind: IdentifierKind, value: string | null): string | null {
    if (value === null || this.#key === null) return value;
    const name = `${PREFIX[kind]}${value}`;
    let pseudonym = this.#cache.get(name);
    if (pseudonym === undefined) {
      if (this.#cache.size >= CACHED) this.#cache.clear();
      const digest = createHmac('sha256', this.#key).update(name).digest();
      pseudonym = `${PREFIX[kind]}-${base32(digest)}`;
      this.#cache.set(name, pseudonym);
    }
    return pseudonym;
  }
}

function base32(bytes: Uint8Array): string {
  let text = '';
  let bits = 0;
  let value = 0;
  for (let i = 0; text.length < CHARACTERS; i++) {
    value = ((value << 8) | bytes[i]) & 0xffff;
    bits += 8;
    while (bits >= 5 && text.length < CHARACTERS) {
      bits -= 5;
      text += BASE32[(value >> bits) & 31];
    }
  }
  return text;
}
