// Short messages at the edge of the screen, told to screen readers too.

import type { Problem } from "./api";

export interface Toast {
  id: number;
  text: string;
  problem?: Problem | undefined;
  href?: string | undefined;
  /** What can be done about it. */
  action?: { text: string; run: () => Promise<void> } | undefined;
}

const [SHORT, LONG] = [5000, 12_000];

class Toasts {
  all = $state<Toast[]>([]);
  #next = 1;

  tell(text: string, more: { problem?: Problem; href?: string; action?: { text: string; run: () => Promise<void> } } = {}): void {
    const id = this.#next++;
    this.all = [...this.all.slice(-3), { id, text, ...more }];
    if (!more.problem) setTimeout(() => this.drop(id), more.action ? LONG : SHORT);
  }

  drop(id: number): void {
    this.all = this.all.filter((it) => it.id !== id);
  }
}

export const toasts = new Toasts();
