// What was asked for and not answered yet: it shows at once, and goes back when the server says no.

import { SvelteSet } from "svelte/reactivity";
import { call, post, problemOf, type Problem } from "./api";
import { t } from "./i18n/index.svelte";
import { go, hrefOf, place } from "./router.svelte";
import { itemPath, pathOf } from "./session.svelte";
import { toasts } from "./toast.svelte";
import type { Fields, Kind, Thing } from "./types";

/** Objects that are being deleted: tables leave them out. */
export const leaving = new SvelteSet<string>();

const followers = new Set<(uid: string) => void>();

/** Tells of every object that this page has put into the trash; answers how to stop. */
export function whenGone(told: (uid: string) => void): () => void {
  followers.add(told);
  return () => void followers.delete(told);
}

/** The server has taken it: tables forget it, and may show it again when it comes back. */
export function confirm(uid: string): void {
  for (const told of followers) told(uid);
  leaving.delete(uid);
}

/** Puts an object into the trash: it is gone from tables at once, comes back when that is refused, and afterwards for who changes their mind. */
export async function remove(kind: Kind, thing: Thing): Promise<void> {
  const { name, uid } = thing.metadata;
  const query = { project: place.project };
  leaving.add(uid);
  try {
    await call("DELETE", itemPath(kind, name), { query });
    confirm(uid);
    toasts.tell(t("deleted", { name }), { action: { text: t("undo"), run: () => restore(kind, thing, query) } });
  } catch (error) {
    leaving.delete(uid);
    toasts.tell(t("stillThere", { name }), { problem: problemOf(error), href: hrefOf(kind.service, kind.plural, name) });
  }
}

async function restore(kind: Kind, thing: Thing, query: { project: string }): Promise<void> {
  try {
    await post(`${pathOf(kind)}/${thing.metadata.uid}/restore`, undefined, query);
    go(hrefOf(kind.service, kind.plural, thing.metadata.name));
  } catch (error) {
    toasts.tell("", { problem: problemOf(error) });
  }
}

/** What somebody typed into a form that was refused: it stands there again, with the reason. */
export interface Draft {
  spec: Fields;
  labels: [string, string][];
  problem: Problem;
  /** The version it was made from; a newer one may be what is in the way. */
  version: string;
}

/** An object as it will be when a change is taken; what goes in and never comes out is not shown. */
export function changed(kind: Kind, thing: Thing, spec: Fields, labels: Record<string, string>): Thing {
  const hidden = kind.fields.filter((field) => field.writeOnly).map((field) => field.name);
  return { ...thing, metadata: { ...thing.metadata, labels }, spec: Object.fromEntries(Object.entries(spec).filter(([name]) => !hidden.includes(name))) };
}
