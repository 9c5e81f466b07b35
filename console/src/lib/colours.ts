// Colours of series, told apart also by those who see fewer of them.

export const SERIES = ["#3b6fe0", "#d9822b", "#2a9d6f", "#c2416b", "#7a5bd0", "#0e9aa7", "#b8860b", "#d14b3a", "#5f7d8c", "#8a5a44"];

export const colour = (index: number): string => SERIES[index % SERIES.length] ?? "#3b6fe0";

/** The value of one of the page's tokens, for what is drawn on a canvas. */
export function token(name: string): string {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}
