/** The commands: names and summaries here, code loaded only when its command runs (start-up time). */
import { existsSync, readFileSync } from 'node:fs';
import type { CommandSpec, CommandTable } from './command.js';

export interface CommandEntry {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly summary: string;
  load(): Promise<{ readonly command: CommandSpec }>;
}

/** Where the build writes the option tables of all commands (`write-tables.ts`). */
export const TABLES_FILE = new URL('./tables.json', import.meta.url);

/** The option table of a command: from the build's file, else from the command itself. */
export async function tableOf(entry: CommandEntry): Promise<CommandTable> {
  if (!existsSync(TABLES_FILE)) return (await entry.load()).command;
  return (JSON.parse(readFileSync(TABLES_FILE, 'utf8')) as Record<string, CommandTable>)[entry.name];
}

const entry = (name: string, summary: string, ...aliases: string[]): CommandEntry => ({
  name,
  aliases,
  summary,
  load: () =>
    import(new URL(`./commands/${name}.js`, import.meta.url).href) as Promise<{ command: CommandSpec }>,
});

export const COMMANDS: readonly CommandEntry[] = [
  entry('ingest', 'production logs → trace'),
  entry('inspect', 'what is in this file: trace, model, run, profile or plan'),
  entry('fit', 'trace → workload model, with goodness of fit'),
  entry('synthesize', 'workload model → seeded trace', 'synth'),
  entry('compare', 'two traces: fidelity battery; two runs: what changed'),
  entry('convert', "trace → other tools' inputs"),
  entry('replay', 'trace → endpoint, on exact time; measures and judges itself'),
  entry('profile', 'many load levels → knee and capacity at the SLO'),
  entry('calibrate', 'measured latencies → engine model'),
  entry('serve', 'the engine model behind an OpenAI-compatible server'),
  entry('simulate', 'the engine model in virtual time'),
  entry('plan', 'replicas, cost, autoscaler thresholds and manifests'),
  entry('recover', 'a killed run: run.json and requests.parquet from its log'),
  entry('export', 'a run as the result file of another tool'),
  entry('report', 'run, profile or plan → one self-contained HTML page'),
  entry('run', 'an experiment file: steps with variables, resumable'),
  entry('init', 'a commented experiment to start from'),
  entry('completion', 'script that completes commands and flags in your shell'),
  entry('demo', 'the whole picture on a bundled log, in about a minute'),
];
