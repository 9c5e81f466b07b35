// What views answer: the server's document tells of objects, and of views only that they answer.

import type { Operations } from "./operations";
import type { Change, Fields, Json } from "./types";

/** An entry of the journal. */
export type Entry = Change & { project: string };

/** A column of a table, as its schema tells it. */
export interface Column {
  name: string;
  type: string;
  nullable: boolean;
}

/** What is known of a column. */
export interface Profiled {
  name: string;
  type: string;
  count: number;
  missing: number;
  distinct: number;
  min: number | null;
  max: number | null;
  mean: number | null;
  deviation: number | null;
  deciles: number[];
  top: [string, number][];
}

export interface Quality {
  rules: Json[];
  last: { passed?: boolean; rows?: number; findings?: Fields[] } | null;
  checks: number;
}

/** The curves of one metric: step, milliseconds and value of each point. */
export interface Curves {
  metric: string;
  curves: { run: string; points: [number, number, number][] }[];
}

/** A file of a run. */
export interface Artifact {
  run: string;
  path: string;
  bytes: number;
  time: string;
}

/** A value of a metric. */
export interface Point {
  metric: string;
  step: number;
  time: string;
  value: number;
}

/** A column an endpoint takes. */
export interface Input {
  name: string;
  datatype: string;
  categories?: string[];
  optional: boolean;
}

/** What an endpoint has done. */
export interface Counts {
  calls: number;
  answered: number;
  refused: number;
  failed: number;
  rows: number;
  meanSeconds: number | null;
  withinSeconds: { p50: number | null; p95: number | null; p99: number | null };
}

/** A revision of an endpoint, and what it answered. */
export interface Revision {
  revision: number;
  version: string;
  phase: string;
  percent: number;
  shadow: boolean;
  calls: number;
  failed: number;
  meanSeconds: number | null;
}

/** A policy that an object is held against. */
export interface Held {
  policy: string;
  state: string;
  enforcement: string;
  fits: boolean;
  message: string | null;
  excepted: boolean;
}

export interface Found {
  kind: string;
  name: string;
  title?: string;
  project?: string;
}

/** How far a column is from the baseline, and by which number that is told. */
export interface Drifted {
  column: string;
  current: number;
  currentMissing: number;
  psi: number;
  jensenShannon: number;
  test: string;
  score: number;
  threshold: number;
  drifted: boolean;
}

export interface Drift {
  since: string;
  version: string;
  rows: number;
  comparedWith: string;
  columns: Drifted[];
}

/** Two colours, in front and behind, and how far they are apart. */
export interface Contrast {
  mode: string;
  front: string;
  behind: string;
  ratio: number;
  least: number;
  passes: boolean;
}

/** A theme as it would be. */
export interface Tried {
  variables: Record<string, string>;
  contrast: Contrast[];
  passes: boolean;
}

/** A row an endpoint was asked, and what it answered. */
export interface Asked {
  number: number;
  id: string;
  at: string;
  caller: string;
  version: number;
  ms: number;
  inputs: Fields;
  outputs: Fields;
}

interface Items<T> {
  items: T[];
}

export interface Answers {
  "POST /api/v1/admin/audit/search": Items<Entry> & { metadata: { nextPageToken?: string } };
  "GET /api/v1/catalog/search": Items<Found>;
  "GET /api/v1/catalog/governance-policies/by-resource": Items<Held>;
  "GET /api/v1/catalog/dataset-versions/{id}/sample": { rows: Fields[] };
  "GET /api/v1/catalog/datasets/{id}/schema": { columns: Column[] };
  "GET /api/v1/catalog/datasets/{id}/sample": { rows: Fields[] };
  "GET /api/v1/catalog/datasets/{id}/statistics": { rows: number; columns: Profiled[] };
  "GET /api/v1/catalog/datasets/{id}/quality": Quality;
  "GET /api/v1/catalog/experiments/{id}/visualizations": { charts: Curves[] };
  "GET /api/v1/catalog/experiments/{id}/artifacts": Items<Artifact>;
  "GET /api/v1/catalog/runs/{id}/metrics": Items<Point> & { next: string | null };
  "GET /api/v1/catalog/model-versions/{id}/card": Fields;
  "GET /api/v1/catalog/endpoints/{id}/schema": { inputs: Input[] };
  "GET /api/v1/catalog/endpoints/{id}/metrics": Counts;
  "GET /api/v1/catalog/endpoints/{id}/traffic": Items<Revision>;
  "GET /api/v1/catalog/endpoints/{id}/usage": { callers: Record<string, number> };
  "GET /api/v1/catalog/endpoints/{id}/logs": { items: Json };
  "GET /api/v1/catalog/endpoints/{id}/drift": Drift;
  "GET /api/v1/catalog/endpoints/{id}/predictions": Items<Asked> & { metadata: { nextPageToken?: string } };
  "POST /api/v1/views/themes/{id}/preview": Tried;
  "GET /api/v1/views/themes/current": { from: string; theme?: string };
}

/** Each of them is an operation there is, and one that the document does not describe better. */
type Wrong = { [O in keyof Answers]: O extends keyof Operations ? (unknown extends Operations[O]["answers"] ? never : O) : O }[keyof Answers];
export const right: [Wrong] extends [never] ? true : Wrong = true;
