/** What `tokentide init` writes: an experiment that runs as it is, and says what to change. */

/** Name and text of each file. `own` = the user's logs and endpoint are named instead of the invented ones. */
export const STARTER_FILES: readonly { readonly name: string; readonly text: string }[] = [
  {
    name: 'workload.yaml',
    text: `# A workload in words, for when there are no logs yet: \`tokentide synthesize workload.yaml -o t.parquet\`.
# With logs, replace it by ingest and fit (see experiment.yaml).
rate: 4/s
duration: 10m
burstiness: gamma cv 1.5
input: lognormal p50 700 p99 6000
output: lognormal p50 180 p99 1200
correlation: 0.2
`,
  },
  {
    name: 'experiment.yaml',
    text: `# An experiment: steps are commands, keys are their flags. \`tokentide run experiment.yaml\` runs it,
# \`--dry-run\` shows what would run, \`--resume\` goes on after an interruption, \`--set name=value\` varies it.
# Paths are relative to this file. \${name} is a variable, \${env:NAME} comes from the environment.
schemaVersion: 1
name: first capacity plan

variables:
  slo: p99(ttft) < 1s
  engine: llama3-8b-h100-published # a bundled engine model, or the file that \`calibrate\` wrote
  price: 2.5/h
  seed: 42

steps:
  # With logs of your own, take these two instead of synthesize below:
  # - ingest: { files: logs/*.jsonl.gz, output: trace.parquet }
  # - fit: { trace: trace.parquet, output: workload.json }
  - synthesize: { model: workload.yaml, output: trace.parquet, seed: '\${seed}' }

  - inspect: { file: trace.parquet }

  # A measurement against an endpoint (here: the engine model behind its own server, port 8123).
  - serve: { engine: tiny-demo, port: 8123 }
  - replay:
      trace: trace.parquet
      url: http://127.0.0.1:8123
      window: 2m..2m15s
      slo: p99(ttft) < 2s
      output: run
    allow: [5, 6] # go on when the objective is missed, or when this machine was too busy to vouch for the run
  - report: { input: run, output: run.html }

  # How many replicas, and which autoscaler settings.
  - plan:
      workload: trace.parquet
      engine: \${engine}
      slo: \${slo}
      price: \${price}
      output: plan
    allow: [5] # no fleet meets the objective: still an answer
`,
  },
];
