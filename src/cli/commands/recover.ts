/** `tokentide recover`: the run of a killed client, from the log that it kept. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { EXIT, ToolError } from '../../errors.js';
import { runLines } from '../../inspect/result-lines.js';
import { recoverRun } from '../../replay/run-folder.js';
import { RUN_LOG_NAME } from '../../trace/run-log.js';
import type { CommandSpec } from '../command.js';
import { fitScreen } from './screen.js';

/** Senders report at least ten times a second: a log that rested this long has nobody who writes it. */
const RESTED_MS = 5_000;

export const command: CommandSpec = {
  name: 'recover',
  summary: 'a killed run: run.json and requests.parquet from its log',
  description:
    'Makes the files of a run whose client was killed, from the log that it kept while it ran: every request that had ' +
    'ended is in it. The run is marked as interrupted, and judged so.',
  arguments: [{ name: 'run', description: 'folder of the killed run', required: true }],
  options: [{ key: 'force', type: 'boolean', description: 'also when the log was written to a moment ago' }],
  examples: ['tokentide recover run', 'tokentide recover run && tokentide report run -o run.html'],
  async run({ args, options, io }) {
    const dir = args[0];
    const log = await stat(join(dir, RUN_LOG_NAME)).catch(() => null);
    if (log === null) {
      throw new ToolError({
        code: 'BAD_RUN',
        message: `${dir} holds no log of a run (${RUN_LOG_NAME})`,
        hint: 'a finished run has none: `tokentide inspect` and `report` read it as it is',
      });
    }
    if (Date.now() - log.mtimeMs < RESTED_MS && options['force'] !== true) {
      throw new ToolError({
        code: 'BAD_RUN',
        message: `the log in ${dir} was written to a moment ago: the run may still be going`,
        hint: 'wait some seconds, or --force if its client is dead',
      });
    }
    const summary = await recoverRun(dir);
    io.print(fitScreen(runLines(summary).join('\n')));
    io.print(`\nwrote ${dir}/run.json and ${dir}/requests.parquet`);
    io.result(summary);
    return EXIT.ok;
  },
};
