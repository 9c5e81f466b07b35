// A real browser with a memory: what broke, what the page's policy forbade, what was refused; and a line to whoever started it.
//
// Every wait is for a state that must come, however slow the machine is; PATIENCE only ends what hangs.

import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

const require = createRequire(import.meta.url);
const { chromium } = require("playwright-core");
const AXE = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

export const told = JSON.parse(process.env.TOLD);
const replies = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const say = (what) => process.stdout.write(JSON.stringify(what) + "\n");

/** One claim. */
export const check = (claim, held, seen = "") => say({ claim, held: !!held, seen: String(typeof seen === "string" ? seen : JSON.stringify(seen)).slice(0, 1500) });
/** Something measured; it is printed and never judged. */
export const figure = (text) => say({ figure: text });
/** Has the one who started this do something, and waits for it. */
export async function please(ask) {
  say({ ask });
  return JSON.parse((await replies.next()).value);
}

/** How long anything may take on a machine that does other things too. */
export const PATIENCE = 60_000;

/** Everything that should not have happened, of all pages. */
export const seen = { violations: [], errors: [], refused: [] };

/** What each page has asked for and not heard of yet; streams, which never end, are left out. */
const asked = new WeakMap();
const isStream = (url) => /\/watch\?|[?&]follow=true/.test(url);

/** Notes what a page does. */
function observed(page) {
  const open = new Set();
  asked.set(page, open);
  page.on("request", (request) => {
    // What a page that is left had asked for need not be told of any more.
    if (request.isNavigationRequest()) open.clear();
    else if (["fetch", "xhr", "script", "stylesheet"].includes(request.resourceType()) && !isStream(request.url())) open.add(request);
  });
  for (const end of ["requestfinished", "requestfailed"]) page.on(end, (request) => open.delete(request));
  page.on("pageerror", (error) => seen.errors.push(`${page.url()}: ${error.stack ?? error}`));
  page.on("response", (response) => {
    // Nor what it asked for after that, until another page stood there.
    if (response.request().isNavigationRequest()) open.clear();
    if (response.status() === 403 || response.status() >= 500) seen.refused.push(`${response.status()} ${response.request().method()} ${response.url()} on ${page.url()}`);
  });
}

export const browser = await chromium.launch({ executablePath: told.chromium, args: ["--no-sandbox", "--force-color-profile=srgb"] });

/** A person at a screen, logged in. */
export async function person(name, password, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1360, height: 850 }, colorScheme: "light", locale: "en", acceptDownloads: true, ...options });
  await context.exposeFunction("tellViolation", (text) => seen.violations.push(text));
  await context.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => window.tellViolation(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber} at ${location.href}`));
  });
  context.setDefaultTimeout(PATIENCE);
  context.setDefaultNavigationTimeout(PATIENCE);
  context.on("page", observed);
  const page = await context.newPage();
  await page.goto(told.url + "/");
  await page.waitForURL("**/oauth2/login**");
  await page.fill("input[name=username]", name);
  await page.fill("input[name=password]", password);
  await page.click("button");
  await page.waitForSelector("nav .brand");
  return page;
}

/** Opens a view as a link of the console would, without loading the page anew. */
export async function open(page, path) {
  await page.evaluate((path) => {
    history.pushState(null, "", path);
    dispatchEvent(new PopStateEvent("popstate"));
  }, path);
  await settled(page);
}

/** Whether a view stands: a heading or a message, nothing that says it is loading, and nothing that moves but what always does. */
const stands = () =>
  !!document.querySelector("main h1, main h2, main .notice") &&
  !document.querySelector("main [data-loading]") &&
  document.getAnimations().every((it) => it.playState !== "running" || it.effect.getComputedTiming().iterations === Infinity);

/** What was decided is drawn. */
export const drawn = (page) => page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(resolve)))));

/** Waits until a view stands, everything it asked for was answered, and the answers are drawn. */
export async function settled(page) {
  const open = asked.get(page);
  const until = Date.now() + PATIENCE;
  for (;;) {
    await page.waitForFunction(stands);
    await drawn(page);
    if (!open.size && (await page.evaluate(stands))) return;
    if (Date.now() > until) throw new Error(`not answered on ${page.url()}: ${[...open].map((it) => it.url())}`);
    // The next end of a request, whichever it is; one that has ended meanwhile is seen at the next turn.
    if (open.size) await Promise.race(["requestfinished", "requestfailed"].map((event) => page.waitForEvent(event, { timeout: 1000 }).catch(() => undefined)));
  }
}

/** Lets the system wish for light or dark, and waits until the page has followed. */
export async function wish(page, colorScheme) {
  await page.emulateMedia({ colorScheme });
  await page.waitForFunction((dark) => matchMedia("(prefers-color-scheme: dark)").matches === dark, colorScheme === "dark");
  await settled(page);
}

export const shot = (page, name) => page.screenshot({ path: `${told.shots}/${name}.png` });

/** What axe-core finds that is serious. */
export async function serious(page, rules) {
  if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(AXE);
  const options = rules ? { runOnly: { type: "rule", values: rules } } : { runOnly: { type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] } };
  return page.evaluate(async (options) => {
    const { violations } = await window.axe.run(document, { ...options, resultTypes: ["violations"] });
    return violations.filter((it) => ["serious", "critical"].includes(it.impact)).map((it) => `${it.id}: ${it.nodes.slice(0, 3).map((node) => node.html.slice(0, 160)).join(" | ")}`);
  }, options);
}

/** Whether the page as a whole must be scrolled sideways. */
export const isTooWide = (page) => page.evaluate(() => document.documentElement.scrollWidth > innerWidth + 1 || document.querySelector("main").scrollWidth > document.querySelector("main").clientWidth + 1);
