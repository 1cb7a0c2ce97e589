/** The edge of profile: profile documents, and the folder where a profile keeps the runs of its levels. */
import { join } from 'node:path';
import { readJsonDocument, writeJson } from '../trace/files.js';
import type { LatencyProfile } from '../types.js';

/** Reads a profile. Throws FILE_NOT_FOUND, FILE_EMPTY or BAD_PROFILE. */
export async function readProfile(path: string): Promise<LatencyProfile> {
  return readJsonDocument<LatencyProfile>(path, 'latency-profile', 'BAD_PROFILE');
}

/** Writes a profile, whole or not at all. */
export async function writeProfile(path: string, profile: LatencyProfile): Promise<void> {
  await writeJson(path, profile);
}

/** Folder of the levels' runs, beside the profile. */
export function runsFolderOf(profilePath: string): string {
  return `${profilePath.replace(/\.json$/i, '')}.runs`;
}

/** Folder of one level's run, e.g. `conv.profile.runs/rate-12.5`, with `-2` for a repetition. */
export function levelFolder(profilePath: string, ratePerSec: number, attempt: number): string {
  const again = attempt > 1 ? `-${attempt}` : '';
  return join(runsFolderOf(profilePath), `rate-${ratePerSec}${again}`);
}
