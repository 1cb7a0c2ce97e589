/** The edge of plan: the folder with plan.json and the manifests made from it. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder, writeFileAtomic, writeJson } from '../trace/files.js';
import type { CapacityPlan } from '../types.js';
import { knativeManifest, knativeThreshold } from './knative-manifest.js';
import { adapterManifest, hpaManifest, kedaManifest, type ManifestTarget } from './manifests.js';

/** Every name that a plan folder may hold of ours. */
const MANIFESTS = ['hpa.yaml', 'keda.yaml', 'prometheus-adapter.yaml', 'knative-patch.yaml'] as const;

/** Names in the manifests until the user gives his own. */
export const DEFAULT_TARGET = {
  deployment: 'inference-server',
  namespace: 'default',
  prometheusUrl: 'http://prometheus.monitoring:9090',
} as const;

/**
 * Writes the folder and returns the plan with its files named. Manifests of an earlier plan that this one does not
 * have are removed, so that the folder never mixes two plans. `extraFiles` names what the caller adds (report.html).
 */
export async function writePlan(
  folder: string,
  plan: CapacityPlan,
  manifests: Partial<ManifestTarget> = {},
  extraFiles: readonly string[] = [],
): Promise<CapacityPlan> {
  makeFolder(folder);
  const target: ManifestTarget = { ...DEFAULT_TARGET, fallbackReplicas: plan.replicas, ...manifests };
  for (const name of MANIFESTS) await rm(join(folder, name), { force: true });
  const { autoscaler } = plan;
  const files = ['plan.json'];
  if (autoscaler !== null) {
    await writeFileAtomic(join(folder, 'hpa.yaml'), hpaManifest(autoscaler, target));
    await writeFileAtomic(join(folder, 'keda.yaml'), kedaManifest(autoscaler, target));
    await writeFileAtomic(join(folder, 'prometheus-adapter.yaml'), adapterManifest(autoscaler, target));
    files.push('hpa.yaml', 'keda.yaml', 'prometheus-adapter.yaml');
    if (knativeThreshold(autoscaler) !== null) {
      await writeFileAtomic(join(folder, 'knative-patch.yaml'), knativeManifest(autoscaler, target));
      files.push('knative-patch.yaml');
    }
  }
  const named = { ...plan, files: [...files, ...extraFiles] };
  await writeJson(join(folder, 'plan.json'), named);
  return named;
}
