/** Certificates that exist for the length of a test: an authority, a server for 127.0.0.1 and localhost, a client. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';

export interface Certificates {
  readonly ca: string;
  readonly server: { readonly key: string; readonly cert: string };
  readonly client: { readonly key: string; readonly cert: string };
  /** Signed by nobody that is trusted. */
  readonly stranger: { readonly key: string; readonly cert: string };
  /** Folder with ca.pem, client.pem, client-key.pem. */
  readonly folder: string;
}

/** Makes them with the openssl program; null when there is none. */
export function makeCertificates(): Certificates | null {
  const folder = mkdtempSync(join(tmpdir(), 'tokentide-certificates-'));
  after(() => rmSync(folder, { recursive: true }));
  const at = (name: string): string => join(folder, name);
  const openssl = (...words: string[]): void => {
    execFileSync('openssl', words, { cwd: folder, stdio: 'ignore' });
  };
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  const selfSigned = (name: string): void =>
    openssl(
      'req',
      '-x509',
      ...newKey,
      '-keyout',
      `${name}-key.pem`,
      '-out',
      `${name}.pem`,
      '-subj',
      `/CN=${name}`,
    );
  const signed = (name: string): void => {
    openssl(
      'req',
      ...newKey.slice(0, -2),
      '-keyout',
      `${name}-key.pem`,
      '-out',
      `${name}.csr`,
      '-subj',
      `/CN=${name}`,
    );
    writeFileSync(at('ext'), 'subjectAltName=DNS:localhost,IP:127.0.0.1');
    openssl(
      'x509',
      '-req',
      '-in',
      `${name}.csr`,
      '-CA',
      'ca.pem',
      '-CAkey',
      'ca-key.pem',
      '-CAcreateserial',
      '-days',
      '2',
      '-extfile',
      'ext',
      '-out',
      `${name}.pem`,
    );
  };
  try {
    selfSigned('ca');
    signed('server');
    signed('client');
    selfSigned('stranger');
  } catch {
    return null;
  }
  const pair = (name: string): { key: string; cert: string } => ({
    key: readFileSync(at(`${name}-key.pem`), 'utf8'),
    cert: readFileSync(at(`${name}.pem`), 'utf8'),
  });
  return {
    ca: readFileSync(at('ca.pem'), 'utf8'),
    server: pair('server'),
    client: pair('client'),
    stranger: pair('stranger'),
    folder,
  };
}
