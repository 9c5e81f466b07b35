// Packs what Vite built: every file as gzip and Brotli, and a list of the sources it was built from.
import { readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { fingerprint } from "./fingerprint.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const dist = join(root, "dist");

/** All files below a directory but those of these names. */
function files(dir, leaveOut = []) {
  return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    if (leaveOut.includes(entry.name)) return [];
    const path = join(dir, entry.name);
    return entry.isDirectory() ? files(path, leaveOut) : [path];
  });
}

for (const path of files(dist)) {
  const bytes = readFileSync(path);
  writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }));
  const settings = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
  writeFileSync(`${path}.br`, brotliCompressSync(bytes, { params: settings }));
  rmSync(path);
}
const lines = files(root, ["node_modules", "dist", "README.md"]).map((path) => `${fingerprint(readFileSync(path))} ${relative(root, path)}`);
lines.sort((a, b) => (a.slice(17) < b.slice(17) ? -1 : 1));
writeFileSync(join(dist, "sources.txt"), lines.join("\n") + "\n");
