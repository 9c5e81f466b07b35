// How Svelte is compiled: runes everywhere, styles in files (the page's policy forbids styles in the page).
import { vitePreprocess } from "@sveltejs/vite-plugin-svelte";

export default { preprocess: vitePreprocess(), compilerOptions: { runes: true } };
