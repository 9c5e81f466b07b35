// What the person prefers, kept by the server too, so that it is there on any device; without it the browser's own counts.

import { call, get, post } from "./api";
import { prefs, type Favourite, type Recent } from "./prefs.svelte";
import type { Fields } from "./types";

const BASE = "/api/v1/views/personalization";

interface Own {
  preferences: Fields;
  favorites: Favourite[];
  recent: Recent[];
}

const quietly = (asked: Promise<unknown>): void => void asked.catch(() => undefined);

/** Takes over what the server keeps, and tells it of every change from then on. */
export async function keepWithServer(): Promise<void> {
  const [own, both] = await Promise.all([get<Own>(BASE), get<{ effective: Fields }>(`${BASE}/preferences`)]);
  prefs.adopt(both.effective, own.favorites, own.recent);
  prefs.keeper = {
    prefer: (changes) => quietly(call("PUT", `${BASE}/preferences`, { body: { preferences: changes } })),
    visit: ({ url, title, kind }) => quietly(post(`${BASE}/recent`, { url, title: title.slice(0, 200) || url, ...(kind ? { kind } : {}) })),
    star: async ({ url, title, kind }) => (await post<{ favorite: Favourite }>(`${BASE}/favorites`, { url, title: title.slice(0, 200) || url, ...(kind ? { kind } : {}) })).favorite.id,
    unstar: (id) => quietly(call("DELETE", `${BASE}/favorites/${encodeURIComponent(id)}`)),
  };
}
