// A real browser with a memory: what broke, what the page's policy forbade, what was refused; and a line to whoever started it.

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

/** Everything that should not have happened, of all pages. */
export const seen = { violations: [], errors: [], refused: [] };

export const browser = await chromium.launch({ executablePath: told.chromium, args: ["--no-sandbox", "--force-color-profile=srgb"] });

/** A person at a screen, logged in. */
export async function person(name, password, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1360, height: 850 }, colorScheme: "light", locale: "en", acceptDownloads: true, ...options });
  await context.exposeFunction("tellViolation", (text) => seen.violations.push(text));
  await context.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => window.tellViolation(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber} at ${location.href}`));
  });
  const page = await context.newPage();
  page.setDefaultTimeout(20000);
  page.on("pageerror", (error) => seen.errors.push(`${page.url()}: ${error.stack ?? error}`));
  page.on("response", (response) => {
    if (response.status() === 403 || response.status() >= 500) seen.refused.push(`${response.status()} ${response.request().method()} ${response.url()} on ${page.url()}`);
  });
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

/** Waits until a view stands: a heading or a message, and nothing that says it is loading. */
export async function settled(page) {
  await page.waitForFunction(() => document.querySelector("main h1, main h2, main .notice") && !document.querySelector("main [data-loading]"), null, { timeout: 20000 });
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 60))));
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
