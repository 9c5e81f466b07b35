// How the console is built: one page, files named by their digests, nothing inline.
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";

// In development the page is served here and everything else by a server that runs.
const server = process.env["AIC_URL"] ?? "http://127.0.0.1:8080";
const paths = ["/api", "/oauth2", "/openapi.json", "/docs", "/errors", "/apis"];

export default defineConfig({
  base: "/console/",
  // A component that itself sets runes off is somebody else's.
  plugins: [svelte({ compilerOptions: { runes: undefined }, dynamicCompileOptions: ({ filename }) => (filename.includes("node_modules") ? undefined : { runes: true }) })],
  build: {
    target: "es2022",
    assetsDir: "assets",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 1024,
  },
  server: { proxy: Object.fromEntries(paths.map((path) => [path, { target: server, changeOrigin: true }])) },
});
