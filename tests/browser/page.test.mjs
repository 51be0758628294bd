// The demo page as a person meets it.

import assert from "node:assert/strict";
import { after, before, beforeEach, afterEach, test } from "node:test";

import { artefact, card, eventually, launchBrowser, openPage, openTab, publish, startProxy, startServer, until } from "./support.mjs";

let browser;
let server;
before(async () => (browser = await launchBrowser()));
after(() => browser?.close());
beforeEach(async () => (server = await startServer()));
afterEach(async () => {
  await server.stop();
  for (const context of browser.contexts()) await context.close();
});

const say = async (page, text) => {
  await page.getByTestId("chat-text").fill(text);
  await page.getByTestId("chat-send").click();
};
const reads = (page, text) => page.getByTestId("chat-log").getByText(text, { exact: true }).waitFor();
const rename = async (page, name) => {
  await page.getByTestId("chat-name").fill(name);
  await page.getByTestId("chat-name").press("Enter");
  await until(page, (mine) => [...document.querySelectorAll("[data-testid=presence-list] .me")].some((item) => item.textContent === mine), name);
};

test("the page comes under its policy without a complaint, and the host's load arrives by itself", async () => {
  const page = await openPage(browser, server.url);
  const response = await page.request.get(server.url);
  assert.match(response.headers()["content-security-policy"], /default-src 'self'/);
  await card(page, "chat").is({ state: "live" });
  await card(page, "ws-json").is({ state: "live" });
  await card(page, "ws-json").counts(1);
  await until(page, () => Number(document.getElementById("host-cpu").textContent) >= 0);
  for (const name of ["sse", "poll", "stream", "frame", "mixed", "picture"]) {
    assert.equal((await card(page, name).data()).state, "off", name);
  }
  assert.deepEqual(page.complaints, []);
});

for (const name of ["ws-json", "sse", "poll", "stream", "frame"]) {
  test(`${name} is cut, comes back with its cursor and has lost nothing`, async () => {
    const page = await openPage(browser, server.url);
    const line = card(page, name);
    if (name !== "ws-json") await line.toggle();
    await line.is({ state: "live" });
    await line.counts(1);
    const { lastId } = await line.data();
    assert.ok(lastId);
    await line.cut();
    await line.is({ state: "cut" });
    const before = await line.count();
    await line.is({ state: "live", outcome: "complete", missed: "0", repeats: "0" });
    await line.counts(before + 2);
    const { recovered, missed, lastId: newest } = await line.data();
    assert.ok(Number(recovered) >= 1, `recovered ${recovered}`);
    assert.equal(missed, "0");
    assert.notEqual(newest, lastId);
    await line.toggle();
    await line.is({ state: "off" });
    assert.deepEqual(page.complaints, []);
  });
}

for (const name of ["ws-raw", "mixed"]) {
  test(`${name} is cut and goes on from now, for it keeps no position`, async () => {
    const page = await openPage(browser, server.url);
    const line = card(page, name);
    await line.toggle();
    await line.counts(1);
    await line.cut();
    await line.is({ state: "cut" });
    const before = await line.count();
    await line.is({ state: "live", outcome: "none" });
    await line.counts(before);
    assert.deepEqual(page.complaints, []);
  });
}

test("the picture is one image that the server keeps drawing anew", async () => {
  const page = await openPage(browser, server.url);
  const picture = card(page, "picture");
  await picture.toggle();
  await picture.is({ state: "live" });
  await picture.counts(2);
  const size = await page.getByTestId("picture").evaluate(({ naturalWidth, naturalHeight }) => [naturalWidth, naturalHeight]);
  assert.deepEqual(size, [640, 240]);
  await picture.cut();
  await picture.is({ state: "cut" });
  assert.ok(await page.getByTestId("picture").isVisible(), "the last picture stays while it is cut");
  const before = await picture.count();
  await picture.is({ state: "live" });
  await picture.counts(before + 1);
  assert.deepEqual(page.complaints, []);
});

test("a third HTTP transport switches off the first and says so", async () => {
  const page = await openPage(browser, server.url);
  for (const name of ["sse", "stream", "poll"]) {
    await card(page, name).toggle();
    await card(page, name).is({ state: "live" });
  }
  await card(page, "sse").is({ state: "off" });
  await card(page, "stream").is({ state: "live" });
  assert.match(await page.getByTestId("budget-note").textContent(), /SSE, EventSource was switched off/);
  assert.equal((await card(page, "ws-json").data()).state, "live", "WebSockets are not counted");
});

