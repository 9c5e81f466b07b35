// Who has logged in, the kinds the server has, and what the caller may do with them in the project.

import { get } from "./api";
import { request, type Answer } from "./request";
import type { Kind } from "./types";

type Me = Answer<"GET /api/v1/admin/sessions/me">;

class Session {
  me = $state<Me | null>(null);
  kinds = $state.raw<Kind[]>([]);
  #byId = new Map<string, Kind>();

  /** Reads both; kinds are read again for every project. */
  async open(project: string): Promise<void> {
    const [me, list] = await Promise.all([this.me ?? request("GET /api/v1/admin/sessions/me", {}), get<{ items: Kind[] }>("/api/v1/kinds", { project })]);
    this.#byId = new Map(list.items.map((kind) => [kind.id, kind]));
    this.kinds = list.items;
    this.me = me;
  }

  kind(id: string): Kind | undefined {
    // Reading the list makes whoever asks follow it.
    return this.kinds.length ? this.#byId.get(id) : undefined;
  }

  /** Whether the caller may, by the last word of a permission. */
  may(id: string, word: string): boolean {
    return this.kind(id)?.may.includes(word) ?? false;
  }
}

export const session = new Session();

export const pathOf = (kind: Kind): string => `/api/v1/${kind.service}/${kind.plural}`;
export const itemPath = (kind: Kind, name: string): string => `${pathOf(kind)}/${encodeURIComponent(name)}`;

/** The kinds of objects that stand under another. */
export const childrenOf = (kind: Kind): Kind[] => session.kinds.filter((child) => child.service === kind.service && child.parent === kind.plural);

/** The field in which a child names its parent. */
export const parentField = (child: Kind, parent: Kind): string | undefined => child.fields.find((field) => field.reference === parent.id)?.name;
