// Chromium does on the console what people do: the whole main job, every view, by keyboard, on small screens, in other languages, through a restart.

import { dashboards } from "./dashboards.mjs";
import { browser, check, drawn, figure, isTooWide, open, PATIENCE, person, please, seen, serious, settled, shot, told, wish } from "./harness.mjs";

/** Pages with words of their own, beyond what every kind has. */
const TRACE = `/console/catalog/experiments/tries?tab=traces&trace=tr-${"1".padStart(32, "0")}`;
const OWN = ["/console/catalog/endpoints/birds?tab=drift", "/console/catalog/endpoints/penguins?tab=release", "/console/catalog/endpoints/birds?tab=traffic", "/console/catalog/experiments/tries?tab=traces", TRACE, "/console/catalog/experiments/tries?tab=artifacts", "/console/catalog/datasets/penguins?tab=changes", "/console/catalog/model-versions/birds.1?tab=graph"];

const VIEWS = [
  "/", "/console/kinds", "/console/admin", "/console/admin/audit", "/console/admin/permissions", "/console/me", "/console/explorer", "/console/explorer?op=post%20%2Fapi%2Fv1%2Fcatalog%2Fmodels",
  "/console/catalog/datasets", "/console/catalog/datasets/birds", "/console/catalog/datasets/birds?tab=profile", "/console/catalog/datasets/penguins?tab=quality", "/console/catalog/datasets/penguins?tab=changes", "/console/catalog/datasets/birds?tab=history",
  "/console/catalog/datasets/birds?tab=edit", "/console/catalog/datasets/birds?tab=yaml", "/console/catalog/datasets/birds?tab=access", "/console/catalog/datasets/birds?tab=overview", "/console/catalog/datasets/birds?tab=reports",
  "/console/train?dataset=birds", "/console/catalog/experiments/tries", "/console/catalog/experiments/tries?tab=charts", "/console/catalog/experiments/tries?tab=relations", "/console/catalog/experiments/tries?tab=traces", TRACE, "/console/catalog/experiments/tries?tab=artifacts",
  "/console/catalog/models/birds", "/console/catalog/models/birds?tab=lineage", "/console/catalog/model-versions/birds.1", "/console/catalog/model-versions/birds.1?tab=graph", "/console/catalog/endpoints/birds", "/console/catalog/endpoints/birds?tab=traffic", "/console/catalog/endpoints/penguins?tab=release",
  "/console/catalog/endpoints/birds?tab=drift", "/console/catalog/endpoints/birds?tab=drift&as=table", "/console/catalog/endpoints/birds?tab=drift&monitor=now", "/console/catalog/endpoints/birds?tab=requests",
  "/console/system/runs", "/console/admin/policies/~new", "/console/admin/users", "/console/admin/users/victor", "/console/gateway/routes/made", "/console/dashboards", "/console/dashboards?open=made", "/console/nothing/here",
];

/** From an empty platform to an explained prediction, with nothing but clicks. */
async function mainJob(page) {
  await page.getByText("From a table to a prediction").waitFor();
  check("an empty platform shows the guide", true);
  await shot(page, "guide");
  await page.getByRole("button", { name: "Upload a table" }).click();
  await page.setInputFiles("input[type=file]", told.table);
  await page.fill("#dataset-name", "birds");
  await page.getByRole("button", { name: "Upload", exact: true }).click();
  await page.getByRole("cell", { name: "Torgersen" }).first().waitFor();
  check("an uploaded table shows its rows", page.url().endsWith("/console/catalog/datasets/birds"), page.url());
  await page.getByRole("link", { name: "Train", exact: true }).click();
  await page.selectOption("#train-target", "species");
  await page.fill("#train-budget", "3");
  await page.getByRole("button", { name: "Train", exact: true }).click();
  await page.getByRole("heading", { name: "Succeeded" }).waitFor({ timeout: 3 * PATIENCE });
  await page.waitForFunction(() => document.querySelector("[role=log]")?.textContent?.includes("the final model"));
  check("a training is followed to its end, with its log", /\/console\/system\/runs\/train-/.test(page.url()), page.url());
  await shot(page, "training");
  await page.getByRole("link", { name: "Models", exact: true }).click();
  await page.getByRole("link", { name: "birds", exact: true }).click();
  await page.getByRole("button", { name: "Deploy" }).click();
  await page.locator("dialog").getByRole("button", { name: "Deploy" }).click();
  await page.getByRole("heading", { name: "Ready" }).waitFor();
  await page.waitForFunction(() => [...document.querySelectorAll("main form input[required]")].every((input) => input.value !== ""));
  await page.getByRole("button", { name: "Predict" }).click();
  const answer = await page.locator("p.answer").textContent();
  check("the endpoint predicts", ["Adelie", "Gentoo", "Chinstrap"].includes(answer.trim()), answer);
  check("and explains", await page.getByRole("heading", { name: `Why ${answer.trim()}` }).isVisible() && (await page.getByText("bill_length_mm").count()) > 1);
  await shot(page, "prediction");
  await page.getByRole("link", { name: "Home", exact: true }).click();
  await page.waitForFunction(() => [...document.querySelectorAll("main .tile strong")].filter((it) => /^[1-9]/.test(it.textContent)).length >= 3);
  await settled(page);
  check("then the guide has done its work", !(await page.getByText("From a table to a prediction").isVisible()));
}

/** Each view stands, is accessible in light and dark, and asks nothing that is refused. */
async function everyView(page) {
  for (const view of VIEWS) {
    await open(page, view);
    const name = view.replace(/^\/console\/?/, "").replace(/[^a-z0-9]+/gi, "-").replace(/-$/, "") || "home";
    const found = await serious(page);
    check(`axe finds nothing serious: ${view}`, found.length === 0, found);
    check(`no error is shown: ${view}`, (await page.locator("main .notice.bad").count()) === 0, await page.locator("main .notice.bad").allTextContents());
    await shot(page, `light-${name}`);
    await wish(page, "dark");
    const dark = await serious(page, ["color-contrast"]);
    check(`enough contrast in the dark: ${view}`, dark.length === 0, dark);
    await shot(page, `dark-${name}`);
    await wish(page, "light");
  }
}

