// The words of the console in the person's language; languages but English are loaded when asked for.

import { en } from "./en";

export type Word = keyof typeof en;
type Words = Record<Word, string>;

export const LANGUAGES: Record<string, string> = { en: "English", es: "Español", zh: "中文" };

type Loaded = [{ default: Words }, Record<string, Record<string, string>>];
const LOADERS: Record<string, () => Promise<Loaded>> = { es: () => Promise.all([import("./es"), import("./said")]), zh: () => Promise.all([import("./zh"), import("./said")]) };

const state = $state<{ language: string; words: Words; said: Record<string, string> }>({ language: "en", words: en, said: {} });

/** Brings in a language and turns the page's direction with it. */
export async function speak(language: string): Promise<void> {
  const known = language in LANGUAGES ? language : "en";
  const load = LOADERS[known];
  const [words, said] = load ? await load() : [{ default: en }, {}];
  state.words = words.default;
  state.said = said[known] ?? {};
  state.language = known;
  document.documentElement.lang = known;
  document.documentElement.dir = ["ar", "he", "fa"].includes(known) ? "rtl" : "ltr";
}

export const locale = (): string => state.language;

/** The first of the browser's languages that there is. */
export const preferred = (): string => navigator.languages.map((it) => it.slice(0, 2)).find((it) => it in LANGUAGES) ?? "en";

/** What the server calls something, in the person's language where there is a word for it. */
export const said = (english: string): string => state.said[english.toLowerCase()] ?? english;

/** A text with what belongs into its gaps. */
export function t(word: Word, gaps: Record<string, string | number> = {}): string {
  return state.words[word].replace(/\{(\w+)\}/g, (whole, name: string) => (name in gaps ? String(gaps[name]) : whole));
}
