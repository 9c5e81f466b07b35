// Where the console begins.

import { mount } from "svelte";
import "./app.css";
import App from "./App.svelte";
import { connection } from "./lib/connection.svelte";
import { prefs } from "./lib/prefs.svelte";
import { start } from "./lib/router.svelte";

const PAUSE = 2000;

/** Loads the page anew once the server answers; but not over and over for the same address. */
async function comeBack(): Promise<void> {
  let wasAway = false;
  while (!(await fetch("/healthz", { cache: "no-store" }).catch(() => null))?.ok) {
    wasAway = true;
    connection.down();
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
  if (!wasAway && sessionStorage.getItem("aic.reloaded") === location.href) return;
  sessionStorage.setItem("aic.reloaded", location.href);
  location.reload();
}

// A part that cannot be loaded was replaced by an update of the server, or the server is away.
addEventListener("vite:preloadError", () => void comeBack());

const target = document.getElementById("console");
void prefs.apply().then(() => {
  start();
  if (target) mount(App, { target });
});
