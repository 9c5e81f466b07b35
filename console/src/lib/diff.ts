// What is new in a text, word by word.

export interface Part {
  text: string;
  isNew: boolean;
}

const WORDS_MAX = 400;

/** A text in parts: those that another one has too, in the same order, and those that are new. */
export function words(before: string, after: string): Part[] {
  const [old, fresh] = [before, after].map((text) => text.split(/(?<=[\s,;/=:.@-])|(?=[\s,;/=:.@-])/)) as [string[], string[]];
  if (!old.length || fresh.length > WORDS_MAX || old.length > WORDS_MAX) return [{ text: after, isNew: true }];
  // The longest words they share in order: its length from every pair of places on.
  const width = fresh.length + 1;
  const shared = new Uint16Array((old.length + 1) * width);
  for (let a = old.length - 1; a >= 0; a--)
    for (let b = fresh.length - 1; b >= 0; b--) shared[a * width + b] = old[a] === fresh[b] ? (shared[(a + 1) * width + b + 1] ?? 0) + 1 : Math.max(shared[(a + 1) * width + b] ?? 0, shared[a * width + b + 1] ?? 0);
  const parts: Part[] = [];
  const add = (text: string, isNew: boolean): void => {
    const last = parts.at(-1);
    if (last?.isNew === isNew) last.text += text;
    else parts.push({ text, isNew });
  };
  let a = 0;
  for (let b = 0; b < fresh.length; ) {
    if (a < old.length && old[a] === fresh[b]) {
      add(fresh[b] ?? "", false);
      a++;
      b++;
    } else if (a < old.length && (shared[(a + 1) * width + b] ?? 0) >= (shared[a * width + b + 1] ?? 0)) a++;
    else add(fresh[b++] ?? "", true);
  }
  return parts;
}
