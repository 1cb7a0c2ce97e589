/** `tokentide init`: a commented experiment that runs as it is. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { EXIT, ToolError } from '../../errors.js';
import { writeFileAtomic } from '../../trace/files.js';
import type { CommandSpec } from '../command.js';
import { STARTER_FILES } from '../experiment/starter.js';

export const command: CommandSpec = {
  name: 'init',
  summary: 'a commented experiment to start from',
  description:
    'Writes experiment.yaml and workload.yaml into a folder. They run as they are, in under a minute, and say ' +
    'what to change for logs and endpoints of your own.',
  arguments: [{ name: 'folder', description: 'where to write; default: here', required: false }],
  options: [{ key: 'force', type: 'boolean', description: 'replaces files that exist' }],
  examples: ['tokentide init', 'tokentide init capacity && tokentide run capacity/experiment.yaml'],
  async run({ args, options, io }) {
    const folder = args[0] ?? '.';
    const paths = STARTER_FILES.map(({ name }) => join(folder, name));
    const present = paths.filter((path) => existsSync(path));
    if (present.length > 0 && options['force'] !== true) {
      throw new ToolError({
        code: 'OUTPUT_UNWRITABLE',
        message: `${present.join(' and ')} exists already`,
        hint: 'name another folder, or --force to replace it',
      });
    }
    for (const [index, { text }] of STARTER_FILES.entries()) await writeFileAtomic(paths[index], text);
    io.print(`wrote ${paths.join(' and ')}; run it: tokentide run ${paths.at(-1)}`);
    io.result({ schemaVersion: 1, kind: 'starter', files: paths });
    return EXIT.ok;
  },
};
