// What an object was at each of its changes: from what it is, undone change by change (RFC 6902).

import type { Change, Fields, Json, Thing } from "./types";

export interface Step {
  op: string;
  path: string;
  value?: Json;
}
export type Entry = Change & { patch?: Step[]; undo?: Step[]; emptied?: boolean };

const keysOf = (path: string): string[] => path.split("/").slice(1).map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~"));

/** A value after some steps; the one that is given stays as it is. */
export function applied(value: Json, steps: Step[]): Json {
  const root: { whole: Json } = { whole: structuredClone(value) };
  for (const { op, path, value } of steps) {
    const keys = ["whole", ...keysOf(path)];
    const last = keys.pop() ?? "whole";
    let at: Json | undefined = root as Fields;
    for (const key of keys) at = (at as Record<string, Json> | undefined)?.[key];
    if (Array.isArray(at)) {
      const index = last === "-" ? at.length : Number(last);
      if (op === "remove") at.splice(index, 1);
      else if (op === "add") at.splice(index, 0, structuredClone(value ?? null));
      else at[index] = structuredClone(value ?? null);
    } else if (at && typeof at === "object") {
      if (op === "remove") delete at[last];
      else at[last] = structuredClone(value ?? null);
    }
  }
  return root.whole;
}

/** What an object was after each of its changes, newest first, as far back as it is kept. */
export function states(now: Thing, entries: Entry[]): { entry: Entry; was: Thing }[] {
  const known = entries.filter((it) => it.position <= Number(now.metadata.resourceVersion));
  const all: { entry: Entry; was: Thing }[] = [];
  let was = now as unknown as Json;
  for (const entry of known) {
    all.push({ entry, was: was as unknown as Thing });
    if (entry.emptied || !entry.undo) break;
    was = applied(was, entry.undo);
  }
  return all;
}
