// Work that may be seen a frame later: as much as fits is done before each paint, so that what a person does is answered first.

const BUDGET_MS = 6;
const waiting = new Set<() => void>();

function run(): void {
  const until = performance.now() + BUDGET_MS;
  for (const work of waiting) {
    waiting.delete(work);
    work();
    if (performance.now() > until) break;
  }
  if (waiting.size) requestAnimationFrame(run);
}

/** Does it before one of the next paints; asked for again meanwhile, it is done once. */
export function soon(work: () => void): void {
  if (!waiting.size) requestAnimationFrame(run);
  waiting.add(work);
}

export const never = (work: () => void): void => void waiting.delete(work);
