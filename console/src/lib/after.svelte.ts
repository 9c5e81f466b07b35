// Reading again when the question changes, and only then.

import { untrack } from "svelte";

/** Runs something now and whenever what it depends on has another value; never because of what it reads itself. */
export function after(depends: () => unknown, run: () => void | (() => void)): void {
  const key = $derived(JSON.stringify(depends() ?? null));
  $effect(() => {
    void key;
    return untrack(run);
  });
}
