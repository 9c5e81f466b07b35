// The rows of a kind: page after page, kept up to date by what happens meanwhile.

import { get, problemOf, type Problem } from "./api";
import { whenGone } from "./pending.svelte";
import { place } from "./router.svelte";
import { pathOf, session } from "./session.svelte";
import type { Kind, Page, Thing } from "./types";
import { watch, type Event } from "./watch";

export interface Asked {
  filter?: string;
  sort?: string;
  deleted?: boolean;
  fields?: string;
  limit?: number;
}

/** So many rows take long enough to sort and draw that changes wait for one another. */
const MANY = 5000;
const [OFTEN, RARELY] = [50, 1000];

export class Listing {
  rows = $state.raw<Thing[]>([]);
  total = $state<number | undefined>(undefined);
  problem = $state<Problem | null>(null);
  loading = $state(false);
  /** The first page is there. */
  read = $state(false);
  readonly kind: Kind;
  readonly asked: Asked;
  #next: string | undefined;
  #stop: (() => void) | undefined;
  #forget: (() => void) | undefined;
  #aborted = new AbortController();

  constructor(kind: Kind, asked: Asked) {
    this.kind = kind;
    this.asked = asked;
  }

  async start(): Promise<void> {
    this.#forget = whenGone((uid) => this.#drop(uid));
    await this.more();
  }

  #query(): Record<string, string> {
    const { filter = "" } = this.asked;
    return { project: place.project, ...(filter ? { filter } : {}) };
  }

  /** Everything up to a bound; shown in growing steps, because each is sorted and drawn anew. */
  async all(max: number): Promise<void> {
    await this.more();
    let waiting: Thing[] = [];
    const { sort, deleted, fields, limit = 200 } = this.asked;
    const show = (): void => {
      this.rows = [...this.rows, ...waiting];
      waiting = [];
    };
    this.loading = true;
    try {
      while (this.#next && this.rows.length + waiting.length < max && !this.problem) {
        const page = await get<Page>(pathOf(this.kind), { ...this.#query(), sort, deleted, fields, limit, pageToken: this.#next }, this.#aborted.signal);
        waiting.push(...page.items);
        this.#next = page.metadata.nextPageToken || undefined;
        if (waiting.length > this.rows.length / 2) show();
      }
      show();
    } catch (error) {
      if (!this.#aborted.signal.aborted) this.problem = problemOf(error);
    }
    this.loading = false;
  }

  async more(): Promise<void> {
    if (this.loading || (this.read && !this.#next)) return;
    this.loading = true;
    const first = !this.read;
    const { sort, deleted, fields, limit = 200 } = this.asked;
    try {
      const page = await get<Page>(pathOf(this.kind), { ...this.#query(), sort, deleted, fields, limit, pageToken: this.#next, total: first || undefined }, this.#aborted.signal);
      this.rows = first ? page.items : [...this.rows, ...page.items];
      this.#next = page.metadata.nextPageToken || undefined;
      if (first) this.total = page.metadata.total;
      this.problem = null;
      this.read = true;
      if (first && !deleted && page.metadata.resourceVersion && session.may(this.kind.id, "watch")) this.#follow(page.metadata.resourceVersion);
    } catch (error) {
      if (!this.#aborted.signal.aborted) this.problem = problemOf(error);
    } finally {
      this.loading = false;
    }
  }

  #follow(version: string): void {
    this.#stop = watch(this.kind, this.#query(), version, (events) => this.#told(events), () => (this.rows.length > MANY ? RARELY : OFTEN));
  }

  #told(events: Event[]): void {
    const byUid = new Map(this.rows.map((row, index) => [row.metadata.uid, index]));
    const rows = [...this.rows];
    const fresh: Thing[] = [];
    const gone = new Set<string>();
    for (const { type, object } of events) {
      if (type === "ERROR" || !object.metadata) continue;
      const at = byUid.get(object.metadata.uid);
      if (type === "DELETED") gone.add(object.metadata.uid);
      else if (at !== undefined) rows[at] = object;
      else if (!this.rows.some((row) => row.metadata.uid === object.metadata.uid)) {
        const there = fresh.findIndex((row) => row.metadata.uid === object.metadata.uid);
        if (there >= 0) fresh[there] = object;
        else if (type === "ADDED") fresh.push(object);
      }
    }
    const newestFirst = this.asked.sort?.startsWith("-metadata.creationTimestamp");
    const added = newestFirst ? [...fresh.reverse(), ...rows] : this.#next ? rows : [...rows, ...fresh];
    this.rows = gone.size ? added.filter((row) => !gone.has(row.metadata.uid)) : added;
    if (this.total !== undefined) this.total += fresh.length - [...gone].filter((uid) => byUid.has(uid)).length;
  }

  /** Leaves out what was deleted here, before the watch tells of it. */
  #drop(uid: string): void {
    if (this.asked.deleted || !this.rows.some((row) => row.metadata.uid === uid)) return;
    this.rows = this.rows.filter((row) => row.metadata.uid !== uid);
    if (this.total !== undefined) this.total--;
  }

  stop(): void {
    this.#aborted.abort();
    this.#forget?.();
    this.#stop?.();
  }
}
