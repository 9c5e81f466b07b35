// Dashboards as the server tells them, and the grid they stand on.

import { get } from "./api";
import { place } from "./router.svelte";
import type { Json } from "./types";

export const BASE = "/api/v1/views/dashboards";
export const FORMS = ["stat", "table", "series", "comparison", "text"] as const;

export interface Place {
  id: string;
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Item extends Place {
  widget: string;
  config?: Json;
}

/** One place with what it shows, or why it does not. */
export interface Told extends Place {
  widget?: string;
  title?: string;
  show?: string;
  data?: Json;
  error?: { code: string; detail: string };
}

export interface Whole {
  name: string;
  uid: string;
  project: string;
  title: string;
  description?: string | null;
  columns: number;
  rowHeight: number;
  refreshSeconds: number;
  version: string;
  at?: string;
  takenAt?: string;
  takenBy?: string;
  note?: string | null;
  items: Told[];
}

export interface Card {
  name: string;
  uid?: string;
  project?: string;
  title: string;
}

export const at = (name: string): string => `${BASE}/${encodeURIComponent(name)}`;
export const read = (name: string): Promise<Whole> => get<Whole>(`${at(name)}/data`, { project: place.project });

const beside = (a: Place, b: Place): boolean => a.x + a.width <= b.x || b.x + b.width <= a.x;
const hits = (a: Place, b: Place): boolean => !beside(a, b) && a.y < b.y + b.height && b.y < a.y + a.height;

/** Places without overlap: the one that was moved stays, the others make room and are drawn up. */
export function arranged<T extends Place>(columns: number, items: T[], first?: string): T[] {
  const all = items.map((it) => ({ ...it, width: Math.min(Math.max(1, it.width), columns), height: Math.max(1, it.height) }));
  for (const it of all) {
    it.x = Math.min(Math.max(0, it.x), columns - it.width);
    it.y = Math.max(0, it.y);
  }
  const order = [...all].sort((a, b) => a.y - b.y || Number(b.id === first) - Number(a.id === first) || a.x - b.x);
  const settled: T[] = [];
  for (const it of order) {
    const over = settled.filter((other) => !beside(it, other));
    it.y = Math.max(0, ...over.map((other) => other.y + other.height));
    settled.push(it);
  }
  return all;
}

/** How large a new widget is, by what it shows. */
export const SIZES: Record<string, [number, number]> = { stat: [3, 2], text: [4, 3] };

/** The first place where something of a size lies on nothing. */
export function free(columns: number, items: Place[], width: number, height: number): { x: number; y: number } {
  const bottom = Math.max(0, ...items.map((it) => it.y + it.height));
  for (let y = 0; y < bottom; y++) {
    for (let x = 0; x + width <= columns; x++) {
      if (!items.some((it) => hits(it, { id: "", x, y, width, height }))) return { x, y };
    }
  }
  return { x: 0, y: bottom };
}

/** A name for a place that no other has. */
export function fresh(wish: string, taken: string[]): string {
  const plain = wish.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 40) || "widget";
  for (let number = 1; ; number++) {
    const name = number === 1 ? plain : `${plain}-${number}`;
    if (!taken.includes(name)) return name;
  }
}