/** A kind needs no page of its own: each has a table and a form. */
async function everyKind(page) {
  const failed = [];
  for (const kind of told.kinds) {
    await open(page, `/console/${kind.service}/${kind.plural}`);
    if (await page.locator("main .notice.bad").count()) failed.push(`${kind.id}: ${await page.locator("main .notice.bad").first().textContent()}`);
    if (!kind.hasObjects || kind.without.includes("create")) continue;
    await open(page, `/console/${kind.service}/${kind.plural}/~new`);
    if (!(await page.getByRole("button", { name: "Create" }).count())) failed.push(`${kind.id}: no form`);
  }
  check(`each of ${told.kinds.length} kinds has its table, and its form where it can be made`, failed.length === 0, failed);
}

/** What people wrote is shown as they wrote it. */
async function hostile(page) {
  const ran = [];
  for (const path of told.hostile) {
    await open(page, path);
    if (await page.evaluate(() => "hacked" in window || !!document.querySelector("main img[src=x], main script, main iframe"))) ran.push(path);
    const shown = (await page.locator("main").textContent()).includes("onerror=hacked");
    if (!shown) ran.push(`${path} does not show it`);
  }
  check(`markup in the fields of ${told.hostile.length} kinds stays text`, ran.length === 0 && told.hostile.length > 10, ran);
}

/** The mouse is not needed. */
async function keyboard(page) {
  await page.goto(told.url + "/");
  await settled(page);
  await page.keyboard.press("Tab");
  check("the first key leads past the navigation", (await page.evaluate(() => document.activeElement.textContent)) === "Skip to the content");
  await page.keyboard.press("Control+k");
  await page.waitForFunction(() => document.activeElement?.matches("dialog[open] input"));
  await page.keyboard.type("models");
  await page.waitForFunction(() => document.querySelector("dialog [role=option][aria-selected=true]")?.textContent?.startsWith("Models"));
  // What the search finds is added below; the choice stays what it was.
  await settled(page);
  await page.keyboard.press("Enter");
  await page.waitForURL("**/console/catalog/models**");
  await settled(page);
  await page.keyboard.press("g");
  await page.keyboard.press("d");
  await page.waitForURL("**/console/catalog/datasets");
  await page.waitForSelector("tr[data-index] a");
  await settled(page);
  await page.locator("tr[data-index='0'] a").first().focus();
  await page.keyboard.press("ArrowDown");
  await page.waitForFunction(() => document.activeElement?.closest("tr")?.dataset.index === "1");
  const name = await page.evaluate(() => document.activeElement.closest("tr").querySelector("a").textContent);
  await page.evaluate(() => document.activeElement.closest("tr").querySelector("a").focus());
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name, level: 1 }).waitFor();
  await settled(page);
  await page.keyboard.press("e");
  await page.waitForURL("**tab=edit**");
  await settled(page);
  await page.keyboard.press("?");
  await page.getByRole("heading", { name: "Keyboard shortcuts" }).waitFor();
  check("the keyboard leads everywhere and lists itself", true);
  await page.keyboard.press("Escape");
  await page.waitForFunction(() => !document.querySelector("dialog"));
  await open(page, "/console/catalog/datasets");
  await page.keyboard.press("/");
  await page.waitForFunction(() => document.activeElement?.matches("[data-filter]"));
  await page.keyboard.type('metadata.name = "bir*"');
  await page.keyboard.press("Enter");
  await page.waitForURL("**filter=**");
  await page.waitForFunction(() => document.querySelectorAll("tr[data-index]").length === 1);
  check("a filter is typed, and is in the address", decodeURIComponent(page.url()).includes('bir*'), page.url());
}

/** Made, changed, gone back, deleted and restored, as another page sees it at once. */
async function objects(page) {
  const other = await page.context().newPage();
  await other.goto(`${told.url}/console/catalog/models`);
  await other.waitForSelector("tr[data-index] a");
  await open(page, "/console/catalog/models/~new");
  await page.fill("#object-name", "Not A Name");
  check("the browser refuses a name that is none", await page.evaluate(() => !document.querySelector("#object-name").checkValidity()));
  await page.fill("#object-name", "by-hand");
  await page.getByRole("button", { name: "Check" }).click();
  await page.getByText("The server would take it").waitFor();
  await page.getByRole("button", { name: "Create" }).click();
  await page.getByRole("heading", { name: "by-hand", level: 1 }).waitFor();
  await other.getByRole("link", { name: "by-hand", exact: true }).waitFor();
  check("another page sees it without being loaded anew", true);
  await page.getByRole("link", { name: "Edit" }).click();
  await page.getByLabel("Description").fill("a second thought");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("a second thought").first().waitFor();
  await open(page, "/console/catalog/models/by-hand?tab=history");
  await page.getByRole("button", { name: "Go back to this" }).click();
  await page.waitForFunction(() => document.querySelectorAll("main ol li").length === 3);
  check("history shows what changed and leads back", (await page.locator("main del").first().textContent()).includes("a second thought"));
  await page.getByRole("button", { name: "More" }).last().click();
  await page.getByRole("menuitem", { name: "Delete" }).click();
  await page.locator("dialog").getByRole("button", { name: "Delete" }).click();
  await page.waitForURL("**/console/catalog/models");
  await other.waitForFunction(() => ![...document.querySelectorAll("tr[data-index] a")].some((link) => link.textContent === "by-hand"));
  await open(page, "/console/catalog/models?deleted=true");
  await page.locator("tr[data-index]", { hasText: "by-hand" }).getByRole("checkbox").check();
  await page.getByRole("button", { name: "Restore" }).click();
  await page.getByRole("link", { name: "by-hand", exact: true }).waitFor();
  check("what was deleted comes back from the trash", true);
  await other.close();
}