test("a hidden tab lets go of its HTTP connections and resumes when it is seen again", async (t) => {
  const proxy = await startProxy(server.port);
  t.after(() => proxy.close());
  const page = await openPage(browser, proxy.url);
  const show = (visibility) => page.evaluate((state) => {
    Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  }, visibility);
  const names = ["sse", "stream"];
  for (const name of names) {
    await card(page, name).toggle();
    await card(page, name).counts(1);
  }
  const held = () => proxy.open(/GET \/push\/(sse|stream)\?/);
  await eventually(() => held() === 2, "both connections are open");
  await show("hidden");
  for (const name of names) await card(page, name).is({ state: "cut" });
  await eventually(() => held() === 0, "both connections are gone");
  const seen = await card(page, "ws-json").count();
  await card(page, "ws-json").counts(seen + 1);
  await show("visible");
  for (const name of names) await card(page, name).is({ state: "live", outcome: "complete", missed: "0" });
});

test("a restart is told as a loss, and everything goes on by itself", async () => {
  const page = await openPage(browser, server.url);
  const lines = ["chat", "ws-json", "sse", "poll"].map((name) => card(page, name));
  await lines[2].toggle();
  await lines[3].toggle();
  await lines[0].is({ state: "live" });
  for (const line of lines.slice(1)) await line.counts(0);
  await say(page, "before");
  await reads(page, "before");
  const { port } = server;
  await server.stop("SIGKILL");
  for (const line of lines) await line.is({ state: "connecting" });
  server = await startServer({ port });
  for (const line of lines) await line.is({ state: "live", outcome: "lost" });
  for (const line of lines.slice(1)) {
    const before = await line.count();
    await line.counts(before + 1);
    assert.equal((await line.data()).repeats, "0");
  }
  await say(page, "after");
  await reads(page, "after");
});

test("a connection an operator ends comes back or stays away, as the close code says", async () => {
  const page = await openPage(browser, server.url);
  const chat = card(page, "chat");
  await chat.is({ state: "live" });
  const members = async () => (await (await fetch(`${server.url}/push/presence?channel=chat/lobby`)).json()).members;
  const disconnect = async (order) => {
    const response = await fetch(`${server.url}/push/disconnect`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(order),
    });
    return (await response.json()).disconnected;
  };
  // A member is listed for a while after its connection is gone: of those listed, the one that can be ended is there.
  const end = async (reconnect) => {
    let ended;
    await eventually(async () => {
      for (const { connection } of await members()) {
        if (await disconnect({ connection, reason: "maintenance", reconnect }) === 1) ended = connection;
      }
      return ended;
    }, "a connection is there to be ended");
    return ended;
  };
  const ended = await end(true);
  await eventually(async () => (await members()).some(({ connection }) => connection !== ended), "the page is back");
  await chat.is({ state: "live", outcome: "complete" });
  await end(false);
  await chat.is({ state: "refused" });
  assert.match(await page.getByTestId("chat-outcome").textContent(), /maintenance/);
});

test("what was typed while the connection was away is sent once it is back, once", async (t) => {
  const proxy = await startProxy(server.port);
  t.after(() => proxy.close());
  const page = await openPage(browser, proxy.url);
  const chat = card(page, "chat");
  await chat.is({ state: "live" });
  proxy.refuse();
  proxy.cutAll();
  await chat.is({ state: "connecting" });
  await say(page, "typed in the dark");
  proxy.accept();
  await chat.is({ state: "live", outcome: "complete" });
  await reads(page, "typed in the dark");
  const { events } = await (await fetch(`${server.url}/push/history?channel=chat/lobby`)).json();
  assert.deepEqual(events.map(({ data }) => data.text), ["typed in the dark"]);
});

