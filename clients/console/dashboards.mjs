// Dashboards as people make them: composed by mouse and by keyboard, shared, frozen, taken along; and what is kept of a person beyond one browser.

import { readFileSync } from "node:fs";

import { check, open, person, serious, settled, shot, told } from "./harness.mjs";

/** One call as whoever is logged in. */
const api = (page, method, path, body) =>
  page.evaluate(async ([method, path, body]) => {
    const init = body === undefined ? { method } : { method, headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
    const response = await fetch(path, init);
    return { status: response.status, body: await response.json().catch(() => null) };
  }, [method, path, body]);

const BASE = "/api/v1/views";
const places = async (page) => (await api(page, "GET", `${BASE}/dashboards/team`)).body.spec.items;
const hits = (a, b) => a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
const overlap = (items) => items.some((a, index) => items.slice(index + 1).some((b) => hits(a, b)));

async function widget(page, title, show, fill) {
  await page.getByRole("button", { name: "Add a widget" }).first().click();
  await page.fill("#widget-title", title);
  await page.selectOption("#widget-show", show);
  await fill();
  await page.locator("dialog").getByRole("button", { name: "Add", exact: true }).click();
  await page.locator("dialog").waitFor({ state: "detached" });
  await page.locator("[data-widget]").filter({ hasText: title }).waitFor();
}

async function composed(page) {
  await open(page, "/console/dashboards");
  await page.getByRole("button", { name: "New dashboard" }).first().click();
  await page.fill("#dashboard-title", "The team's");
  await page.fill("#dashboard-name", "team");
  await page.getByRole("button", { name: "Create", exact: true }).click();
  await page.getByRole("heading", { name: "The team's", level: 1 }).waitFor();
  await page.getByRole("button", { name: "Discard" }).waitFor();
  await widget(page, "How many models", "stat", () => page.fill("#widget-kind", "catalog.models"));
  await widget(page, "Loss of the tries", "series", async () => {
    await page.fill("#widget-experiment", "tries");
    await page.locator("dialog input[placeholder=loss]").fill("loss, accuracy");
  });
  await widget(page, "All datasets", "table", () => page.fill("#widget-kind", "catalog.datasets"));
  const found = await serious(page);
  check("axe finds nothing serious while composing", found.length === 0, found);
  await shot(page, "dashboard-composing");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByRole("button", { name: "Compose" }).first().waitFor();
  const models = (await api(page, "GET", "/api/v1/catalog/models/count")).body.count;
  const number = await page.locator("[data-widget=how-many-models] strong").textContent();
  check("a number is counted from what is there", number === String(models), [number, models]);
  check("a table shows what is there", await page.locator("[data-widget=all-datasets]").getByRole("link", { name: "birds" }).isVisible());
  check("and its moments as people say them", (await page.locator("[data-widget=all-datasets] td time[datetime]").count()) > 0);
  await page.locator("[data-widget=loss-of-the-tries] canvas").nth(1).waitFor();
  await settled(page);
  const heights = await page.locator("[data-widget=loss-of-the-tries] .body").evaluate((body) => [body.clientHeight, body.scrollHeight, ...[...body.querySelectorAll(".plot")].map((it) => it.clientHeight)]);
  check("curves of runs are drawn, several within the height of their widget", heights[1] <= heights[0] + 1 && heights[2] >= 90 && heights[3] === heights[2], heights);
  await shot(page, "dashboard");
}

async function moved(page) {
  // Everything in sight, as the mouse needs it.
  await page.setViewportSize({ width: 1360, height: 1300 });
  await page.getByRole("button", { name: "Compose" }).first().click();
  const before = Object.fromEntries((await places(page)).map((it) => [it.id, it]));
  const grip = page.locator("[data-widget=how-many-models] .grip");
  await grip.focus();
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("Shift+ArrowRight");
  await page.keyboard.press("Shift+ArrowDown");
  check("what was moved is said", /column 3, row 1, 4 wide, 3 high/.test(await page.locator(".sr[aria-live]").last().textContent()), await page.locator(".sr[aria-live]").last().textContent());
  const corner = await page.locator("[data-widget=loss-of-the-tries] .corner").boundingBox();
  await page.mouse.move(corner.x + 12, corner.y + 12);
  await page.mouse.down();
  await page.mouse.move(corner.x + 260, corner.y + 12, { steps: 6 });
  await page.mouse.up();
  const from = await page.locator("[data-widget=all-datasets] .grip").boundingBox();
  const target = await page.locator("[data-widget=how-many-models]").boundingBox();
  await page.mouse.move(from.x + 12, from.y + 12);
  await page.mouse.down();
  await page.mouse.move(target.x + 12, target.y + 14, { steps: 12 });
  await page.mouse.up();
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByRole("button", { name: "Compose" }).first().waitFor();
  const now = await places(page);
  const after = Object.fromEntries(now.map((it) => [it.id, it]));
  check("arrows move and resize", after["how-many-models"].x === 2 && after["how-many-models"].width === 4 && after["how-many-models"].height === before["how-many-models"].height + 1, after);
  check("the mouse resizes", after["loss-of-the-tries"].width > before["loss-of-the-tries"].width, after);
  check("the mouse moves", after["all-datasets"].y < before["all-datasets"].y, [before, after]);
  check("nothing lies on another", !overlap(now), now);
  await page.getByRole("button", { name: "Compose" }).first().click();
  await page.getByRole("button", { name: /^Remove the widget: All datasets/ }).click();
  await page.getByRole("button", { name: "Discard" }).click();
  check("what was discarded stays as it was", (await places(page)).length === 3);
  await page.setViewportSize({ width: 1360, height: 850 });
}

async function shared(page) {
  await page.getByRole("button", { name: "Share" }).click();
  await page.fill("#share-with", "user:victor");
  await page.locator("dialog form").getByRole("button", { name: "Share" }).click();
  await page.locator("dialog").getByText("user:victor").waitFor();
  await page.getByRole("button", { name: "Make a link" }).click();
  const address = await page.locator("[data-link]").textContent();
  await shot(page, "dashboard-shared");
  await page.keyboard.press("Escape");
  const other = await person("victor", told.others);
  await other.goto(address);
  await other.getByRole("heading", { name: "The team's", level: 1 }).waitFor();
  const curves = other.locator("[data-widget=loss-of-the-tries]");
  await curves.getByText("rate 0.1000").first().waitFor();
  check("who opens a link sees what they may read", await other.locator("[data-widget=how-many-models] strong").isVisible(), await curves.textContent());
  check("who may not compose has no button for it", (await other.getByRole("button", { name: "Compose" }).count()) === 0);
  await open(other, "/console/dashboards");
  check("what is shared with somebody is listed", await other.getByRole("heading", { name: "Shared with you" }).isVisible());
  await other.context().close();
}

async function frozen(page) {
  const menu = () => page.locator("main .title").getByRole("button", { name: "Dashboards" }).click();
  await menu();
  await page.getByRole("menuitem", { name: "Take a snapshot" }).click();
  await page.getByText("A snapshot was taken").waitFor();
  await page.locator("main .title").getByRole("button", { name: "Snapshots" }).click();
  await page.getByRole("menuitem").first().click();
  await page.getByRole("button", { name: "Back to now" }).waitFor();
  await page.locator("[data-widget=how-many-models] strong").waitFor();
  check("a snapshot shows what was", (await page.locator("main .title .badge").count()) === 1);
  await page.getByRole("button", { name: "Back to now" }).click();
  await page.getByRole("button", { name: "Compose" }).first().waitFor();
  await menu();
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("menuitem", { name: "Export" }).click()]);
  const document = JSON.parse(readFileSync(await download.path(), "utf8"));
  check("an export holds the widgets", document.format === "aic.dashboard/1" && document.spec.items.length === 3 && document.spec.items.every((it) => it.widget.title), document);
  await open(page, "/console/dashboards");
  await page.setInputFiles("main input[type=file]", { name: "again.json", mimeType: "application/json", buffer: Buffer.from(JSON.stringify({ ...document, name: "again" })) });
  await page.waitForURL("**open=again**");
  await page.locator("[data-widget=how-many-models] strong").waitFor();
  check("what was exported is taken in again", true);
  await page.setViewportSize({ width: 390, height: 800 });
  await settled(page);
  const tops = await page.locator("[data-widget]").evaluateAll((all) => all.map((it) => it.getBoundingClientRect().left));
  check("on a phone widgets stand one below the other", new Set(tops).size === 1, tops);
  await shot(page, "dashboard-phone");
  await page.setViewportSize({ width: 1360, height: 850 });
}