/** A table as somebody arranges it: grouped, folded, chosen, pinned, its columns moved and hidden; kept, and walked through by keyboard. */
async function tables(page) {
  await open(page, "/console/catalog/experiments/tries?group=p%3Aoptimizer");
  const groups = await page.locator("tr.group").allTextContents();
  check("runs stand in groups with the means of their metrics", groups.length === 3 && groups.some((text) => /optimizer = sgd 3.*⌀/.test(text)), groups);
  await page.locator("tr.group", { hasText: "sgd" }).getByRole("button").press("Enter");
  await page.waitForFunction(() => document.querySelectorAll("tr[data-index]").length === 8);
  await page.locator("tr.group", { hasText: "adam" }).getByRole("checkbox").check();
  await page.getByText("3 selected").waitFor();
  check("a group is folded, and chosen as a whole", (await page.locator("tr.selected").count()) === 4);
  await page.getByRole("button", { name: "Pin", exact: true }).click();
  await page.locator("tr.held").nth(2).waitFor();
  check("what is pinned stands on top of all", (await page.locator("tr[data-index='0']").getAttribute("class")).includes("held"));
  await page.getByRole("button", { name: "Columns" }).click();
  await page.getByRole("button", { name: "Move up: loss" }).press("Enter");
  await page.getByRole("checkbox", { name: "State" }).uncheck();
  await page.getByRole("button", { name: "Keep in sight: loss" }).press("Enter");
  const found = await serious(page);
  check("axe finds nothing serious while columns are arranged", found.length === 0, found);
  await shot(page, "columns");
  await page.keyboard.press("Escape");
  const heads = async () => (await page.locator("main th").allTextContents()).map((text) => text.trim()).filter(Boolean);
  const before = await heads();
  check("columns are moved, hidden and pinned", before[0] === "Run" && before[1] === "loss" && before[2] === "accuracy" && !before.includes("State") && (await page.locator("th.fixed").count()) === 3, before);
  await page.reload();
  await page.locator("tr[data-index]").first().waitFor();
  await settled(page);
  check("and stand so when one comes back", JSON.stringify(await heads()) === JSON.stringify(before), await heads());
  await page.getByRole("button", { name: "Columns" }).click();
  await page.getByRole("button", { name: "As at first" }).click();
  await page.keyboard.press("Escape");
  await open(page, "/console/catalog/experiments/tries?tab=charts");
  check("metrics are drawn that the latest run did not log", (await page.locator("main figure canvas").count()) === 2, await page.locator("main").textContent());
  await open(page, "/console/catalog/experiments/many");
  const at = () => page.evaluate(() => Number(document.activeElement.closest("tr")?.dataset.index ?? -1));
  await page.locator("tr[data-index='0'] a").first().focus();
  const walked = [];
  for (const key of ["End", "PageUp", "Home", "PageDown", "ArrowDown"]) {
    const from = await at();
    await page.keyboard.press(key);
    await page.waitForFunction((from) => ![from, -1].includes(Number(document.activeElement.closest("tr")?.dataset.index ?? -1)), from);
    walked.push(await at());
  }
  const [end, up, home, down, next] = walked;
  check("a long table is walked through by keyboard, also by pages", end > 500 && up < end - 5 && home === 0 && down > 5 && next === down + 1, walked);
}

/** A trace is found and opened; its spans are walked through by keyboard, folded, and tell what is known of them. */
async function traces(page) {
  await open(page, "/console/catalog/experiments/tries?tab=traces");
  check("traces say how they went", (await page.locator("tr[data-index]").count()) === 2 && (await page.locator("tr[data-index]").first().textContent()).includes("error"));
  await page.locator("main [data-filter]").fill("trace.status = 'OK'");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelectorAll("tr[data-index]").length === 1);
  await page.getByRole("link", { name: "answer 1" }).click();
  await page.locator("[role=treeitem]").nth(3).waitFor();
  await settled(page);
  const levels = await page.locator("[role=treeitem]").evaluateAll((all) => all.map((it) => `${it.getAttribute("aria-level")} ${it.querySelector(".name").textContent.trim()}`));
  check("spans stand under what they are part of", JSON.stringify(levels) === JSON.stringify(["1 answer", "2 retrieve", "2 complete", "3 tokenize"]), levels);
  const bars = await page.locator("[role=treeitem] .bar").evaluateAll((all) => all.map((it) => it.getBoundingClientRect()).map((it) => [it.left, it.right]));
  check("and are bars over time", bars[0][0] <= bars[1][0] && bars[1][1] <= bars[2][0] && bars[3][0] > bars[2][0] && bars[3][1] < bars[2][1], bars);
  await page.locator("[role=treeitem][tabindex='0']").focus();
  for (const key of ["ArrowDown", "ArrowDown"]) {
    await page.keyboard.press(key);
    await drawn(page);
  }
  const text = await page.locator("main").textContent();
  check("a span tells its attributes and events, a trace what was said of it", ["temperature", "first token", "as the book says"].every((word) => text.includes(word)), text.slice(0, 1500));
  await shot(page, "trace");
  await page.keyboard.press("ArrowLeft");
  await page.waitForFunction(() => document.querySelectorAll("[role=treeitem]").length === 3);
  check("and is folded by keyboard", (await page.evaluate(() => document.activeElement.textContent)).includes("complete"));
}

