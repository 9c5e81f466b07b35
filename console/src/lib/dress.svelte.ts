// The theme that counts for the person, and the organization's brand.

import { get } from "./api";
import { prefs } from "./prefs.svelte";

interface Asset {
  url: string;
  alt?: string | null;
}
interface Current {
  from: "own" | "organization" | "none";
  density?: string | null;
  variables?: Record<string, string>;
  brand: Record<string, Asset>;
}

class Dress {
  brand = $state.raw<Record<string, Asset>>({});
  #worn: string[] = [];

  /** Puts on what counts; without an answer everything stays as the platform has it. */
  async put(): Promise<void> {
    const current = await get<Current>("/api/v1/views/themes/current").catch(() => null);
    if (!current) return;
    const style = document.documentElement.style;
    for (const name of this.#worn) style.removeProperty(name);
    // High contrast is a need of the person's, which no theme takes away.
    const variables = prefs.look.contrast === "high" ? {} : (current.variables ?? {});
    this.#worn = Object.keys(variables);
    for (const [name, value] of Object.entries(variables)) style.setProperty(name, value);
    if (current.density) prefs.suggest({ density: current.density });
    this.brand = current.brand;
    const icon = current.brand["icon"];
    const link = document.querySelector<HTMLLinkElement>("link[rel=icon]");
    if (icon && link) link.href = icon.url;
  }
}

export const dress = new Dress();
