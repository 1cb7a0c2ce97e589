/** Folders as people have them: what stands beside logs is no log; models are told from logs. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '../trace/traces.js';
import { azureCsv, ingestFiles, ingestText } from './logs.js';

test('licences, readmes and checksums in a folder are left out, but read when they are named', async (context) => {
  const folder = temporaryFolder(context);
  writeFileSync(join(folder, 'a.csv'), azureCsv(['2023-11-16 18:17:03']));
  writeFileSync(join(folder, 'license.csv'), azureCsv(['2023-11-16 18:17:04']));
  for (const name of ['LICENSE', 'README.md', 'NOTES.md', 'SHA256SUMS', 'a.csv.sha256', '_SUCCESS'])
    writeFileSync(join(folder, name), 'words, and no rows\n');
  const { rows } = await ingestFiles(context, [folder]);
  assert.equal(rows.length, 2, 'license.csv is a log by its ending');
  await assert.rejects(ingestFiles(context, [join(folder, 'LICENSE')]), { code: 'FORMAT_UNKNOWN' });
});

test('files of 0 bytes in a folder are left out, and named in the report', async (context) => {
  const folder = temporaryFolder(context);
  for (let i = 0; i < 7; i++) writeFileSync(join(folder, `empty-${i}.csv`), '');
  await assert.rejects(ingestFiles(context, [folder]), {
    code: 'FILE_EMPTY',
    message: /^every log in the folder .* is empty: .*empty-0\.csv, .*, and 2 more$/,
  });
  await assert.rejects(ingestFiles(context, [join(folder, '*.csv')]), { code: 'FILE_EMPTY' });
  await assert.rejects(ingestFiles(context, [join(folder, '*.log')]), { code: 'FILE_NOT_FOUND' });
  writeFileSync(join(folder, 'a.csv'), azureCsv(['2023-11-16 18:17:03']));
  for (const given of [folder, join(folder, '*')]) {
    const { rows, result } = await ingestFiles(context, [given]);
    assert.equal(rows.length, 1);
    assert.ok(
      result.quality.notes.includes(
        '7 empty files left out: empty-0.csv, empty-1.csv, empty-2.csv, empty-3.csv, empty-4.csv, and 2 more',
      ),
    );
  }
  const { result } = await ingestFiles(context, [join(folder, '*[a0].csv')]);
  assert.ok(result.quality.notes.includes('1 empty file left out: empty-0.csv'));
});

test('a ServeGen chunk is pointed to the command that takes it', async (context) => {
  await assert.rejects(
    ingestText(context, 'chunk-0-trace.csv', '0,0,0,,0,0\n600,1,2,Gamma,1,2\n'),
    (error: { hint?: string }) => /tokentide fit --servegen/.test(error.hint ?? ''),
  );
});