/** Files of runs are looked into: a picture, a table, JSON, text, and the graph of a model; what is in them never runs. */
async function artifacts(page) {
  const seen = async (path) => {
    await open(page, "/console/catalog/experiments/tries?tab=artifacts");
    await page.getByRole("button", { name: path, exact: true }).click();
    await page.locator(`section[aria-label="${path}"]`).waitFor();
    await settled(page);
    return page.locator(`section[aria-label="${path}"]`);
  };
  const picture = await seen("plots/roc.svg");
  check("a drawing is shown as a picture", await picture.locator("img").evaluate((image) => image.decode().then(() => image.naturalWidth === 120)));
  const table = await (await seen("table.csv")).locator("tr[data-index]").evaluateAll((rows) => rows.map((row) => [...row.cells].map((cell) => cell.textContent)));
  check("a table as rows, quotes and lines in cells minded", JSON.stringify(table.map((row) => row.slice(1, 4))) === JSON.stringify([["Ada, the first", 'says "hi"\nand goes', "1"], ["Bob", "", "2.5"]]), table);
  check("JSON in an editor", await (await seen("facts.json")).locator(".editor").evaluate((it) => it.shadowRoot.textContent.includes('"Gentoo"')));
  check("text as text", (await (await seen("notes.md")).locator("pre").textContent()) === "# Notes\n");
  const sheet = await seen("rows.parquet");
  await sheet.locator("tr[data-index]").first().waitFor();
  const heads = (await sheet.locator("th").allTextContents()).map((text) => text.trim());
  check("Parquet as a table with the types of its columns", (await sheet.textContent()).includes("344 rows, 11 columns") && heads.includes("bill_length_mm double") && (await sheet.locator("tr[data-index='0']").textContent()).includes("Torgersen39.118.71813750male"), [heads, await sheet.locator("tr[data-index='0']").textContent()]);
  await shot(page, "parquet");
  check("what cannot be read says so", (await (await seen("broken.parquet")).textContent()).includes("It could not be read"));
  const graph = await seen("model/model.onnx");
  await graph.locator(".svelte-flow__node").first().waitFor();
  await settled(page);
  const nodes = await graph.locator(".svelte-flow__node").allTextContents();
  check("a model as a graph of operators", nodes.some((text) => text.includes("Concat")) && nodes.some((text) => text.includes("bill_length_mm")), nodes);
  const [frame, first] = [await graph.locator(".svelte-flow").boundingBox(), await graph.locator(".svelte-flow__node", { hasText: "bill_length_mm" }).first().boundingBox()];
  check("which is in sight", frame.height > 200 && first.height >= 20 && first.y > frame.y && first.y + first.height < frame.y + frame.height, [frame, first]);
  check("whose file drew nothing of its own", await page.evaluate(() => !("hacked" in window)));
  await graph.locator(".svelte-flow__node button", { hasText: "Concat" }).first().press("Enter");
  await graph.getByText("axis", { exact: true }).waitFor();
  await shot(page, "onnx");
  const found = await serious(page);
  check("axe finds nothing serious beside a graph", found.length === 0, found);
}

/** What differs: between runs, between versions of a table. */
async function differences(page) {
  await open(page, `/console/compare?runs=${told.work.runs.join(",")}`);
  const marked = await page.locator("main mark").allTextContents();
  check("runs are compared by code, environment and words of parameters", ["9d01b7e", "12", "in Latin"].every((text) => marked.some((it) => it.includes(text))) && !marked.some((it) => it.includes("Name")), marked);
  await shot(page, "compare");
  await open(page, "/console/catalog/datasets/penguins?tab=changes");
  const rows = await page.locator("main section").first().locator("tbody tr").allTextContents();
  check("a column that came is told", rows.some((row) => row.includes("year") && row.includes("added")), rows);
  check("and rows that differ are shown both ways", (await page.locator("main del", { hasText: "Torgersen" }).count()) > 0 && (await page.locator("main ins", { hasText: "Tasmania" }).count()) > 0);
  await shot(page, "dataset-changes");
}

/** Work that failed goes on where it did; its steps are a graph. */
async function retried(page) {
  await open(page, `/console/system/runs/${told.work.failed}?project=tight`);
  await page.locator("main .svelte-flow__node").nth(2).waitFor();
  await settled(page);
  const before = await page.locator("main tbody tr").allTextContents();
  const button = page.getByRole("button", { name: /^Retry from / });
  const from = (await button.textContent()).replace("Retry from ", "").trim();
  check("a retry says where it goes on, behind what is done", before.findIndex((row) => row.startsWith(from)) === 2 && before[2].includes("Failed") && before[1].includes("Succeeded"), [from, before]);
  await shot(page, "steps");
  await please("room");
  await button.click();
  await page.getByRole("heading", { name: "Succeeded" }).waitFor({ timeout: 3 * PATIENCE });
  await page.waitForFunction(() => [...document.querySelectorAll("main .svelte-flow__node")].every((node) => node.textContent.includes("Succeeded")));
  await page.locator(".log input[type=search]").fill("final model");
  await page.waitForFunction(() => !document.querySelector("[role=log]").textContent.includes("held out"));
  const found = await page.locator("[role=log]").textContent();
  check("its log is searched, and tells when each line was written", found.includes("the final model") && /\d\d:\d\d:\d\d\.\d{3}/.test(found), found);
  const [answer] = await Promise.all([page.waitForResponse((it) => it.url().includes("/retry")), page.getByRole("button", { name: "Do register and what follows again" }).click()]);
  check("a run that succeeded is taken up again from a step that is named", answer.ok() && answer.request().postData().includes("register"), await answer.text());
  await settled(page);
  await page.getByRole("heading", { name: "Succeeded" }).waitFor({ timeout: 3 * PATIENCE });
  await page.waitForFunction(() => [...document.querySelectorAll("main .svelte-flow__node")].every((node) => node.textContent.includes("Succeeded")));
  check("and the graph follows it to its end", (await page.locator("main tbody tr").allTextContents()).every((row) => row.includes("Succeeded")));
  await open(page, "/");
}

