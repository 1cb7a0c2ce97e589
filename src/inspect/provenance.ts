/** One line on where a file came from. Pure. */
import type { Manifest } from '../types.js';

/** `tokentide 0.1.0 ingest, seed 42, from conv.csv (sha256 1a2b3c4d…)`. */
export function provenanceLine(manifest: Manifest): string {
  const parts = [`${manifest.tool} ${manifest.version} ${manifest.command}`];
  if (manifest.seed !== null) parts.push(`seed ${manifest.seed}`);
  const shown = manifest.inputs.slice(0, 2);
  if (shown.length > 0) {
    const names = shown.map((input) => `${input.name} (sha256 ${input.sha256.slice(0, 12)}…)`);
    const more = manifest.inputs.length - shown.length;
    parts.push(`from ${names.join(', ')}${more > 0 ? ` and ${more} more` : ''}`);
  }
  if (manifest.createdUtc !== null) parts.push(manifest.createdUtc);
  return parts.join(', ');
}
