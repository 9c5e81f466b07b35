// What forms do with values: what a field begins with, and which values are sent.

import type { Field, Fields, Json } from "./types";

/** The part of a list's or map's type that is about its items. */
export function itemOf(field: Field): Field {
  const type = field.type.replace(/^(list|map) of /, "");
  const { default: _, ...rest } = field;
  return { ...rest, type, required: true, doc: "" };
}

export const isList = (field: Field): boolean => field.type.startsWith("list of ");
export const isMap = (field: Field): boolean => field.type.startsWith("map of ");

/** A value for a new item of a list or map. */
export function blank(field: Field): Json {
  if (field.type === "struct") return start(field.fields ?? []);
  if (field.type === "boolean") return false;
  if (field.type === "enum") return field.values?.[0] ?? "";
  return "";
}

/** What a form of these fields begins with: only what must be there. */
export function start(fields: Field[]): Fields {
  const value: Fields = {};
  for (const field of fields) {
    if (field.required && field.type === "struct") value[field.name] = start(field.fields ?? []);
    else if (field.required && field.type === "enum" && field.values?.[0]) value[field.name] = field.values[0];
  }
  return value;
}

/** Without what was left empty. */
export function filled(value: Json): Json | undefined {
  if (value === "" || value === null || value === undefined) return undefined;
  if (Array.isArray(value)) return value.map(filled).filter((item): item is Json => item !== undefined);
  if (typeof value !== "object") return value;
  const pairs = Object.entries(value).map(([name, item]) => [name, filled(item)] as const);
  return Object.fromEntries(pairs.filter((pair): pair is readonly [string, Json] => pair[1] !== undefined));
}

const isFacts = (value: Json | undefined): value is Fields => value !== null && typeof value === "object" && !Array.isArray(value);

/** What makes one value another, as a merge patch (RFC 7396): secrets that were not typed stay as they are. */
export function patchOf(before: Fields, after: Fields): Fields {
  const patch: Fields = {};
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const [was, is] = [before[name], after[name]];
    if (JSON.stringify(was) === JSON.stringify(is)) continue;
    patch[name] = is === undefined ? null : isFacts(was) && isFacts(is) ? patchOf(was, is) : is;
  }
  return patch;
}

/** Whether a text is better written in several lines. */
export const isLong = (field: Field): boolean =>
  /description|note|reason|condition|expression|template|certificate|chain|body|pem|policy|message|query|text$/i.test(field.name) || (field.max ?? 0) >= 20000;