/** A version is promoted knowing what policies say of it. */
async function promoted(page) {
  await open(page, "/console/catalog/models/penguins");
  await page.getByRole("button", { name: "Promote" }).first().click();
  await page.locator("dialog tbody tr").nth(1).waitFor();
  const said = await page.locator("dialog tbody tr").allTextContents();
  check("what policies say stands beside the promotion", said.some((row) => /approved-by-many.*refuses/.test(row)) && said.some((row) => /named.*Passed/i.test(row)), said);
  await page.selectOption("#stage", "Staging");
  await page.locator("dialog").getByRole("button", { name: "Promote" }).click();
  await page.locator("dialog [role=alert]").waitFor();
  check("and is what the server says, too", (await page.locator("dialog [role=alert]").textContent()).includes("approved-by-many"));
  await shot(page, "promote");
  await page.selectOption("#stage", "None");
  await page.locator("dialog").getByRole("button", { name: "Promote" }).click();
  await page.locator("main td .badge", { hasText: "None" }).first().waitFor();
  check("the version is in its stage", true);
}

/** Shares of revisions by keyboard, always 100 together; a roll-out that is paused, goes on, and turns back; what was asked as it went. */
async function release(page) {
  const shares = () => page.locator("main input[type=range]").evaluateAll((all) => all.map((it) => Number(it.getAttribute("aria-valuetext").replace(/[^0-9.]/g, ""))));
  await open(page, "/console/catalog/endpoints/penguins?tab=release");
  const before = await shares();
  await page.locator("main input[type=range]").last().focus();
  for (const key of ["Home", "PageUp", "PageUp", "ArrowUp", "ArrowRight"]) await page.keyboard.press(key);
  const after = await shares();
  check("a share is moved by keyboard, and all are 100 together", after.length > 1 && after.at(-1) === 22 && after.reduce((sum, it) => sum + it) === 100, [before, after]);
  await page.getByRole("button", { name: "Apply" }).click();
  await page.getByRole("button", { name: "Apply" }).waitFor({ state: "detached" });
  await open(page, "/console/catalog/endpoints/penguins?tab=overview");
  await open(page, "/console/catalog/endpoints/penguins?tab=release");
  check("shares are kept by the server", JSON.stringify(await shares()) === JSON.stringify(after), await shares());
  await shot(page, "shares");
  await page.locator("main input[type=range]").first().press("End");
  await page.getByRole("button", { name: "Apply" }).click();
  await page.getByRole("button", { name: "Apply" }).waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Roll out a version" }).click();
  await page.locator("dialog input[type=number]").first().fill("3600");
  await page.locator("dialog").getByRole("button", { name: "Roll out a version" }).click();
  const article = page.locator("main article").first();
  await article.locator("li[aria-current=step]").waitFor();
  await article.getByRole("button", { name: "Pause" }).click();
  await article.getByText("paused").waitFor();
  check("a roll-out shows its steps, and is paused", (await article.locator("li").count()) === 4 && (await article.locator("li[aria-current=step]").textContent()).includes("5 %"));
  check("sliders rest while it shares the requests", (await page.locator("main input[type=range]").count()) === 0);
  await shot(page, "rollout");
  await article.getByRole("button", { name: "Resume" }).click();
  await article.getByRole("button", { name: "Pause" }).waitFor();
  await article.getByRole("button", { name: "Roll back" }).click();
  await article.getByText("RolledBack").waitFor();
  check("it turns back when somebody says so", true);
  await open(page, "/console/catalog/endpoints/birds?tab=traffic");
  await page.locator("main figure").nth(1).waitFor();
  check("calls and times are drawn as they went", (await page.locator("main figure").first().textContent()).includes("Answered"));
}

/** Drift as a map: windows beside one another, colours and texts, by keyboard, and as a table. */
async function drift(page) {
  await open(page, "/console/catalog/endpoints/birds?tab=drift");
  const windows = await page.locator("table[role=grid] thead th").count();
  const row = page.locator("table[role=grid] tbody tr", { hasText: "bill_length_mm" });
  const texts = (await row.locator("td").allTextContents()).map((text) => text.trim());
  check("a monitor's looks at an endpoint are windows of a map", windows >= 4 && !texts[0].startsWith("▲") && texts.at(-1).startsWith("▲"), texts);
  check("what has drifted is told by more than its colour", (await row.locator("td").last().getAttribute("aria-label")).includes("drifted"));
  await page.locator("td[tabindex='0']").focus();
  const from = await page.evaluate(() => document.activeElement.getAttribute("aria-label"));
  await page.keyboard.press("ArrowLeft");
  await page.waitForFunction((from) => document.activeElement.matches("td[role=gridcell]") && document.activeElement.getAttribute("aria-label") !== from, from);
  check("arrow keys walk through it", (await page.locator("td[tabindex='0']").count()) === 1);
  await page.getByRole("button", { name: "As a table" }).click();
  await page.locator("main table.plain tbody tr", { hasText: "bill_length_mm" }).nth(2).waitFor();
  check("and it is there as a table", page.url().includes("as=table"));
}

/** What an endpoint was asked stands in a table, and what comes while one looks. */
async function requests(page) {
  await open(page, "/console/catalog/endpoints/birds?tab=requests");
  const first = page.locator("tr[data-index='0']");
  await first.waitFor();
  const before = await first.textContent();
  await page.evaluate(() => fetch("/api/v1/catalog/endpoints/birds/predict", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ rows: [{ bill_length_mm: 77.7, bill_depth_mm: 18, flipper_length_mm: 180, body_mass_g: 4000, island: "Biscoe", sex: "male" }] }) }).then((answer) => answer.text()));
  await page.locator("tr[data-index='0']", { hasText: "77.7" }).waitFor();
  check("a request is told while one looks", (await first.textContent()).includes("user:admin") && before !== (await first.textContent()), before);
  await shot(page, "requests");
}