test("whatever is published to the chat stays text", async () => {
  const page = await openPage(browser, server.url);
  await card(page, "chat").is({ state: "live" });
  const attack = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>";
  await publish(server, "chat/lobby", { name: attack, text: attack });
  await publish(server, "chat/lobby", attack);
  await publish(server, "chat/lobby", { neither: ["name", "nor text"] });
  await publish(server, "chat/lobby", null);
  await card(page, "chat").is({ count: "4" });
  const log = page.getByTestId("chat-log");
  assert.equal(await log.locator("img, script").count(), 0);
  assert.equal(await log.locator("p").first().textContent(), attack);
  assert.doesNotMatch(await page.title(), /owned/);
  assert.deepEqual(page.complaints, []);
});

test("three tabs chat with each other, see who is there, and watch the load over different transports", async () => {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  const tabs = [];
  for (const name of ["Ada", "Grace", "Edsger"]) {
    const tab = await openTab(context, server.url);
    await card(tab, "chat").is({ state: "live" });
    await rename(tab, name);
    tabs.push(tab);
  }
  const [ada, grace, edsger] = tabs;
  await say(ada, "Is anybody there?");
  await reads(grace, "Is anybody there?");
  await say(grace, "In the next tab.");
  await reads(edsger, "In the next tab.");
  await say(edsger, "And a third one.");
  for (const tab of tabs) {
    for (const text of ["Is anybody there?", "In the next tab.", "And a third one."]) await reads(tab, text);
    await until(tab, () => ["Ada", "Edsger", "Grace"].every((name) =>
      [...document.querySelectorAll("[data-testid=presence-list] li")].some((item) => item.textContent === name)));
  }
  // Six connections in all: what the browser allows to one host.
  const watched = [["sse", "picture"], ["poll", "stream"], ["frame", "mixed"]];
  for (const [index, tab] of tabs.entries()) {
    for (const name of watched[index]) await card(tab, name).toggle();
  }
  for (const [index, tab] of tabs.entries()) {
    for (const name of watched[index]) {
      await card(tab, name).is({ state: "live" });
      await card(tab, name).counts(3);
    }
  }
  for (const [index, tab] of tabs.entries()) {
    await tab.screenshot({ path: await artefact(`page-tab-${index + 1}.png`), fullPage: true });
    assert.deepEqual(tab.complaints, []);
  }
});

test("a late tab is shown what was said before it came", async () => {
  for (let n = 1; n <= 25; n += 1) await publish(server, "chat/lobby", { name: "early", text: `message ${n}` });
  const page = await openPage(browser, server.url);
  await reads(page, "message 25");
  await card(page, "chat").is({ count: "20" });
  await reads(page, "message 6");
});

for (const [name, options] of [
  ["phone", { viewport: { width: 360, height: 780 } }],
  ["phone-dark", { viewport: { width: 360, height: 780 }, colorScheme: "dark" }],
  ["desktop-dark", { colorScheme: "dark" }],
]) {
  test(`the page fits a ${name}`, async () => {
    const page = await openPage(browser, server.url, options);
    await card(page, "ws-json").counts(2);
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.equal(overflow, 0);
    await page.screenshot({ path: await artefact(`page-${name}.png`), fullPage: true });
  });
}

test("the page can be worked by keyboard, and everything that can be pressed has a name", async () => {
  const page = await openPage(browser, server.url);
  await card(page, "ws-json").is({ state: "live" });
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to content");
  const nameless = await page.evaluate(() => [...document.querySelectorAll("button, a, input, iframe, img")]
    .filter((node) => !(node.getAttribute("aria-label") ?? node.labels?.[0]?.textContent ?? node.title ?? "").trim()
      && !node.textContent.trim() && !node.hasAttribute("alt"))
    .map((node) => node.outerHTML));
  assert.deepEqual(nameless, []);
  const toggle = card(page, "sse").element.getByRole("switch", { name: "SSE, EventSource" });
  await toggle.focus();
  await page.keyboard.press("Space");
  assert.equal(await toggle.getAttribute("aria-checked"), "true");
  await card(page, "sse").is({ state: "live" });
});

test("each command of the page is one that works here, and is copied by its button", async () => {
  const context = await browser.newContext({ permissions: ["clipboard-read", "clipboard-write"] });
  const page = await openTab(context, server.url);
  const commands = page.getByTestId("commands");
  const first = await commands.locator("code").first().textContent();
  assert.ok(first.includes(`'${server.url}/push/publish?channel=chat/lobby'`), first);
  await commands.getByRole("button").first().click();
  await until(page, () => document.getElementById("copied").textContent !== "");
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), first);
});
