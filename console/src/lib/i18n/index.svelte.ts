// The words of the console in the person's language; languages but English are loaded when asked for.

import { en } from "./en";

export type Word = keyof typeof en;
type Words = Record<Word, string>;

export const LANGUAGES: Record<string, string> = { en: "English", es: "Español", zh: "中文" };

const LOADERS: Record<string, () => Promise<{ default: Words }>> = { es: () => import("./es"), zh: () => import("./zh") };

const state = $state<{ language: string; words: Words }>({ language: "en", words: en });

/** Brings in a language and turns the page's direction with it. */
export async function speak(language: string): Promise<void> {
  const known = language in LANGUAGES ? language : "en";
  const load = LOADERS[known];
  state.words = load ? (await load()).default : en;
  state.language = known;
  document.documentElement.lang = known;
  document.documentElement.dir = ["ar", "he", "fa"].includes(known) ? "rtl" : "ltr";
}

export const locale = (): string => state.language;

/** The first of the browser's languages that there is. */
export const preferred = (): string => navigator.languages.map((it) => it.slice(0, 2)).find((it) => it in LANGUAGES) ?? "en";

/** A text with what belongs into its gaps. */
export function t(word: Word, gaps: Record<string, string | number> = {}): string {
  return state.words[word].replace(/\{(\w+)\}/g, (whole, name: string) => (name in gaps ? String(gaps[name]) : whole));
}
