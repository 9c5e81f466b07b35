// Saved views of a kind's table: objects of the server where the person may keep them, else the browser's own.

import { call, get, post } from "./api";
import { prefs, type View } from "./prefs.svelte";
import { place } from "./router.svelte";
import { session } from "./session.svelte";
import type { Kind, Page } from "./types";

const KIND = "views.views";
const BASE = "/api/v1/views/views";
const KEPT_MAX = 100;

/** One's own views of a kind and those offered to the project, then the browser's. */
export async function viewsOf(kind: Kind): Promise<View[]> {
  const local = prefs.views(kind.id);
  if (!session.may(KIND, "list")) return local;
  const quoted = (text: string): string => JSON.stringify(text);
  const filter = `spec.kind = ${quoted(kind.id)} AND (status.published = true OR status.maker = ${quoted(session.me?.actor ?? "")})`;
  const page = await get<Page>(BASE, { project: place.project, filter, limit: KEPT_MAX }).catch(() => null);
  const kept = (page?.items ?? []).map((it): View => ({
    name: String(it.spec["title"]),
    id: it.metadata.name,
    isOwn: it.status?.["maker"] === session.me?.actor,
    query: { filter: String(it.spec["filter"] ?? ""), sort: String(it.spec["sort"] ?? "") },
    columns: (it.spec["columns"] as string[] | undefined) ?? [],
  }));
  return [...kept, ...local];
}

/** Keeps a view under a title. */
export async function keep(kind: Kind, view: View): Promise<void> {
  if (session.may(KIND, "create")) {
    const { filter, sort } = view.query;
    const spec = { title: view.name.slice(0, 200), kind: kind.id, filter: filter || null, sort: sort || null, columns: view.columns ?? [] };
    const made = await post(BASE, { metadata: { generateName: "view-" }, spec }, { project: place.project }).then(() => true, () => false);
    if (made) return;
  }
  prefs.setViews(kind.id, [...prefs.views(kind.id).filter((it) => it.name !== view.name), view]);
}

/** Counts that it was opened, for whoever wonders which are of use. */
export function opened(view: View): void {
  if (view.id && session.may(KIND, "get")) void post(`${BASE}/${encodeURIComponent(view.id)}/open`, {}, { project: place.project }).catch(() => undefined);
}

/** Forgets one's own. */
export async function forget(kind: Kind, views: View[]): Promise<void> {
  const own = views.filter((it) => it.id && it.isOwn);
  if (session.may(KIND, "delete")) await Promise.all(own.map((it) => call("DELETE", `${BASE}/${encodeURIComponent(it.id ?? "")}`, { query: { project: place.project } }).catch(() => undefined)));
  prefs.setViews(kind.id, []);
}
