/** What a report is made from: the documents that other commands wrote, already read. */
import type {
  CapacityPlan,
  FleetComparison,
  LatencyProfile,
  RunComparison,
  RunRecord,
  RunSummary,
  ServerSample,
  SimulationDocument,
  TraceComparison,
  WorkloadModel,
} from '../types.js';
import type { TraceFacts } from './trace-facts.js';

export interface RunReportInput {
  readonly kind: 'run';
  /** Shown as the page's subject, e.g. the folder's base name. */
  readonly name: string;
  readonly summary: RunSummary;
  /** Every row of requests.parquet in any order; null = only run.json is there, and the page says so. */
  readonly records: readonly RunRecord[] | null;
  /** Scrapes of the server's own metrics over the run, in order of time; absent = none were kept. */
  readonly server?: readonly ServerSample[];
}

export interface ProfileReportInput {
  readonly kind: 'latency-profile';
  readonly name: string;
  readonly profile: LatencyProfile;
}

/** A file that the plan wrote, shown for copying. */
export interface PlanFile {
  readonly name: string;
  readonly content: string;
}

export interface PlanReportInput {
  readonly kind: 'capacity-plan';
  readonly name: string;
  readonly plan: CapacityPlan;
  /** Contents of the manifests named in `plan.files`, as far as they were found. */
  readonly files: readonly PlanFile[];
}

/** Documents that hold everything their page shows. */
type DocumentInput<Document extends { readonly kind: string }> = {
  readonly kind: Document['kind'];
  readonly name: string;
  readonly document: Document;
};

/** A trace file: what its ingest found, and a few hundred numbers about its rows. */
export interface TraceReportInput {
  readonly kind: 'trace';
  readonly name: string;
  readonly facts: TraceFacts;
}

export type ReportInput =
  | RunReportInput
  | ProfileReportInput
  | PlanReportInput
  | TraceReportInput
  | DocumentInput<TraceComparison>
  | DocumentInput<RunComparison>
  | DocumentInput<WorkloadModel>
  | DocumentInput<SimulationDocument>
  | DocumentInput<FleetComparison>;
