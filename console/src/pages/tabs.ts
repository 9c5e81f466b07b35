// What single kinds show beyond what every kind shows; each part is loaded when it is opened.

import type { Word } from "../lib/i18n/index.svelte";
import type { Load } from "../parts/load";

export interface Part {
  id: string;
  text: Word;
  load: Load;
  /** The last word of the permission it needs. */
  needs?: string;
}

const as = (load: () => Promise<unknown>): Load => load as Load;

export const PARTS: Record<string, Part[]> = {
  "catalog.datasets": [
    { id: "preview", text: "preview", needs: "sample", load: as(() => import("../parts/dataset/Preview.svelte")) },
    { id: "profile", text: "profile", needs: "statistics", load: as(() => import("../parts/dataset/Profile.svelte")) },
    { id: "quality", text: "quality", needs: "get", load: as(() => import("../parts/dataset/Quality.svelte")) },
    { id: "changes", text: "changes", needs: "get", load: as(() => import("../parts/dataset/Diff.svelte")) },
  ],
  "catalog.experiments": [
    { id: "runs", text: "runs", needs: "get", load: as(() => import("../parts/experiment/Runs.svelte")) },
    { id: "charts", text: "charts", needs: "get", load: as(() => import("../parts/experiment/Charts.svelte")) },
    { id: "relations", text: "relations", needs: "get", load: as(() => import("../parts/experiment/Relations.svelte")) },
    { id: "traces", text: "traces", needs: "get", load: as(() => import("../parts/experiment/Traces.svelte")) },
    { id: "artifacts", text: "artifacts", needs: "artifacts", load: as(() => import("../parts/experiment/Artifacts.svelte")) },
  ],
  "catalog.runs": [{ id: "result", text: "result", needs: "get", load: as(() => import("../parts/experiment/Result.svelte")) }],
  "catalog.models": [{ id: "versions", text: "versions", needs: "get", load: as(() => import("../parts/model/Versions.svelte")) }],
  "catalog.model-versions": [
    { id: "card", text: "card", needs: "card", load: as(() => import("../parts/model/Card.svelte")) },
    { id: "graph", text: "graph", needs: "download", load: as(() => import("../parts/model/Graph.svelte")) },
  ],
  "catalog.endpoints": [
    { id: "try", text: "tryIt", needs: "predict", load: as(() => import("../parts/endpoint/Try.svelte")) },
    { id: "release", text: "release", needs: "get", load: as(() => import("../parts/endpoint/Release.svelte")) },
    { id: "drift", text: "drift", needs: "get", load: as(() => import("../parts/endpoint/Drift.svelte")) },
    { id: "requests", text: "requests", needs: "predictions", load: as(() => import("../parts/endpoint/Requests.svelte")) },
    { id: "traffic", text: "traffic", needs: "get", load: as(() => import("../parts/endpoint/Traffic.svelte")) },
  ],
  "views.themes": [{ id: "compose", text: "compose", needs: "get", load: as(() => import("../parts/theme/Editor.svelte")) }],
  "system.runs": [{ id: "steps", text: "steps", needs: "get", load: as(() => import("../parts/run/Steps.svelte")) }],
};
