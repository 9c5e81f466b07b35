// Runs of an experiment as rows: what was set, what came of it.

import type { Point } from "./answers";
import { request } from "./request";
import { place } from "./router.svelte";
import type { Thing } from "./types";

export interface Run {
  uid: string;
  name: string;
  title: string;
  phase: string;
  created: number;
  seconds: number | null;
  params: Record<string, string>;
  metrics: Record<string, number>;
}

export function runOf(thing: Thing): Run {
  // A list may have been asked for some fields only.
  const { spec = {} } = thing as Partial<Thing>;
  const began = Date.parse(String(spec["startedAt"] ?? thing.metadata.creationTimestamp));
  const ended = thing.status?.["finishedAt"] ? Date.parse(String(thing.status["finishedAt"])) : null;
  return {
    uid: thing.metadata.uid,
    name: thing.metadata.name,
    title: String(spec["title"] ?? "") || thing.metadata.name.replace(/^[^.]*\./, ""),
    phase: String(thing.status?.["phase"] ?? ""),
    created: began,
    seconds: ended === null ? null : (ended - began) / 1000,
    params: (spec["parameters"] ?? {}) as Record<string, string>,
    metrics: (thing.status?.["metrics"] ?? {}) as Record<string, number>,
  };
}

/** A value at a column's id: `p:lr`, `m:loss`, or a field of the run; numbers where texts are some. */
export function valueAt(run: Run, id: string): string | number | null {
  const key = id.slice(2);
  if (id.startsWith("m:")) return run.metrics[key] ?? null;
  if (id.startsWith("p:")) {
    const text = run.params[key];
    if (text === undefined) return null;
    const value = Number(text);
    return text !== "" && !Number.isNaN(value) ? value : text;
  }
  return run[id as "title" | "phase" | "created" | "seconds"];
}

export type { Point } from "./answers";

const PAGES_MAX = 20;

/** Every value of a run's metrics, up to a bound. */
export async function history(name: string, metric?: string): Promise<Point[]> {
  const points: Point[] = [];
  let after: string | undefined;
  for (let page = 0; page < PAGES_MAX; page++) {
    const answer = await request("GET /api/v1/catalog/runs/{id}/metrics", { id: name, project: place.project, metric, after, limit: 10000 });
    points.push(...answer.items);
    if (!answer.next) break;
    after = answer.next;
  }
  return points;
}

/** Keys of params or metrics, the most frequent first. */
export function keysOf(runs: Run[], of: "params" | "metrics"): string[] {
  const counts = new Map<string, number>();
  for (const run of runs) for (const key in run[of]) counts.set(key, (counts.get(key) ?? 0) + 1);
  return [...counts.keys()].sort((a, b) => (counts.get(b) ?? 0) - (counts.get(a) ?? 0) || a.localeCompare(b));
}

/** Runs in the order of a column; what has no value comes last. Fast enough for a hundred thousand between two paints. */
export function sorted(runs: Run[], by: string): Run[] {
  const down = by.startsWith("-");
  const id = by.replace(/^-/, "");
  const values = runs.map((run) => valueAt(run, id));
  const words = [...new Set(values.filter((value) => typeof value === "string"))].sort(new Intl.Collator().compare);
  const ranks = new Map(words.map((word, rank) => [word, rank]));
  // Words stand behind numbers, as their ranks; everything else is compared as numbers.
  const keys = Float64Array.from(values, (value) => (value === null ? NaN : typeof value === "number" ? value : 1e300 * (1 + (ranks.get(value) ?? 0) / Math.max(1, words.length))));
  const order = Uint32Array.from(runs.keys()).sort((a, b) => {
    const [left = NaN, right = NaN] = [keys[a], keys[b]];
    if (left !== left || right !== right) return left === right || (left !== left && right !== right) ? a - b : left !== left ? 1 : -1;
    return (down ? right - left : left - right) || a - b;
  });
  return Array.from(order, (index) => runs[index] as Run);
}
