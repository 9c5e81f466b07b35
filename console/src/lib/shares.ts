// Shares of a whole: one is moved, the others make room, and together they are always 100 percent.

/** Shares are told apart by a tenth of a percent. */
const WHOLE = 1000;

/** All shares after one was moved; the others keep their proportion to one another. */
export function moved(shares: number[], index: number, percent: number): number[] {
  if (shares.length < 2) return shares.map(() => 100);
  const wanted = Math.round(Math.min(100, Math.max(0, percent)) * 10);
  const rest = WHOLE - wanted;
  const others = shares.map((share, at) => (at === index ? 0 : share));
  const sum = others.reduce((all, share) => all + share, 0);
  // Where the others have nothing, they share alike.
  const exact = shares.map((_, at) => (at === index ? wanted : (rest * (sum ? (others[at] ?? 0) / sum : 1 / (shares.length - 1)))));
  const tenths = exact.map(Math.floor);
  // What rounding left over goes to those that lost most by it.
  const order = exact.map((value, at) => ({ at, lost: value - Math.floor(value) })).filter(({ at }) => at !== index).sort((a, b) => b.lost - a.lost || a.at - b.at);
  let left = WHOLE - tenths.reduce((all, value) => all + value, 0);
  for (let turn = 0; left > 0; turn++, left--) {
    const at = order[turn % order.length]?.at ?? 0;
    tenths[at] = (tenths[at] ?? 0) + 1;
  }
  return tenths.map((value) => value / 10);
}