/** What is changed or deleted shows at once; when it is refused, everything is as it was, with what was typed and why. */
async function hopeful(page) {
  const held = [];
  const hold = (route) => (["PATCH", "DELETE"].includes(route.request().method()) ? void held.push(route) : route.continue());
  const caught = async () => {
    while (!held.length) await page.waitForEvent("request", { timeout: 1000 }).catch(() => undefined);
    return held.pop();
  };
  await open(page, "/console/catalog/models/by-hand?tab=edit");
  await please("touch");
  await page.getByLabel("Description").fill("a third thought");
  await page.route("**/api/v1/catalog/models/by-hand*", hold);
  await page.getByRole("button", { name: "Save" }).click();
  const change = await caught();
  await page.locator("main .describe", { hasText: "a third thought" }).waitFor();
  check("a change shows before the server has answered", (await page.getByText("saving", { exact: true }).isVisible()) && (await page.locator("main form").count()) === 0);
  await change.continue();
  await page.locator("main form [role=alert]").waitFor();
  check("somebody else was faster: the form is back with what was typed, and why", (await page.getByLabel("Description").inputValue()) === "a third thought" && !(await page.locator("main .describe", { hasText: "a third thought" }).count()), await page.locator("main form [role=alert]").textContent());
  await shot(page, "refused");
  await page.unroute("**/api/v1/catalog/models/by-hand*", hold);
  await page.getByRole("button", { name: "Save" }).click();
  await page.locator("main .describe", { hasText: "a third thought" }).waitFor();
  await page.getByText("Saved", { exact: true }).first().waitFor();
  check("saved again, it stays, and what the other one set too", true);
  await page.route("**/api/v1/catalog/models/by-hand*", hold);
  await page.getByRole("button", { name: "More" }).last().click();
  await page.getByRole("menuitem", { name: "Delete" }).click();
  await page.locator("dialog").getByRole("button", { name: "Delete" }).click();
  const deletion = await caught();
  await page.waitForURL("**/console/catalog/models");
  await page.locator("tr[data-index] a", { hasText: "birds" }).first().waitFor();
  check("what is being deleted is gone from the table at once", (await page.locator("tr[data-index] a", { hasText: "by-hand" }).count()) === 0);
  await deletion.abort();
  await page.locator("tr[data-index] a", { hasText: "by-hand" }).waitFor();
  check("and is back when that failed", await page.getByText("by-hand could not be deleted").isVisible());
  await page.unroute("**/api/v1/catalog/models/by-hand*", hold);
  await page.locator(".toasts .toast", { hasText: "could not be deleted" }).getByRole("button", { name: "Close" }).click();
  await page.locator("tr[data-index] a", { hasText: "by-hand" }).click();
  await page.getByRole("heading", { name: "by-hand", level: 1 }).waitFor();
  await page.getByRole("button", { name: "More" }).last().click();
  await page.getByRole("menuitem", { name: "Delete" }).click();
  await page.locator("dialog").getByRole("button", { name: "Delete" }).click();
  await page.getByRole("button", { name: "Undo" }).click();
  await page.getByRole("heading", { name: "by-hand", level: 1 }).waitFor();
  check("a deletion is taken back with one button", true);
}

/** The page people log in on speaks as the program asks, or else the browser. */
async function loginPages() {
  for (const [locale, asked, language, title] of [["es-ES", "", "es", "Iniciar sesión"], ["zh-CN", "", "zh", "登录"], ["fr-FR", "", "en", "Log in"], ["es-ES", "&ui_locales=fr%20zh", "zh", "登录"]]) {
    const context = await browser.newContext({ locale, viewport: { width: 360, height: 740 } });
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE);
    await page.goto(`${told.url}/oauth2/login?then=%2F${asked}`);
    const seen = [await page.evaluate(() => document.documentElement.lang), await page.locator("h1").textContent()];
    check(`the login page speaks ${language} (${locale}${asked})`, seen[0] === language && seen[1] === title, seen);
    await page.fill("input[name=username]", "nobody");
    await page.fill("input[name=password]", "wrong-password-of-nobody");
    await page.click("button");
    await page.locator("[role=alert]").waitFor();
    const wrong = [await page.evaluate(() => document.documentElement.lang), await page.locator("[role=alert]").textContent()];
    const words = { es: "contraseña", zh: "密码", en: "password" };
    check(`and tells in ${language} what was wrong (${locale}${asked})`, wrong[0] === language && wrong[1].includes(words[language]), wrong);
    const found = await serious(page);
    check(`axe finds nothing serious on the login page in ${language} (${locale}${asked})`, found.length === 0, found);
    await shot(page, `login-${locale}${asked ? "-asked" : ""}`);
    await context.close();
  }
}

