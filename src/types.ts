/**
 * The vocabulary: every record that crosses a stage. Types only. One file per box of the picture in
 * src/README.md; stages meet here and in files on disk, never by importing each other.
 */
export type * from './types/common.js';
export type * from './types/compare.js';
export type * from './types/engine.js';
export type * from './types/plan.js';
export type * from './types/profile.js';
export type * from './types/run.js';
export type * from './types/sessions.js';
export type * from './types/trace.js';
export type * from './types/workload.js';
