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

/** Whether less of a metric is better: losses and errors are best when small. */
export const isLess = (metric: string): boolean => /loss|error|rmse|mae|mse/i.test(metric);

/** The runs' values at a column as numbers: words stand behind numbers, as their ranks; what has no value is NaN. */
function numbersAt(runs: Run[], id: string): Float64Array {
  const values = runs.map((run) => valueAt(run, id));
  let words = [...new Set(values.filter((value) => typeof value === "string"))];
  // Comparing by the rules of a language is slow; plain words need none.
  const isPlain = words.every((word) => /^[\x20-\x7e]*$/.test(word));
  const known = isPlain ? (word: string): string => word.toLowerCase() : (word: string): string => word;
  if (isPlain) words = [...new Set(words.map(known))].sort();
  else words.sort(new Intl.Collator().compare);
  const ranks = new Map(words.map((word, rank) => [word, rank]));
  return Float64Array.from(values, (value) => (value === null ? NaN : typeof value === "number" ? value : 1e300 * (1 + (ranks.get(known(value)) ?? 0) / Math.max(1, words.length))));
}

const DIGIT = 16;
const DIGITS = 1 << DIGIT;

/** Places from the least to the greatest number, or the other way; equal ones keep their order, NaN comes last. By radix: as many steps as there are numbers. */
function order(numbers: Float64Array, isDown: boolean): Uint32Array {
  const length = numbers.length;
  const halves = new Uint32Array(2 * length);
  const bits = new Uint32Array(new Float64Array(1).buffer);
  const one = new Float64Array(bits.buffer);
  let there = 0;
  let places = new Uint32Array(length);
  const missing: number[] = [];
  for (let at = 0; at < length; at++) {
    const value = numbers[at] ?? NaN;
    if (value !== value) {
      missing.push(at);
      continue;
    }
    // Bits of a double in the order of numbers: negative ones turned over, the others behind them; zero has one sign.
    one[0] = value === 0 ? 0 : value;
    const [low = 0, high = 0] = bits;
    const flip = (high >>> 31 ? 0xffffffff : 0) ^ (isDown ? 0xffffffff : 0);
    halves[2 * at] = low ^ flip;
    halves[2 * at + 1] = high ^ flip ^ (high >>> 31 ? 0 : 0x80000000);
    places[there++] = at;
  }
  let other = new Uint32Array(length);
  const counts = new Uint32Array(DIGITS);
  for (let pass = 0; pass < 4; pass++) {
    const half = pass >> 1;
    const shift = (pass & 1) * DIGIT;
    counts.fill(0);
    for (let i = 0; i < there; i++) counts[((halves[2 * (places[i] as number) + half] as number) >>> shift) & (DIGITS - 1)]!++;
    if (counts[((halves[2 * (places[0] ?? 0) + half] ?? 0) >>> shift) & (DIGITS - 1)] === there) continue;
    for (let digit = 0, sum = 0; digit < DIGITS; digit++) {
      const count = counts[digit] as number;
      counts[digit] = sum;
      sum += count;
    }
    for (let i = 0; i < there; i++) {
      const place = places[i] as number;
      const digit = ((halves[2 * place + half] as number) >>> shift) & (DIGITS - 1);
      other[counts[digit]!++] = place;
    }
    [places, other] = [other, places];
  }
  places.set(missing, there);
  return places;
}

/** What was worked out of the runs of one list: sorting it again the other way asks nothing anew. */
const worked = new WeakMap<Run[], Map<string, Float64Array>>();

function keysAt(runs: Run[], id: string): Float64Array {
  let known = worked.get(runs);
  if (!known) worked.set(runs, (known = new Map()));
  const there = known.get(id);
  if (there) return there;
  const keys = numbersAt(runs, id);
  known.set(id, keys);
  return keys;
}

/** Works out what sorting by a column needs, before anybody asks for it. */
export const prepare = (runs: Run[], id: string): void => void keysAt(runs, id);

/** Runs in the order of a column; what has no value comes last. Fast enough for a hundred thousand between two paints. */
export function sorted(runs: Run[], by: string): Run[] {
  return Array.from(order(keysAt(runs, by.replace(/^-/, "")), by.startsWith("-")), (index) => runs[index] as Run);
}
