// Changes as they happen: server-sent events from a version on, gathered into one batch a frame.

import { address } from "./api";
import type { Kind, Thing } from "./types";
import { pathOf } from "./session.svelte";

export interface Event {
  type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR";
  object: Thing;
}

const SOON = 50;

/** Follows a kind from a version on; answers how to stop. Whoever is slow to draw says how long events are gathered. */
export function watch(kind: Kind, query: Record<string, string>, version: string, told: (events: Event[]) => void, gather = (): number => SOON): () => void {
  let last = version;
  let waiting: Event[] = [];
  let source: EventSource | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let over = false;

  const flush = (): void => {
    const batch = waiting;
    waiting = [];
    timer = undefined;
    if (batch.length && !over) told(batch);
  };

  const open = (): void => {
    source = new EventSource(address(`${pathOf(kind)}/watch`, { ...query, resourceVersion: last }));
    source.onmessage = (message) => {
      const event = JSON.parse(String(message.data)) as Event;
      if (message.lastEventId) last = message.lastEventId;
      if (event.type === "BOOKMARK") return;
      waiting.push(event);
      timer ??= setTimeout(flush, gather());
    };
    source.onerror = () => {
      // The browser would ask again from the version it began with; this asks from the last one told.
      source?.close();
      if (!over) setTimeout(() => !over && open(), 2000);
    };
  };
  open();
  return () => {
    over = true;
    source?.close();
    clearTimeout(timer);
  };
}