/** A theme is composed: what could not be read is warned of while one types, and not saved; then the organization wears it. */
async function themed(page) {
  await open(page, "/console/views/themes/~new");
  await page.fill("#object-name", "violet");
  await page.getByRole("button", { name: "Create" }).click();
  await page.getByText(/26 pairs of colours/).waitFor();
  await page.fill("#light-accent", "#88aaff");
  await page.getByText(/Links and buttons on Background: 2\.\d+, and 4\.5 is needed/).waitFor();
  check("what could not be read is warned of with its contrast, and not saved", await page.getByRole("button", { name: "Save", exact: true }).isDisabled());
  const found = await serious(page);
  check("axe finds nothing serious while a theme is composed", found.length === 0, found);
  await shot(page, "theme-warns");
  await page.fill("#light-accent", "#6b21a8");
  await page.fill("#dark-accent", "#d8b4fe");
  await page.getByText(/26 pairs of colours/).waitFor();
  const looks = await page.locator(".sample .button.primary").evaluateAll((all) => all.map((it) => getComputedStyle(it).backgroundColor));
  check("it is shown on light and dark ground before anybody wears it", JSON.stringify(looks) === JSON.stringify(["rgb(107, 33, 168)", "rgb(216, 180, 254)"]), looks);
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByRole("button", { name: "Wear it in the organization" }).click();
  await page.getByText("worn by the organization").waitFor();
  check("and worn at once by who composed it", await page.evaluate(() => getComputedStyle(document.documentElement).getPropertyValue("--accent").includes("#6b21a8")));
  await shot(page, "theme");
}

