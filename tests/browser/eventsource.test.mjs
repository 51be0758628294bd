// The browser's own EventSource against the server: nothing of the page's is used but its origin.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { eventually, launchBrowser, openPage, publish, startProxy, startServer, until } from "./support.mjs";

let browser;
before(async () => (browser = await launchBrowser()));
after(() => browser?.close());

/** Opens an EventSource that writes down everything it hears in `window.heard`. */
function listen(page, query) {
  return page.evaluate((target) => {
    window.heard = [];
    const source = new EventSource(`/push/sse?${target}`);
    window.source = source;
    const note = (kind) => (event) => window.heard.push({ kind, id: event.lastEventId, data: event.data && JSON.parse(event.data) });
    source.onopen = note("open");
    source.onmessage = note("message");
    source.onerror = note("error");
    for (const kind of ["push.gap", "push.close"]) source.addEventListener(kind, note(kind));
  }, query);
}

const hears = (page, kind, count = 1) =>
  until(page, ([wanted, least]) => {
    const found = window.heard.filter((entry) => entry.kind === wanted);
    return found.length >= least && found;
  }, [kind, count]);

const numbers = (heard) => heard.map(({ data }) => data.data.n);

test("an EventSource returns by itself after a restart on the same port, hears that all was lost, and goes on", async (t) => {
  let server = await startServer();
  t.after(() => server.stop());
  const page = await openPage(browser, server.url);
  await listen(page, "channel=test/restart&format=json");
  await hears(page, "open");
  await publish(server, "test/restart", { n: 1 });
  const [first] = await hears(page, "message");
  assert.equal(first.id, first.data.id);

  await server.stop("SIGKILL");
  await hears(page, "error");
  server = await startServer({ port: server.port });

  const gaps = await hears(page, "push.gap");
  assert.equal(gaps[0].data.outcome, "lost");
  assert.notEqual(gaps.at(-1).id, first.id, "the last gap carries the new cursor");
  await publish(server, "test/restart", { n: 2 });
  assert.deepEqual(numbers(await hears(page, "message", 2)), [1, 2]);
});

test("cut before its first event, an EventSource misses nothing", async (t) => {
  const server = await startServer();
  t.after(() => server.stop());
  const proxy = await startProxy(server.port);
  t.after(() => proxy.close());
  const page = await openPage(browser, proxy.url);
  // The first block carries the cursor and no event: a blank line after `id:`.
  const cut = proxy.cutWhen(/^GET \/push\/sse\?/m, /\r?\nid:[^\n]*\n(?:[^\n]+\n)*\r?\n/);
  await listen(page, "channel=test/early&format=json");
  await cut;
  await hears(page, "error");
  for (const n of [1, 2, 3]) await publish(server, "test/early", { n });
  proxy.accept();
  assert.deepEqual(numbers(await hears(page, "message", 3)), [1, 2, 3]);
  assert.deepEqual(await page.evaluate(() => window.heard.filter(({ kind }) => kind === "push.gap")), []);
});

test("cut again and again in the middle of publishing, an EventSource neither misses nor repeats", async (t) => {
  const server = await startServer();
  t.after(() => server.stop());
  const proxy = await startProxy(server.port);
  t.after(() => proxy.close());
  const page = await openPage(browser, proxy.url);
  await listen(page, "channel=test/cuts&format=json");
  let published = 0;
  const publishSome = async (count) => {
    for (let n = 0; n < count; n += 1) await publish(server, "test/cuts", { n: (published += 1) });
  };
  for (let round = 1; round <= 4; round += 1) {
    await hears(page, "open", round);
    await publishSome(10 * round);
    // Some of them are on their way still.
    proxy.cutAll();
    await publishSome(5);
  }
  const expected = Array.from({ length: published }, (_, index) => index + 1);
  assert.deepEqual(numbers(await hears(page, "message", published)), expected);
});

test("a server that drains says push.close, and the EventSource comes back to the next one", async (t) => {
  let server = await startServer();
  t.after(() => server.stop());
  const page = await openPage(browser, server.url);
  await listen(page, "channel=test/drain&format=json");
  await hears(page, "open");
  server.signal("SIGTERM");
  const [close] = await hears(page, "push.close");
  assert.equal(close.data.code, 3000);
  assert.equal(close.data.reconnect, true);
  assert.equal(typeof close.data.retry_ms, "number");
  await server.exited;
  server = await startServer({ port: server.port });
  await hears(page, "open", 2);
  await publish(server, "test/drain", { n: 1 });
  assert.deepEqual(numbers(await hears(page, "message")), [1]);
});

test("refused for a while by a server that is full, an EventSource is told so, comes back by itself and receives", async (t) => {
  // Without its page, whose own connections would take the places.
  const server = await startServer({ env: { PUSH_MAX_SUBSCRIBERS: "1", PUSH_DEMO: "false" } });
  t.after(() => server.stop());
  const page = await openPage(browser, server.url);
  const other = new AbortController();
  const held = await fetch(`${server.url}/push/stream?channel=test/other`, { signal: other.signal });
  assert.equal(held.status, 200);
  await listen(page, "channel=test/full&format=json");
  const [close] = await hears(page, "push.close");
  assert.equal(close.data.code, 3002);
  assert.equal(close.data.reconnect, true);
  // It asks again while nothing has changed, and is told the same.
  await hears(page, "push.close", 2);
  other.abort();
  await eventually(async () => {
    const { subscribers } = await publish(server, "test/full", { n: 0 });
    return subscribers === 1;
  }, "it is let in");
  await publish(server, "test/full", { n: 1 });
  assert.deepEqual(numbers(await hears(page, "message", 2)), [0, 1]);
  assert.equal(await page.evaluate(() => window.source.readyState), 1);
});

test("what can never be granted is refused with a status, and the EventSource gives up", async (t) => {
  const server = await startServer();
  t.after(() => server.stop());
  const page = await openPage(browser, server.url);
  await listen(page, "channel=bad//name");
  await until(page, () => window.source.readyState === EventSource.CLOSED);
  assert.deepEqual(await page.evaluate(() => window.heard.map(({ kind }) => kind)), ["error"]);
});