/** So do the other pages of signing in, from link to link and from form to form. */
async function otherLoginPages() {
  const said = {
    es: ["¿Olvidó su contraseña?", "Elija una contraseña nueva", "Bienvenido a AIC", "Revise su correo", "No ha funcionado", "Conectar un dispositivo", "este código es desconocido", "¿Cerrar sesión?", "Ha cerrado la sesión"],
    zh: ["忘记密码？", "设置新密码", "欢迎使用 AIC", "请查看您的邮箱", "操作未成功", "连接设备", "此代码未知", "要退出登录吗？", "您已退出登录"],
    en: ["Forgot your password?", "Choose a new password", "Welcome to AIC", "Look at your mail", "That did not work", "Connect a device", "this code is unknown", "Log out?", "You are logged out"],
  };
  for (const [locale, asked] of [["es-ES", ""], ["zh-CN", ""], ["en-GB", ""], ["en-GB", "es"]]) {
    const language = asked || locale.slice(0, 2);
    const query = (text) => [text, asked && `ui_locales=${asked}`].filter(Boolean).join("&");
    const page = await person("victor", told.others, { locale });
    const seen = [];
    const note = async (selector = "h1") => seen.push([await page.evaluate(() => document.documentElement.lang), (await page.locator(selector).first().textContent()).trim()]);
    for (const path of ["forgot", "password?token=x", "invitation?token=x"]) {
      const [place, own = ""] = path.split("?");
      await page.goto(`${told.url}/oauth2/${place}?${query(own)}`);
      await note();
      const found = await serious(page);
      check(`axe finds nothing serious on ${place} in ${language} (${locale}${asked})`, found.length === 0, found);
    }
    await page.goto(`${told.url}/oauth2/login?${query("then=%2F")}`);
    await page.locator("a[href^='/oauth2/forgot']").click();
    await page.fill("input[name=username]", "nobody-of-that-name");
    await page.click("button");
    await note();
    await page.goto(`${told.url}/oauth2/authorize?${query("client_id=none")}`);
    await note();
    await page.goto(`${told.url}/oauth2/device?${query("")}`);
    await note();
    await page.fill("input[name=user_code]", "BBBB-BBBB");
    await page.click("button");
    await note("[role=alert]");
    await shot(page, `device-${locale}${asked}`);
    await page.goto(`${told.url}/oauth2/logout?${query("")}`);
    await note();
    await page.click("button");
    await page.locator("a.other").waitFor();
    await note();
    check(`every page of signing in speaks ${language} (${locale}${asked})`, seen.every(([tag, text], at) => tag === language && text.includes(said[language][at])), seen);
    await page.context().close();
  }
}

/** Small screens, large letters, other words. */
async function otherEyes(page) {
  for (const [name, width, height] of [["phone", 360, 740], ["zoom-200", 680, 425]]) {
    await page.setViewportSize({ width, height });
    const wide = [];
    for (const view of ["/", "/console/catalog/datasets", "/console/catalog/datasets/birds?tab=profile", "/console/catalog/endpoints/birds", ...OWN, `/console/compare?runs=${told.work.runs.join(",")}`, `/console/system/runs/${told.work.failed}?project=tight`, "/console/catalog/models/birds", "/console/admin", "/console/admin/policies/~new", "/console/admin/audit"]) {
      await open(page, view);
      if (await isTooWide(page)) wide.push(view);
      await shot(page, `${name}-${view.replace(/^\/console\/?/, "").replace(/[^a-z0-9]+/gi, "-") || "home"}`);
    }
    check(`nothing is wider than the screen: ${name}`, wide.length === 0, wide);
    await page.getByRole("button", { name: "Navigation" }).click();
    await page.getByRole("link", { name: "Models", exact: true }).click();
    await page.waitForURL("**/console/catalog/models");
    await page.waitForFunction(() => !document.querySelector(".side.drawer"));
    check(`the navigation opens and closes: ${name}`, true);
  }
  await page.setViewportSize({ width: 1360, height: 850 });
  for (const [language, word] of [["Español", "Modelos"], ["中文", "模型"]]) {
    await open(page, "/console/catalog/models/birds");
    await choose(page, language);
    await page.getByRole("link", { name: word, exact: true }).first().waitFor();
    check(`it speaks ${language}`, (await page.evaluate(() => document.documentElement.lang)) === (language === "Español" ? "es" : "zh"));
    await shot(page, `speaks-${language === "Español" ? "es" : "zh"}`);
    await open(page, "/console/system/runs");
    const [title, state] = [await page.locator("h1").textContent(), await page.locator("tr[data-index] .badge").first().textContent()];
    check(`kinds, columns and states are told in ${language}`, language === "Español" ? title === "Ejecuciones" && ["completado", "fallido", "en espera"].includes(state) : title === "运行" && ["成功", "失败", "等待中"].includes(state), [title, state]);
    await open(page, "/console/catalog/models/birds");
    const found = await serious(page);
    check(`axe finds nothing serious in ${language}`, found.length === 0, found);
    for (const view of OWN) {
      await open(page, view);
      const found = await serious(page);
      check(`axe finds nothing serious in ${language}: ${view}`, found.length === 0 && !(await page.locator("main .notice.bad").count()), found);
      await shot(page, `speaks-${language === "Español" ? "es" : "zh"}-${view.replace(/^\/console\/?/, "").replace(/[^a-z0-9]+/gi, "-")}`);
    }
  }
  await choose(page, "English");
  await open(page, "/");
}

/** Another language from the menu of appearances. */
async function choose(page, language) {
  await page.locator("header button").nth(-2).click();
  await page.getByRole("menuitemcheckbox", { name: language }).click();
  await page.keyboard.press("Escape");
  await page.waitForFunction(() => !document.querySelector("[role=menu]"));
  await settled(page);
}

/** A server that goes and comes back is a moment's notice. */
async function restart(page) {
  await open(page, "/console/catalog/datasets");
  const before = seen.errors.length;
  await please("kill");
  await page.getByRole("link", { name: "birds", exact: true }).click();
  await page.getByText("The server does not answer").waitFor();
  const found = await serious(page);
  check("axe finds nothing serious while the server is away", found.length === 0, found);
  await shot(page, "away");
  // Whoever does not want to wait asks again at once.
  const again = page.waitForRequest((request) => request.url().includes("/catalog/datasets/birds"));
  await page.getByRole("button", { name: "Try again" }).click();
  await again;
  check("it is asked again, at once where somebody says so", await page.getByText("The server does not answer").isVisible());
  await please("start");
  await page.getByRole("heading", { name: "birds", level: 1 }).waitFor();
  await page.waitForFunction(() => !document.querySelector(".banner"));
  check("through a restart the page waits, and goes on where it was", seen.errors.length === before, seen.errors.slice(before));
}

