// Where the console begins.

import { mount } from "svelte";
import "./app.css";
import App from "./App.svelte";
import { prefs } from "./lib/prefs.svelte";
import { start } from "./lib/router.svelte";

// A part that is gone was replaced by an update of the server: the page is too old, once.
addEventListener("vite:preloadError", () => {
  if (sessionStorage.getItem("aic.reloaded") === location.href) return;
  sessionStorage.setItem("aic.reloaded", location.href);
  location.reload();
});

const target = document.getElementById("console");
void prefs.apply().then(() => {
  start();
  if (target) mount(App, { target });
});
