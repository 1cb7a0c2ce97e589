/** Writes schemas/*.schema.json. Run by `npm run schemas` after a build. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { PACKAGE_ROOT } from '../../src/manifest.js';
import { makeSchemas } from './schemas.js';

const folder = new URL('schemas/', PACKAGE_ROOT);
mkdirSync(folder, { recursive: true });
for (const [name, text] of await makeSchemas()) writeFileSync(new URL(name, folder), text);
