// Holds the build against its limits: first load, any route, the whole; in bytes as they are sent by gzip.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";

const KIB = 1024;
const LIMITS = { first: 120 * KIB, route: 250 * KIB, whole: 2048 * KIB };
const dist = fileURLToPath(new URL("../dist", import.meta.url));
const read = (name) => readFileSync(join(dist, `${name}.gz`));
const text = (name) => gunzipSync(read(name)).toString();

/** What a file loads by itself before it runs. */
function imports(name) {
  if (!name.endsWith(".js")) return [];
  const found = text(name).matchAll(/(?:import|from)\s*"\.\/([^"]+)"/g);
  return [...found].map((match) => `assets/${match[1]}`);
}

function closure(names) {
  const seen = new Set();
  const rest = [...names];
  while (rest.length) {
    const name = rest.pop();
    if (seen.has(name)) continue;
    seen.add(name);
    rest.push(...imports(name));
  }
  return seen;
}

const size = (names) => [...names].reduce((sum, name) => sum + read(name).length, 0);
const page = text("index.html");
const first = closure([...page.matchAll(/"\/console\/(assets\/[^"]+\.(?:js|css))"/g)].map((match) => match[1]));
const all = readdirSync(join(dist, "assets")).filter((name) => name.endsWith(".gz")).map((name) => `assets/${name.slice(0, -3)}`);
const whole = all.reduce((sum, name) => sum + gunzipSync(read(name)).length, 0);
const [, entry] = /src="\/console\/(assets\/[^"]+\.js)"/.exec(page);
// A view is what the router loads: its script with everything that comes along, styles too.
const lazy = (name) => [...text(name).matchAll(/import\("\.\/([^"]+)"\)|import\(`\.\/([^`]+)`\)/g)].map((match) => `assets/${match[1] ?? match[2]}`);
let worst = { name: "", bytes: 0 };
/** Opens one part after the other, as a person does: what each brings is added to what is there. */
function open(name, there, way) {
  const loaded = new Set([...there, ...closure([name])]);
  const bytes = size(loaded);
  const path = [...way, name.replace(/^assets\/|-[\w-]{8}\.js$/g, "")];
  if (bytes > worst.bytes) worst = { name: path.join(" > "), bytes };
  for (const part of lazy(name).filter((part) => !way.includes(part) && part.endsWith(".js"))) open(part, loaded, path);
}
for (const name of lazy(entry).filter((part) => part.endsWith(".js"))) open(name, first, []);
const shown = (bytes) => `${(bytes / KIB).toFixed(1)} KiB`;
console.log(`first load ${shown(size(first))} of ${shown(LIMITS.first)}`);
console.log(`largest route ${shown(worst.bytes)} of ${shown(LIMITS.route)} (${worst.name})`);
console.log(`whole ${shown(whole)} of ${shown(LIMITS.whole)}, unpacked`);
if (size(first) > LIMITS.first || worst.bytes > LIMITS.route || whole > LIMITS.whole) process.exit(1);
