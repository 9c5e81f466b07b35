// How the console is built: one page, files named by their digests, nothing inline.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig, type Plugin } from "vite";

// In development the page is served here and everything else by a server that runs.
const server = process.env["AIC_URL"] ?? "http://127.0.0.1:8080";
const paths = ["/api", "/oauth2", "/openapi.json", "/docs", "/errors", "/apis"];

/** What others wrote and we ship, under which terms: one text beside the scripts. */
function licences(): Plugin {
  return {
    name: "licences",
    generateBundle(_, bundle) {
      const homes = new Map<string, string>();
      for (const chunk of Object.values(bundle)) {
        for (const id of chunk.type === "chunk" ? Object.keys(chunk.modules) : []) {
          const found = /^\0?(.*node_modules\/((?:@[^/]+\/)?[^/]+))\//.exec(id);
          if (found?.[1] && found[2]) homes.set(found[2], found[1]);
        }
      }
      const texts = [...homes].sort().map(([name, home]) => {
        const told = JSON.parse(readFileSync(join(home, "package.json"), "utf8")) as { version: string; license?: string };
        const file = existsSync(home) ? readdirSync(home).find((it) => /^(licen[cs]e|copying)/i.test(it)) : undefined;
        return `${name} ${told.version} (${told.license ?? "see below"})\n\n${file ? readFileSync(join(home, file), "utf8").trim() : ""}\n`;
      });
      this.emitFile({ type: "asset", fileName: "licences.txt", source: texts.join(`\n${"-".repeat(78)}\n\n`) });
    },
  };
}

export default defineConfig({
  base: "/console/",
  // A component that itself sets runes off is somebody else's.
  plugins: [svelte({ compilerOptions: { runes: undefined }, dynamicCompileOptions: ({ filename }) => (filename.includes("node_modules") ? undefined : { runes: true }) }), licences()],
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
