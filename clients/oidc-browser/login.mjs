// A browser without scripts goes through every page, for openid-client, mod_auth_openidc and nginx; prints what it saw as JSON.

import { createRequire } from "node:module";
import http from "node:http";
import { pathToFileURL } from "node:url";

const require = createRequire(import.meta.url);
const load = (name) => import(pathToFileURL(require.resolve(name)).href);
const oidc = await load("openid-client");
const { chromium } = require("playwright-core");
const told = JSON.parse(process.env.TOLD);
const seen = {};

/// A program people log in to: it only remembers where they came back.
async function listener() {
  let came;
  const back = new Promise((resolve) => (came = resolve));
  const server = http.createServer((request, response) => {
    response.setHeader("content-type", "text/html");
    response.end("<h1>back</h1>");
    if (request.url.startsWith("/cb")) came(request.url);
  });
  await new Promise((resolve) => server.listen(told.port, "127.0.0.1", resolve));
  return { back, close: () => server.close() };
}

async function fill(page, name, password) {
  await page.fill("input[name=username]", name);
  await page.fill("input[name=password]", password);
  await page.click("button");
}

async function behindNginx(page) {
  const first = await page.goto(`${told.issuer}/app/`);
  seen.login = { url: page.url(), title: await page.title(), scripts: (await first.text()).includes("<script") };
  await page.screenshot({ path: told.shots + "/login.png" });
  await fill(page, "ada", "wrong-password-1");
  seen.wrong = await page.textContent("p.bad");
  await fill(page, "ada", "a-long-enough-password");
  seen.app = { url: page.url(), text: await page.textContent("body") };
}

async function withOpenidClient(page) {
  const listening = await listener();
  const config = await oidc.discovery(new URL(told.issuer), told.client, told.secret, undefined, { execute: [oidc.allowInsecureRequests] });
  const verifier = oidc.randomPKCECodeVerifier();
  const state = oidc.randomState();
  const nonce = oidc.randomNonce();
  const redirect = `http://127.0.0.1:${told.port}/cb`;
  const url = oidc.buildAuthorizationUrl(config, {
    redirect_uri: redirect, scope: "openid profile offline_access", state, nonce,
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256",
  });
  await page.goto(url.href);
  seen.consent = await page.textContent("main");
  await page.screenshot({ path: told.shots + "/consent.png" });
  await page.click("button[value=allow]");
  const current = new URL(await listening.back, redirect);
  const checks = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true };
  const tokens = await oidc.authorizationCodeGrant(config, current, checks);
  seen.claims = tokens.claims();
  seen.userinfo = await oidc.fetchUserInfo(config, tokens.access_token, tokens.claims().sub);
  const renewed = await oidc.refreshTokenGrant(config, tokens.refresh_token);
  seen.renewed = renewed.access_token !== tokens.access_token;
  await oidc.tokenRevocation(config, renewed.refresh_token);
  seen.revoked = (await oidc.tokenIntrospection(config, renewed.refresh_token)).active === false;
  const par = await oidc.buildAuthorizationUrlWithPAR(config, {
    redirect_uri: redirect, scope: "openid", code_challenge: await oidc.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256",
  });
  seen.pushed = par.searchParams.get("request_uri");
  listening.close();
}

async function withApache(page) {
  await page.goto(`${told.apache}/protected/`);
  seen.apacheConsent = await page.textContent("main").catch(() => "");
  const answered = page.waitForResponse((response) => response.url() === `${told.apache}/protected/` && response.status() === 200);
  await page.click("button[value=allow]");
  seen.apache = { user: (await answered).headers()["x-user"], text: await page.textContent("body") };
}

const browser = await chromium.launch({ executablePath: told.chromium, args: ["--no-sandbox"] });
try {
  const context = await browser.newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  page.setDefaultTimeout(30000);
  await behindNginx(page);
  await withOpenidClient(page);
  await withApache(page);
  await page.goto(`${told.issuer}/oauth2/logout`);
  await page.click("button[value=allow]");
  seen.out = await page.textContent("main");
  await page.goto(`${told.issuer}/app/`);
  seen.again = page.url();
  const dark = await browser.newContext({ javaScriptEnabled: false, colorScheme: "dark", viewport: { width: 360, height: 640 } });
  const small = await dark.newPage();
  await small.goto(`${told.issuer}/oauth2/login`);
  await small.screenshot({ path: told.shots + "/dark.png" });
} catch (error) {
  seen.error = String(error.stack ?? error) + " cause: " + String(error.cause?.stack ?? error.cause ?? "");
} finally {
  await browser.close();
}
console.log(JSON.stringify(seen));