/** What somebody keeps is there on another device; what all wear is worn. */
async function kept(page) {
  await open(page, '/console/catalog/models?filter=metadata.name%20%3D%20%22bir*%22');
  await page.getByRole("button", { name: "Views", exact: true }).click();
  const saved = page.waitForResponse((it) => it.url().includes(`${BASE}/views`) && it.request().method() === "POST");
  await page.getByRole("menuitem", { name: /Keep/ }).click();
  check("a saved view is an object of the server", (await saved).status() === 201);
  await open(page, "/console/catalog/models/birds");
  const starred = page.waitForResponse((it) => it.url().includes("/personalization/favorites") && it.request().method() === "POST");
  await page.getByRole("button", { name: "Favourite" }).click();
  await starred;
  await themed(page);
  const other = await person("admin", told.password);
  await other.locator("nav a.entry[href$='/catalog/models/birds']").waitFor();
  check("a favourite is there on another device", true);
  await other.waitForFunction(() => getComputedStyle(document.documentElement).getPropertyValue("--accent").includes("#6b21a8"));
  check("the organization's theme is worn", true);
  await other.waitForFunction(() => (document.querySelector("nav .brand img")?.naturalWidth ?? 0) > 0);
  check("the organization's logo is shown", true);
  const found = await serious(other, ["color-contrast"]);
  check("enough contrast in the theme", found.length === 0, found);
  await shot(other, "themed");
  await open(other, "/console/catalog/models");
  await other.getByRole("button", { name: "Views", exact: true }).click();
  await other.getByRole("menuitem", { name: /bir/ }).click();
  await other.waitForURL("**filter=**");
  check("a saved view is there on another device", true);
  await other.context().close();
  await open(page, "/console/views/themes/violet");
  await page.getByRole("button", { name: "Reset to the platform's" }).click();
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.waitForFunction(() => getComputedStyle(document.documentElement).getPropertyValue("--accent").includes("#1f4fd8"));
  check("reset, it is the platform's", true);
  await api(page, "DELETE", `${BASE}/themes/violet`);
}

export async function dashboards(page) {
  await composed(page);
  await moved(page);
  await shared(page);
  await frozen(page);
  await kept(page);
}