/** Whoever may only look is offered nothing else. */
async function viewer() {
  const page = await person("victor", told.others);
  seen.refused.length = 0;
  const offered = [];
  for (const view of ["/", "/console/kinds", "/console/catalog/datasets", "/console/catalog/datasets/birds", "/console/catalog/models", "/console/catalog/models/birds", "/console/catalog/model-versions/birds.1", "/console/catalog/endpoints/birds", "/console/system/runs", "/console/catalog/experiments/tries", "/console/catalog/pipelines", "/console/catalog/listings/made"]) {
    await open(page, view);
    const buttons = await page.locator("main button:visible, main a.button:visible").allTextContents();
    offered.push(...buttons.map((text) => text.trim()).filter((text) => /^(New|Upload|Train|Edit|Delete|Deploy|Promote|Save|Restore)/.test(text)).map((text) => `${text} on ${view}`));
  }
  check("a viewer is offered nothing that would be refused", offered.length === 0, offered);
  check("and is refused nothing while looking", seen.refused.length === 0, seen.refused);
  await shot(page, "viewer");
  await page.context().close();
}

/** From now on the browser notes how long each interaction takes until it is painted. */
const timed = (page) =>
  page.evaluate(() => {
    window.timer?.disconnect();
    window.slow = [];
    const note = (entries) => window.slow.push(...entries.map((it) => it.duration));
    window.timer = new PerformanceObserver((list) => note(list.getEntries()));
    window.timer.observe({ type: "event", durationThreshold: 16 });
    window.slowest = () => (note(window.timer.takeRecords()), Math.max(0, ...window.slow));
  });
/** The slowest of them so far, once the last one is painted. */
async function slowest(page) {
  await drawn(page);
  return page.evaluate(() => window.slowest());
}

/** Figures: first paint, a long table, sorting it. */
async function measure(page) {
  const fresh = await page.context().newPage();
  await fresh.goto(`${told.url}/console/catalog/datasets`);
  await fresh.waitForSelector("tr[data-index]");
  const paint = await fresh.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0);
  figure(`first contentful paint ${Math.round(paint)} ms on localhost`);
  await fresh.goto(`${told.url}/console/catalog/experiments/many`);
  await fresh.waitForSelector("tr[data-index]");
  const all = told.many.toLocaleString("en");
  await fresh.waitForFunction((text) => document.querySelector("main .part")?.textContent?.includes(`${text} in all`), all, { timeout: 5 * PATIENCE });
  const sorts = [];
  for (const [name, order] of [["loss", "ascending"], ["loss", "descending"], ["rate", "ascending"], ["Run", "ascending"], ["Run", "descending"], ["Created", "ascending"]]) {
    await timed(fresh);
    await fresh.locator("th").getByRole("button", { name, exact: true }).click();
    await fresh.waitForFunction(([name, order]) => document.querySelector(`th[aria-sort=${order}]`)?.textContent?.includes(name), [name, order]);
    sorts.push(`${name} ${order === "ascending" ? "up" : "down"} ${await slowest(fresh)}`);
  }
  figure(`${all} runs sorted by ${sorts.join(", ")}: ms to the next paint`);
  await timed(fresh);
  await fresh.locator("tr[data-index='0'] input").check();
  const rows = await fresh.locator("tr[data-index]").count();
  await fresh.locator(".frame").evaluate((frame) => (frame.scrollTop = frame.scrollHeight / 2));
  await fresh.waitForFunction((half) => Number(document.querySelector("tr[data-index]")?.dataset.index ?? 0) > half * 0.8, told.many / 2);
  figure(`a table of ${all} runs: ${rows} rows drawn, slowest interaction ${await slowest(fresh)} ms to the next paint`);
  check("only the rows in sight are drawn", rows < 80, rows);
  await shot(fresh, "many");
  await fresh.goto(`${told.url}/console/catalog/experiments/wide?tab=charts`);
  await fresh.waitForFunction(() => document.querySelectorAll("main figure").length === 50);
  await timed(fresh);
  for (let step = 0; step < 5; step++) await fresh.locator("input[type=range]").press("ArrowRight");
  figure(`50 charts: slowest step of their smoothing ${await slowest(fresh)} ms to the next paint`);
  await shot(fresh, "wide");
  await fresh.close();
}

/** A slow line shows the page late, and whole. */
async function slowly(page) {
  const slow = await page.context().newPage();
  const session = await slow.context().newCDPSession(slow);
  await session.send("Network.enable");
  await session.send("Network.emulateNetworkConditions", { offline: false, latency: 300, downloadThroughput: 50_000, uploadThroughput: 20_000 });
  const began = Date.now();
  await slow.goto(`${told.url}/console/catalog/models`);
  await slow.getByRole("link", { name: "birds", exact: true }).waitFor({ timeout: 3 * PATIENCE });
  figure(`over a line of 400 kbit/s and 300 ms: ${Date.now() - began} ms to a table with its rows`);
  await slow.close();
}

try {
  const page = await person("admin", told.password);
  await mainJob(page);
  Object.assign(told, await please("load"));
  await objects(page);
  await dashboards(page);
  await everyView(page);
  await everyKind(page);
  await hostile(page);
  await keyboard(page);
  await tables(page);
  await traces(page);
  await artifacts(page);
  await differences(page);
  await retried(page);
  await promoted(page);
  await release(page);
  await drift(page);
  await requests(page);
  await hopeful(page);
  await loginPages();
  await otherLoginPages();
  await otherEyes(page);
  await measure(page);
  await slowly(page);
  check("nothing was refused to the administrator", seen.refused.length === 0, seen.refused);
  await viewer();
  await restart(page);
  check("the browser got to the end", true);
} catch (error) {
  const pages = browser.contexts().flatMap((context) => context.pages());
  for (const [index, page] of pages.entries()) await shot(page, `broken-${index}`).catch(() => undefined);
  check("the browser got to the end", false, String(error.stack ?? error));
} finally {
  check("the page's policy had nothing to forbid", seen.violations.length === 0, seen.violations);
  check("no script failed", seen.errors.length === 0, seen.errors);
  await browser.close();
  process.exit(0);
}
