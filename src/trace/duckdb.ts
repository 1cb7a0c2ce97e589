/**
 * The DuckDB engine at the edge: one private in-memory instance per job, loaded only when a job needs it (it costs
 * 0.1 s to load), never touching the network, its spill files in the system's temporary folder.
 *
 * `@duckdb/node-bindings` gives the flat copies (`copy_data_to_vector`) that carry the hot paths; it is pinned to the
 * exact version that `@duckdb/node-api` is built on.
 */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type * as NodeApi from '@duckdb/node-api';
import type Bindings from '@duckdb/node-bindings';

export type DuckdbApi = typeof NodeApi;
export type DuckdbBindings = typeof Bindings;

/** A connection with what it takes to use and end it. */
export interface DuckdbSession {
  readonly api: DuckdbApi;
  readonly bindings: DuckdbBindings;
  readonly connection: NodeApi.DuckDBConnection;
  /** One more connection: a streamed result owns its connection until it is read to the end. Close it. */
  connect(): Promise<NodeApi.DuckDBConnection>;
  close(): void;
}

export interface DuckdbOptions {
  /** Worker threads of the engine; default: one per core. The bytes of a file do not depend on it. */
  readonly threads?: number;
}

/** Opens a private in-memory engine. Close it. */
export async function openDuckdb(options: DuckdbOptions = {}): Promise<DuckdbSession> {
  const api = await import('@duckdb/node-api');
  const bindings = (await import('@duckdb/node-bindings')).default;
  const instance = await api.DuckDBInstance.create(':memory:', {
    ...(options.threads === undefined ? {} : { threads: String(options.threads) }),
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    temp_directory: join(tmpdir(), `tokentide-duckdb-${process.pid}`),
  }).catch((cause: unknown) => {
    throw new Error(`DuckDB could not start: ${(cause as Error).message}`, { cause });
  });
  const connection = await instance.connect();
  return {
    api,
    bindings,
    connection,
    connect: () => instance.connect(),
    close() {
      connection.closeSync();
      instance.closeSync();
    },
  };
}

/** SQL literal of a text. */
export function sqlText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** SQL identifier. */
export function sqlName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/**
 * SQL literal of one file's path. DuckDB expands `*`, `?` and `[` in paths it reads; a character class of one
 * character stands for itself.
 */
export function sqlPath(path: string): string {
  return sqlText(path.replace(/[*?[]/g, '[$&]'));
}
