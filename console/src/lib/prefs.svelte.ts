// What the person prefers on this device: appearance, density, language, columns, saved views, recents.

import { MediaQuery } from "svelte/reactivity";

import { preferred, speak } from "./i18n/index.svelte";

type Look = { theme: string; contrast: string; density: string; motion: string; language: string };

export interface Recent {
  url: string;
  title: string;
  kind: string;
}

export interface View {
  name: string;
  query: Record<string, string>;
}

function read<T>(key: string, otherwise: T): T {
  try {
    const text = localStorage.getItem(`aic.${key}`);
    return text === null ? otherwise : (JSON.parse(text) as T);
  } catch {
    return otherwise;
  }
}

function write(key: string, value: unknown): void {
  try {
    localStorage.setItem(`aic.${key}`, JSON.stringify(value));
  } catch {
    // Storage may be full or forbidden; nothing depends on it.
  }
}

const RECENTS_MAX = 12;

class Prefs {
  look = $state<Look>({ theme: "system", contrast: "normal", density: "compact", motion: "system", language: preferred(), ...read<Partial<Look>>("look", {}) });
  recents = $state<Recent[]>(read("recents", []));
  favourites = $state<Recent[]>(read("favourites", []));
  folded = $state<Record<string, boolean>>(read("folded", {}));

  readonly #dark = new MediaQuery("(prefers-color-scheme: dark)");

  /** Everything colours depend on, the system's own wish among it: what is painted on a canvas is painted anew. */
  get colours(): string {
    return `${this.look.theme} ${this.look.contrast} ${this.#dark.current}`;
  }

  async apply(): Promise<void> {
    const root = document.documentElement.dataset;
    root["theme"] = this.look.theme;
    root["contrast"] = this.look.contrast;
    root["density"] = this.look.density;
    root["motion"] = this.look.motion;
    await speak(this.look.language);
  }

  set(change: Partial<Look>): void {
    this.look = { ...this.look, ...change };
    write("look", this.look);
    void this.apply();
  }

  visited(recent: Recent): void {
    this.recents = [recent, ...this.recents.filter((it) => it.url !== recent.url)].slice(0, RECENTS_MAX);
    write("recents", this.recents);
  }

  star(recent: Recent): void {
    const there = this.favourites.some((it) => it.url === recent.url);
    this.favourites = there ? this.favourites.filter((it) => it.url !== recent.url) : [...this.favourites, recent];
    write("favourites", this.favourites);
  }

  fold(group: string): void {
    this.folded = { ...this.folded, [group]: !this.folded[group] };
    write("folded", this.folded);
  }

  columns(kind: string): string[] | null {
    return read<string[] | null>(`columns.${kind}`, null);
  }

  setColumns(kind: string, columns: string[]): void {
    write(`columns.${kind}`, columns);
  }

  views(kind: string): View[] {
    return read<View[]>(`views.${kind}`, []);
  }

  setViews(kind: string, views: View[]): void {
    write(`views.${kind}`, views);
  }
}

export const prefs = new Prefs();
