// Drift of an endpoint as a map: columns of its data against windows of time, told as a share of the threshold.

import type { Drifted } from "./answers";
import { states, type Entry } from "./past";
import type { Thing } from "./types";

export interface Window {
  id: string;
  /** When it ended. */
  end: string;
  seconds: number;
  rows: number;
  columns: Drifted[];
}

const PROBABILITIES = ["kolmogorov-smirnov", "chi-square"];
const LARGEST = 99;

/** 0 where nothing has moved, 1 at the threshold. Of probabilities, less is more: they are compared by their logarithms. */
export function relative(it: Drifted): number {
  const share = PROBABILITIES.includes(it.test) ? Math.log(Math.max(it.score, 1e-300)) / Math.log(Math.min(it.threshold, 0.999)) : it.score / (it.threshold || 1e-9);
  return Math.min(LARGEST, Math.max(0, share));
}

/** How strongly it is coloured, from 0 to 4; drifted from 3 on. */
export const heat = (it: Drifted): number => (it.drifted ? (relative(it) < 2 ? 3 : 4) : Math.min(2, Math.floor(relative(it) * 3)));

/** What a monitor found, the latest first: each look at the endpoint once. */
export function windows(monitor: Thing, entries: Entry[]): Window[] {
  const seconds = Number(monitor.spec["windowSeconds"] ?? 0);
  const seen = new Set<string>();
  return states(monitor, entries).flatMap(({ was }) => {
    const end = String(was.status?.["evaluatedAt"] ?? "");
    const columns = (was.status?.["columns"] ?? []) as unknown as Drifted[];
    if (!end || seen.has(end) || !columns.length) return [];
    seen.add(end);
    return [{ id: end, end, seconds, rows: Number(was.status?.["rows"] ?? 0), columns }];
  });
}
