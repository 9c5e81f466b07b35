// What the person prefers: appearance, density, language, columns, saved views, recents. Kept in the browser, and by the server where it does.

import { MediaQuery } from "svelte/reactivity";

import { preferred, speak } from "./i18n/index.svelte";
import type { Fields } from "./types";

type Look = { theme: string; contrast: string; density: string; motion: string; language: string };

export interface Recent {
  url: string;
  title: string;
  kind: string;
}

export interface Favourite extends Recent {
  id?: string;
}

export interface View {
  name: string;
  query: Record<string, string>;
  /** What the server calls it, where it keeps it. */
  id?: string;
  isOwn?: boolean;
  columns?: string[];
}

/** Who keeps what is preferred beyond this browser. */
export interface Keeper {
  prefer: (changes: Fields) => void;
  visit: (recent: Recent) => void;
  star: (recent: Recent) => Promise<string | undefined>;
  unstar: (id: string) => void;
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
  favourites = $state<Favourite[]>(read("favourites", []));
  folded = $state<Record<string, boolean>>(read("folded", {}));

  /** Set once the server has told what it keeps. */
  keeper: Keeper | null = null;

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
    this.#look(change);
    this.keeper?.prefer(Object.fromEntries(Object.entries(change).map(([name, value]) => [`look.${name}`, value])));
  }

  #look(change: Partial<Look>): void {
    this.look = { ...this.look, ...change };
    write("look", this.look);
    void this.apply();
  }

  /** What is worn unless the person has said otherwise in this browser. */
  suggest(change: Partial<Look>): void {
    const said = read<Partial<Look>>("look", {});
    const open = Object.entries(change).filter(([name]) => !(name in said));
    if (!open.length) return;
    this.look = { ...this.look, ...Object.fromEntries(open) };
    void this.apply();
  }

  /** Takes over what the server keeps of the person. */
  adopt(preferences: Fields, favourites: Favourite[], recents: Recent[]): void {
    const look = Object.entries(preferences).filter((pair): pair is [string, string] => pair[0].startsWith("look.") && typeof pair[1] === "string");
    if (look.length) this.#look(Object.fromEntries(look.map(([name, value]) => [name.slice("look.".length), value])));
    for (const [name, value] of Object.entries(preferences)) if (name.startsWith("columns.") && Array.isArray(value)) write(name, value);
    const known = (list: Recent[], url: string): boolean => list.some((it) => it.url === url);
    this.favourites = [...favourites, ...this.favourites.filter((it) => !known(favourites, it.url))];
    this.recents = [...this.recents, ...recents.filter((it) => !known(this.recents, it.url)).map(({ url, title, kind }) => ({ url, title, kind: kind ?? "" }))].slice(0, RECENTS_MAX);
    write("favourites", this.favourites);
    write("recents", this.recents);
  }

  visited(recent: Recent): void {
    // Live pages tell of every change; one visit is one however often they do.
    if (this.recents[0]?.url !== recent.url) this.keeper?.visit(recent);
    this.recents = [recent, ...this.recents.filter((it) => it.url !== recent.url)].slice(0, RECENTS_MAX);
    write("recents", this.recents);
  }

  star(recent: Recent): void {
    const there = this.favourites.find((it) => it.url === recent.url);
    this.favourites = there ? this.favourites.filter((it) => it.url !== recent.url) : [...this.favourites, recent];
    write("favourites", this.favourites);
    if (there?.id) this.keeper?.unstar(there.id);
    if (!there) {
      void this.keeper?.star(recent).then(
        (id) => {
          this.favourites = this.favourites.map((it) => (it.url === recent.url && id ? { ...it, id } : it));
          write("favourites", this.favourites);
        },
        () => undefined,
      );
    }
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
    this.keeper?.prefer({ [`columns.${kind}`]: columns });
  }

  views(kind: string): View[] {
    return read<View[]>(`views.${kind}`, []);
  }

  setViews(kind: string, views: View[]): void {
    write(`views.${kind}`, views);
  }
}

export const prefs = new Prefs();
