// Values for people, in their language.

import { locale, said } from "./i18n/index.svelte";
import type { Json } from "./types";

const formats = new Map<string, unknown>();

/** A format of the person's language. Making one takes far longer than using it. */
function made<Format>(name: string, make: (language: string) => Format): Format {
  const key = `${locale()} ${name}`;
  if (!formats.has(key)) formats.set(key, make(locale()));
  return formats.get(key) as Format;
}

export function time(text: string): string {
  const date = new Date(text);
  return Number.isNaN(date.getTime()) ? text : made("time", (language) => new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "medium" })).format(date);
}

/** Whether a text is a moment as the server writes it (RFC 3339). */
export const isMoment = (value: Json | undefined): boolean => typeof value === "string" && /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})$/.test(value) && !Number.isNaN(Date.parse(value));

const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ["year", 31_536_000],
  ["month", 2_592_000],
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
  ["second", 1],
];

export function ago(text: string, now = Date.now()): string {
  const date = new Date(text).getTime();
  if (Number.isNaN(date)) return text;
  const seconds = (date - now) / 1000;
  const [unit, size] = STEPS.find(([, size]) => Math.abs(seconds) >= size) ?? ["second", 1];
  return made("ago", (language) => new Intl.RelativeTimeFormat(language, { numeric: "auto", style: "narrow" })).format(Math.round(seconds / size), unit);
}

const TINY = 1e-6;

export function number(value: number, digits = 4): string {
  if (Number.isInteger(value)) return made("whole", (language) => new Intl.NumberFormat(language)).format(value);
  // Zeroes behind a point are not read.
  const isTiny = Math.abs(value) < TINY;
  return made(`number ${digits} ${isTiny}`, (language) => new Intl.NumberFormat(language, { maximumSignificantDigits: digits, ...(isTiny ? { notation: "scientific" } : {}) })).format(value);
}

export function bytes(value: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const power = value < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(value) / 10));
  return `${number(value / 1024 ** power, 3)} ${units[power]}`;
}

/** Seconds as a person says them. */
export function duration(seconds: number): string {
  if (seconds < 60) return `${number(seconds, 3)} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes} min ${Math.round(seconds % 60)} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** `trainingSeconds` as `Training seconds`. */
export function words(name: string): string {
  const spaced = name.replace(/[-_.]/g, " ").replace(/([a-z0-9])([A-Z])/g, (_, before: string, capital: string) => `${before} ${capital.toLowerCase()}`);
  const known = spaced.replace(/\b(api|id|url|uri|onnx|html|json|csv|cpu|tls|ip|oauth|ldap|mfa)\b/gi, (word) => (word.toLowerCase() === "oauth" ? "OAuth" : word.toUpperCase()));
  return said(known.charAt(0).toUpperCase() + known.slice(1));
}

/** A value in one line. */
export function brief(value: Json | undefined): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return number(value);
  if (typeof value === "string") return value;
  if (typeof value === "boolean") return value ? "✓" : "–";
  if (Array.isArray(value)) return value.every((item) => typeof item !== "object") ? value.map(brief).join(", ") : `[${value.length}]`;
  const entries = Object.entries(value);
  return entries.slice(0, 4).map(([key, item]) => `${key}: ${typeof item === "object" && item ? "…" : brief(item)}`).join(", ");
}

/** A value at a path such as `spec.description`. */
export function at(thing: unknown, path: string): Json | undefined {
  let value = thing as Json | undefined;
  for (const part of path.split(".")) {
    if (value === null || typeof value !== "object" || Array.isArray(value)) return undefined;
    value = value[part];
  }
  return value;
}
