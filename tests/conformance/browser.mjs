// Uses the playground in a real browser, as someone does who comes for the first time.
//
//   ctutor dev --port 0 --data "$(mktemp -d)"
//   npm ci && node browser.mjs LINK [FOLDER]
//
// LINK is the line `playground` of what `ctutor dev` prints, with its token. Pictures go into FOLDER, if given.
// Data goes to stdout, one line a check; a failure says what the page showed.

import assert from "node:assert/strict";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";

import puppeteer from "puppeteer-core";

/** Nothing here takes nearly as long; only a page that hangs does. */
const PATIENCE_MS = 30_000;
/** How long the workflow runs: long enough to be seen at work, for it reports once a second. */
const DURATION_SECONDS = 8;
/** Holds every answer without scrolling: the editors draw no more lines than can be seen. */
const VIEWPORT = { width: 1_400, height: 1_500 };

const [link, folder] = process.argv.slice(2);
if (!link) {
  console.error("usage: node browser.mjs LINK [FOLDER]");
  process.exit(2);
}

const browser = await puppeteer.launch({
  executablePath: findChromium(),
  // Its sandbox does not work for root, for whom it would guard little.
  args: process.getuid?.() === 0 ? ["--no-sandbox"] : [],
});
const page = await browser.newPage();
const complaints = [];
/** The items of subscriptions as they came over the sockets of the page, oldest first. */
const received = [];
await listen(page);

let passed = 0;
try {
  await check("the link opens the page, and its token leaves the address", opens);
  await check("the schema is loaded and shown", showsSchema);
  const id = await check("the first tab starts a workflow", startsWorkflow);
  await check("the second tab follows the workflow to its end", () => watchesWorkflow(id));
  await check("the third tab lists the workflow, and the keyboard runs it", () => listsWorkflow(id));
  await check("the text stands out, in the light as in the dark", isDarkInTheDark);
  await check("nothing was complained of, and no other host was asked", () => assert.deepEqual(complaints, []));
} catch (error) {
  console.log(await shown(error));
  process.exitCode = 1;
} finally {
  await browser.close();
}
console.log(`\nplayground: ${passed} passed, ${process.exitCode ? 1 : 0} failed`);

async function check(name, body) {
  try {
    const value = await body();
    if (folder) await page.screenshot({ path: join(folder, `${passed + 1}.png`) });
    passed += 1;
    console.log(`PASS playground: ${name}`);
    return value;
  } catch (error) {
    console.log(`FAIL playground: ${name}`);
    throw error;
  }
}

