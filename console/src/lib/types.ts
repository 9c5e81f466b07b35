// What the server says of kinds and objects: the shapes every page works with.

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };
export type Fields = { [key: string]: Json };

/** One row of a field table: what `/api/v1/kinds` tells of a field. */
export interface Field {
  name: string;
  doc: string;
  /** `text`, `integer`, `list of text`, `map of any`, `struct`… */
  type: string;
  required: boolean;
  writeOnly: boolean;
  immutable: boolean;
  indexed: boolean;
  default?: Json;
  example?: string;
  reference?: string;
  min?: number;
  max?: number;
  values?: string[];
  fields?: Field[];
}

export interface Action {
  name: string;
  doc: string;
  of: "object" | "collection";
  method: "GET" | "POST";
  upload: boolean;
  permission: string;
  asks: Field[];
}

export interface Kind {
  id: string;
  service: string;
  kind: string;
  name: string;
  plural: string;
  scope: "project" | "organization" | "platform";
  apiVersion: string;
  doc: string;
  parent: string | null;
  without: string[];
  hasObjects: boolean;
  fields: Field[];
  status: Field[];
  actions: Action[];
  may: string[];
}

export interface Metadata {
  name: string;
  uid: string;
  resourceVersion: string;
  generation: number;
  creationTimestamp: string;
  deletionTimestamp?: string;
  namespace?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  ownerReferences?: Fields[];
}

export interface Thing {
  apiVersion: string;
  kind: string;
  metadata: Metadata;
  spec: Fields;
  status?: Fields | null;
}

export interface Page {
  items: Thing[];
  metadata: { resourceVersion?: string; nextPageToken?: string; total?: number };
}

export interface Change {
  position: number;
  time: string;
  actor: string;
  verb: string;
  kind: string;
  uid: string;
  name: string;
  hash: string;
}
