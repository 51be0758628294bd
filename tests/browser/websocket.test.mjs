// The browser's own WebSocket against the server.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { launchBrowser, openPage, publish, startServer, until } from "./support.mjs";

let browser;
let server;
let page;
before(async () => {
  server = await startServer();
  browser = await launchBrowser();
  page = await openPage(browser, server.url);
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** Opens a WebSocket that keeps what it hears in `window.sockets[name]`; resolves when it is open or closed. */
function connect(name, query, protocols) {
  return page.evaluate(([key, target, offered]) => new Promise((resolve) => {
    const url = new URL(`/push/ws?${target}`, location.href);
    url.protocol = "ws:";
    const socket = offered ? new WebSocket(url, offered) : new WebSocket(url);
    socket.binaryType = "arraybuffer";
    const kept = { socket, heard: [], closed: null };
    (window.sockets ??= {})[key] = kept;
    socket.onmessage = ({ data }) => kept.heard.push(typeof data === "string" ? data : Array.from(new Uint8Array(data)));
    socket.onclose = ({ code, reason, wasClean }) => resolve((kept.closed = { code, reason, wasClean }));
    socket.onopen = () => resolve({ extensions: socket.extensions, protocol: socket.protocol });
  }), [name, query, protocols]);
}

const heard = (name, count) =>
  until(page, ([key, least]) => window.sockets[key].heard.length >= least && window.sockets[key].heard, [name, count]);
const closed = (name) => until(page, (key) => window.sockets[key].closed, name);

test("the browser's offer of permessage-deflate is taken and large messages arrive whole", async () => {
  const { extensions } = await connect("deflate", "channel=test/deflate");
  assert.match(extensions, /permessage-deflate/);
  assert.match(extensions, /server_no_context_takeover/);
  await heard("deflate", 1);
  const text = "the same words again, and ".repeat(20_000);
  await publish(server, "test/deflate", { text });
  await publish(server, "test/deflate", { text: "ä€😀" });
  const [subscribed, large, small] = (await heard("deflate", 3)).map((line) => JSON.parse(line));
  assert.equal(subscribed.op, "subscribed");
  assert.equal(large.data.text, text);
  assert.equal(small.data.text, "ä€😀");
});

test("operations of the browser are inflated and answered", async () => {
  await connect("ops", "channel=test/ops");
  await heard("ops", 1);
  const text = "compressible ".repeat(5_000);
  await page.evaluate((words) => {
    const send = (operation) => window.sockets.ops.socket.send(JSON.stringify(operation));
    send({ op: "publish", seq: 1, channel: "test/ops", data: { text: words } });
    send({ op: "ping", seq: 2 });
    send({ op: "nonsense", seq: 3 });
  }, text);
  const lines = (await heard("ops", 5)).map((line) => JSON.parse(line));
  assert.equal(lines.find(({ op }) => op === "publication").data.text, text);
  assert.equal(lines.find(({ op }) => op === "published").seq, 1);
  assert.equal(lines.find(({ op }) => op === "pong").seq, 2);
  assert.equal(lines.find(({ op }) => op === "error").seq, 3);
});

test("operations sent right behind a subscribe do not wait for something else to happen", async () => {
  await connect("behind", "channel=test/behind");
  await heard("behind", 1);
  await page.evaluate(() => {
    const send = (operation) => window.sockets.behind.socket.send(JSON.stringify(operation));
    // Many at once, so that some of them arrive together.
    for (let n = 0; n < 50; n += 1) {
      send({ op: "subscribe", seq: 2 * n, channel: `test/behind/${n}` });
      send({ op: "ping", seq: 2 * n + 1 });
    }
  });
  // Well below the heartbeat of 25 s, which would wake a connection that sleeps on what it has read.
  await page.waitForFunction(() => window.sockets.behind.heard.length >= 101, null, { timeout: 15_000 });
  const replies = (await heard("behind", 101)).map((line) => JSON.parse(line)).slice(1);
  assert.deepEqual(replies.map(({ op, seq }) => [op, seq]),
    Array.from({ length: 100 }, (_, seq) => [seq % 2 ? "pong" : "subscribed", seq]));
});

test("raw frames are text or binary as the payload is", async () => {
  await connect("raw", "channel=test/raw&format=raw");
  await publish(server, "test/raw", { n: 1 });
  const bytes = new Uint8Array([0, 255, 128, 10]);
  await fetch(`${server.url}/push/publish?channel=test/raw`, {
    method: "POST", headers: { "Content-Type": "application/octet-stream" }, body: bytes,
  });
  assert.deepEqual(await heard("raw", 2), ['{"n":1}', [...bytes]]);
});

test("a refusal completes the handshake, so that the browser can see why", async () => {
  await connect("refused", "channel=bad//name");
  const { code, reason, wasClean } = await closed("refused");
  assert.equal(code, 3503);
  assert.ok(wasClean);
  assert.equal(JSON.parse(reason).reconnect, false);
});

test("a binary frame where operations are spoken is close 1003", async () => {
  await connect("binary", "channel=test/binary");
  await heard("binary", 1);
  await page.evaluate(() => window.sockets.binary.socket.send(new Uint8Array([1, 2, 3])));
  assert.equal((await closed("binary")).code, 1003);
});

test("the subprotocol push.v1 is accepted and a normal close is answered", async () => {
  const { protocol } = await connect("protocol", "channel=test/protocol", ["push.v1"]);
  assert.equal(protocol, "push.v1");
  await page.evaluate(() => window.sockets.protocol.socket.close(1000, "done"));
  const { code, wasClean } = await closed("protocol");
  assert.equal(code, 1000);
  assert.ok(wasClean);
});
