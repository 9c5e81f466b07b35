// The entries of the side bar: what people come for first; everything else is under "all kinds".

import type { IconName } from "../ui/Icon.svelte";
import type { Word } from "./i18n/index.svelte";

export interface Entry {
  /** A kind's id; or none, for a page of the console's own. */
  kind?: string;
  path: string;
  text: Word;
  icon: IconName;
  /** The permission it needs beside being able to list the kind. */
  needs?: [string, string];
}

export interface Group {
  id: string;
  text: Word;
  entries: Entry[];
}

const of = (kind: string, text: Word, icon: IconName): Entry => ({ kind, path: `/${kind.replace(".", "/")}`, text, icon });

export const GROUPS: Group[] = [
  {
    id: "build",
    text: "navBuild",
    entries: [
      of("catalog.datasets", "datasets", "data"),
      of("catalog.experiments", "experiments", "flask"),
      of("system.training-jobs", "trainings", "chart"),
      of("catalog.models", "models", "cube"),
      of("catalog.feature-sets", "featureSets", "columns"),
      of("catalog.pipelines", "pipelines", "flow"),
    ],
  },
  { id: "serve", text: "navServe", entries: [of("catalog.endpoints", "endpoints", "bolt"), of("system.runs", "runs", "play"), of("gateway.routes", "routes", "gate")] },
  {
    id: "govern",
    text: "navGovern",
    entries: [
      of("catalog.governance-policies", "governance", "shield"),
      of("catalog.approvals", "approvals", "check"),
      of("admin.alerts", "alerts", "bell"),
      of("catalog.listings", "market", "store"),
    ],
  },
  {
    id: "admin",
    text: "navAdmin",
    entries: [
      { path: "/admin", text: "overview", icon: "gear", needs: ["admin.users", "list"] },
      of("admin.users", "users", "users"),
      { kind: "admin.roles", path: "/admin/permissions", text: "roles", icon: "key" },
      of("admin.api-keys", "apiKeys", "key"),
      { path: "/admin/audit", text: "audit", icon: "list", needs: ["admin.audit", "list"] },
    ],
  },
  {
    id: "tools",
    text: "navTools",
    entries: [
      { path: "/dashboards", text: "dashboards", icon: "chart" },
      { path: "/kinds", text: "allKinds", icon: "columns" },
      { path: "/explorer", text: "explorer", icon: "code" },
    ],
  },
];
