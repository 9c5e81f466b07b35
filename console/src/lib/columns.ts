// Which columns a kind's table can have, and which it begins with.

import type { Field, Kind } from "./types";
import { words } from "./format";

export interface Shown {
  id: string;
  text: string;
  title?: string;
  field?: Field;
  sort?: string | undefined;
  end?: boolean;
}

const FIRST = ["phase", "state", "stage"];
const BEGIN_WITH = 6;
const isScalar = (field: Field): boolean => !/^(list|map|struct|any)/.test(field.type) && !field.writeOnly;

/** Every column there may be; fields of the spec that are indexed can be sorted by. */
export function columnsOf(kind: Kind): Shown[] {
  const of = (under: "spec" | "status", field: Field): Shown => ({
    id: `${under}.${field.name}`,
    text: words(field.name),
    title: field.doc,
    field,
    sort: field.indexed ? `${under}.${field.name}` : undefined,
    end: field.type === "integer" || field.type === "number",
  });
  return [
    { id: "metadata.name", text: "name", sort: "metadata.name" },
    ...kind.status.filter((field) => FIRST.includes(field.name)).map((field) => of("status", field)),
    ...kind.fields.filter((field) => !field.writeOnly).map((field) => of("spec", field)),
    ...kind.status.filter((field) => !FIRST.includes(field.name)).map((field) => of("status", field)),
    { id: "metadata.labels", text: "labels" },
    { id: "metadata.uid", text: "uid" },
    { id: "metadata.creationTimestamp", text: "created", sort: "metadata.creationTimestamp" },
  ];
}

/** How much a column says of an object at first sight. */
function weight(kind: Kind, column: Shown): number {
  const field = column.field;
  if (!field || !isScalar(field) || field.type === "digest") return -1;
  if (FIRST.includes(field.name) && column.id.startsWith("status.")) return 10;
  if (column.id.startsWith("spec.") && (field.reference || field.indexed)) return 6;
  if (["displayName", "title", "description"].includes(field.name)) return 5;
  if (column.id.startsWith("spec.") && field.required) return 4;
  if (column.id.startsWith("spec.") && field.type === "enum") return 3;
  if (column.id.startsWith("status.") && kind.status.length < 12) return 2;
  return field.type === "boolean" || field.type === "time" ? 0 : 1;
}

export function begin(kind: Kind): string[] {
  const all = columnsOf(kind);
  const best = all
    .map((column, index) => ({ column, index, weight: weight(kind, column) }))
    .filter((it) => it.weight > 0)
    .sort((a, b) => b.weight - a.weight || a.index - b.index)
    .slice(0, BEGIN_WITH)
    .map((it) => it.column.id);
  return ["metadata.name", ...all.map((column) => column.id).filter((id) => best.includes(id)), "metadata.creationTimestamp"];
}
