/**
 * Last step of the build: writes the option tables of all commands beside the code, so that help, usage errors and
 * parsing cost no command's imports (start-up time). Run as `node dist/src/cli/write-tables.js`.
 */
import { writeFileSync } from 'node:fs';
import type { CommandTable } from './command.js';
import { COMMANDS, TABLES_FILE } from './registry.js';

const tables: Record<string, CommandTable> = {};
for (const entry of COMMANDS) {
  const { run: _, ...table } = (await entry.load()).command;
  tables[entry.name] = table;
}
writeFileSync(TABLES_FILE, JSON.stringify(tables));