async function opens() {
  await page.goto(link);
  await page.waitForSelector(".graphiql-execute-button");
  assert.equal(page.url(), link.replace(/#.*/, ""));
  await waitForText(".token-bar", "Requests are made as dev until");
}

async function showsSchema() {
  await page.click('button[aria-label="Show Documentation Explorer"]');
  for (const type of ["Query", "Mutation", "Subscription"]) {
    await waitForText(".graphiql-doc-explorer", type);
  }
  await page.click('button[aria-label="Hide Documentation Explorer"]');
}

async function startsWorkflow() {
  const query = await editorText(".graphiql-query-editor", (text) =>
    /"example_long_running"[\s\S]*duration: \d+/.test(text),
  );
  await type(".graphiql-query-editor", query.replace(/duration: \d+/, `duration: ${DURATION_SECONDS}`));
  await execute(() => page.click(".graphiql-execute-button"));
  const { created, workflow, userErrors } = (await answer()).data.startWorkflow;
  assert.deepEqual({ created, userErrors }, { created: true, userErrors: [] });
  assert.equal(workflow.type, "example_long_running");
  return workflow.id;
}

async function watchesWorkflow(id) {
  await openTab("WatchWorkflow");
  await enterId(id);
  await execute(() => page.click(".graphiql-execute-button"));
  await page.waitForFunction(() => window.drawn.at(-1)?.data?.workflowStream?.__typename === "StreamEnded");
  const items = received.map((item) => item.data?.workflowStream ?? item);
  assert.equal(items[0].__typename, "WorkflowSnapshot", JSON.stringify(items));
  // Items that come together are drawn once, as the last of them.
  const drawn = await page.evaluate(() => window.drawn.map((item) => item.data?.workflowStream ?? item));
  const places = drawn.map((item) => items.findIndex((other) => isDeepStrictEqual(item, other)));
  assert.ok(isRising(places) && places[0] >= 0, `drawn were the items ${JSON.stringify(places)} of those received`);
  const progress = items
    .filter((item) => item.__typename === "ActivityProgressed")
    .map((item) => item.activity.heartbeat.progress);
  assert.ok(progress.length >= 2 && isRising(progress), `progress was ${JSON.stringify(progress)}`);
  const { workflow } = items.at(-1);
  assert.equal(workflow.status, "COMPLETED");
  assert.equal(workflow.result.result.message, "Hello");
}

function isRising(numbers) {
  return numbers.every((value, index) => index === 0 || value > numbers[index - 1]);
}

/** Goes between the quotes of the one variable, as the tab asks for. */
async function enterId(id) {
  const variables = '.graphiql-editor-tool[aria-label="Variables"]';
  await page.click(`${variables} .view-lines`);
  await chord("a");
  for (const key of ["ArrowRight", "ArrowUp", "End", "ArrowLeft"]) {
    await page.keyboard.press(key);
  }
  await page.keyboard.sendCharacter(id);
  const entered = JSON.stringify({ id });
  await editorText(variables, (text) => withoutBlanks(text) === entered);
}

async function listsWorkflow(id) {
  await openTab("ListWorkflows");
  await page.click(".graphiql-query-editor .view-lines");
  await execute(() => chord("Enter"));
  const [newest] = (await answer()).data.workflows.nodes;
  assert.deepEqual([newest.id, newest.status], [id, "COMPLETED"]);
}

async function isDarkInTheDark() {
  await page.waitForFunction(isReadable, {}, "dark text on light");
  const context = await browser.createBrowserContext();
  const other = await context.newPage();
  await listen(other);
  await other.emulateMediaFeatures([{ name: "prefers-color-scheme", value: "dark" }]);
  await other.goto(link);
  await other.waitForFunction(isReadable, {}, "light text on dark");
  if (folder) await other.screenshot({ path: join(folder, "dark.png") });
  await context.close();
}

/** Whether the plain text of the query stands out from what lies behind it; runs in the page. */
function isReadable(how) {
  const text = document.querySelector(".graphiql-query-editor .view-line .mtk1");
  if (!text) return false;
  const brightness = (property) => {
    for (let at = text; at; at = at.parentElement) {
      const [red, green, blue, alpha = 1] = (getComputedStyle(at)[property].match(/[\d.]+/g) ?? []).map(Number);
      // Transparent parts show what lies behind them.
      if (alpha > 0) return (red + green + blue) / 3;
    }
    return 255;
  };
  const [front, back] = [brightness("color"), brightness("backgroundColor")];
  return how === "light text on dark" ? front > 150 && back < 100 : front < 100 && back > 200;
}

/** Notes what should not happen. */
async function listen(page) {
  const { host } = new URL(link);
  const elsewhere = (url) => ["http:", "https:", "ws:", "wss:"].includes(url.protocol) && url.host !== host;
  page.setDefaultTimeout(PATIENCE_MS);
  await page.evaluateOnNewDocument(() => {
    // The lines of an editor stand in the document in any order.
    window.textOf = (editor) =>
      [...document.querySelectorAll(`${editor} .view-line`)]
        .sort((a, b) => parseFloat(a.style.top) - parseFloat(b.style.top))
        .map((line) => line.textContent.replaceAll("\u00a0", " "))
        .join("\n");
  });
  await page.setViewport(VIEWPORT);
  page.on("pageerror", (error) => complaints.push(`error: ${error.message}`));
  page.on("console", (message) => {
    if (["error", "warn"].includes(message.type())) complaints.push(`console: ${message.text()}`);
  });
  page.on("requestfailed", (request) => complaints.push(`failed: ${request.url()} ${request.failure()?.errorText}`));
  page.on("response", (response) => {
    if (response.status() >= 400) complaints.push(`answer ${response.status()}: ${response.url()}`);
  });
  page.on("request", (request) => {
    if (elsewhere(new URL(request.url()))) complaints.push(`asked elsewhere: ${request.url()}`);
  });
  // Sockets are not among the requests.
  const session = await page.createCDPSession();
  await session.send("Network.enable");
  session.on("Network.webSocketFrameReceived", ({ response }) => {
    const message = JSON.parse(response.payloadData);
    if (message.type === "next") received.push(message.payload);
  });
  session.on("Network.webSocketCreated", ({ url }) => {
    if (elsewhere(new URL(url))) complaints.push(`asked elsewhere: ${url}`);
  });
}

async function openTab(name) {
  const [tab] = await page.$$(`::-p-xpath(//button[contains(@class, "graphiql-tab-button")][.="${name}"])`);
  assert.ok(tab, `there is no tab \`${name}\``);
  await tab.click();
  const isOpen = (title) => document.querySelector(".graphiql-tab-active")?.textContent.includes(title);
  await page.waitForFunction(isOpen, {}, name);
}

/** Runs the query of the tab. The items of a subscription replace each other, so each is noted when it is drawn. */
async function execute(trigger) {
  // The page reads a query a moment after it has changed, and until then would name the operation before it.
  await page.waitForFunction(() => {
    const [shown, read] = [window.textOf(".graphiql-query-editor"), localStorage.getItem("graphiql:query") ?? ""];
    return shown !== "" && shown.replace(/\s/g, "") === read.replace(/\s/g, "");
  });
  await page.evaluate(() => {
    const text = () => window.textOf(".result-window").replaceAll("\n", "");
    let last = text();
    window.drawn = [];
    window.observer?.disconnect();
    window.observer = new MutationObserver(() => {
      const now = text();
      if (now === last) return;
      last = now;
      try {
        window.drawn.push(JSON.parse(now));
      } catch {
        // It is not drawn to its end yet.
      }
    });
    const options = { childList: true, subtree: true, characterData: true, attributes: true };
    window.observer.observe(document.querySelector(".result-window"), options);
  });
  await trigger();
}

/** The first answer after `execute`. */
async function answer() {
  const drawn = await page.waitForFunction(() => window.drawn[0]);
  const value = await drawn.jsonValue();
  assert.ok(value.data && !value.errors, JSON.stringify(value));
  return value;
}

/** The text of an editor once it is as expected: an editor draws a moment after it was told to. */
async function editorText(editor, isExpected) {
  let text = "";
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end; await setTimeout(20)) {
    text = await page.evaluate((selector) => window.textOf(selector), editor);
    if (isExpected(text)) return text;
  }
  return assert.fail(`${editor} showed ${JSON.stringify(text)}`);
}

/** Replaces the text of an editor, as pasting does. */
async function type(editor, text) {
  await page.click(`${editor} .view-lines`);
  await chord("a");
  await page.keyboard.sendCharacter(text);
  await editorText(editor, (typed) => withoutBlanks(typed) === withoutBlanks(text));
}

function withoutBlanks(text) {
  return text.replaceAll(/\s/g, "");
}

async function chord(key) {
  const modifier = process.platform === "darwin" ? "Meta" : "Control";
  await page.keyboard.down(modifier);
  await page.keyboard.press(key);
  await page.keyboard.up(modifier);
}

async function waitForText(selector, text) {
  const shows = (where, wanted) => document.querySelector(where)?.textContent.includes(wanted);
  await page.waitForFunction(shows, {}, selector, text);
}

/** What there is to see of a failure. */
async function shown(error) {
  // biome-ignore lint/performance/useDomNodeTextContent: what a person sees, without scripts and hidden parts
  const look = () => ({ text: document.body.innerText, drawn: window.drawn });
  const { text, drawn } = await page.evaluate(look).catch((failed) => ({ text: String(failed) }));
  if (folder) await page.screenshot({ path: join(folder, "failure.png") });
  return [
    error.stack,
    `--- the page at ${page.url()} showed`,
    text,
    "--- the answers that it drew",
    ...(drawn ?? []).map((item) => JSON.stringify(item)),
    "--- what was complained of",
    ...complaints,
  ].join("\n");
}

function findChromium() {
  const places = (process.env.PATH ?? "").split(delimiter);
  const names = ["chromium", "chromium-browser", "google-chrome"];
  const found = names
    .flatMap((name) => places.map((place) => join(place, name)))
    .concat("/Applications/Chromium.app/Contents/MacOS/Chromium")
    .find(isProgram);
  if (found) return found;
  console.error("there is no Chromium: run `scripts/setup test`");
  process.exit(2);
}

function isProgram(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
