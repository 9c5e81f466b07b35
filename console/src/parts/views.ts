// The views there are; each is loaded when it is opened.

import type { Load } from "./load";

const as = (load: () => Promise<unknown>): Load => load as Load;

export const HOME = as(() => import("../pages/Home.svelte"));
export const LIST = as(() => import("../pages/List.svelte"));
export const DETAIL = as(() => import("../pages/Detail.svelte"));
export const EDIT = as(() => import("../pages/Edit.svelte"));
export const ASKS = as(() => import("../pages/Questions.svelte"));
export const OWN: Record<string, Load> = {
  "/kinds": as(() => import("../pages/Kinds.svelte")),
  "/explorer": as(() => import("../pages/Explorer.svelte")),
  "/me": as(() => import("../pages/Me.svelte")),
  "/admin": as(() => import("../pages/Admin.svelte")),
  "/admin/audit": as(() => import("../pages/Audit.svelte")),
  "/admin/permissions": as(() => import("../pages/Roles.svelte")),
  "/compare": as(() => import("../pages/Compare.svelte")),
  "/dashboards": as(() => import("../pages/Dashboards.svelte")),
  "/train": as(() => import("../pages/Train.svelte")),
};

/** Begins to load what a path will need, while the server is still asked who is there. */
export function warm(path: string): void {
  const depth = path.split("/").filter(Boolean).length;
  const load = OWN[path] ?? (depth === 0 ? HOME : depth === 2 ? LIST : DETAIL);
  // What fails here is told when the view is opened.
  load().catch(() => undefined);
}
