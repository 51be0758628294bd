// The npm package ws against push-server: another's reading of RFC 6455 and RFC 7692.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { test } from 'node:test';
import WebSocket from 'ws';
import { inbox, start } from './server.js';

const MIB = 1 << 20;
const OPTIONS = { timeout: 120_000 };

async function open(url, protocols = [], options = {}) {
  const socket = new WebSocket(url, protocols, { maxPayload: 64 * MIB, ...options });
  const box = inbox(socket);
  const upgraded = once(socket, 'upgrade');
  await once(socket, 'open');
  const [{ headers }] = await upgraded;
  return { socket, box, extensions: headers['sec-websocket-extensions'] ?? '' };
}

function publish(server, channel, body, type = 'text/plain') {
  return fetch(`${server.http}/push/publish?channel=${encodeURIComponent(channel)}`, {
    method: 'POST', body, headers: { 'content-type': type },
  });
}

for (const deflate of [false, true]) {
  test(`operations are answered and publications come, deflate ${deflate}`, OPTIONS, async (t) => {
    const server = await start(t);
    const { socket, box } = await open(`${server.ws}/push/ws`, [], { perMessageDeflate: deflate });
    assert.equal(socket.extensions.includes('permessage-deflate'), deflate);
    socket.send(JSON.stringify({ op: 'subscribe', seq: 1, channel: 'npm/*' }));
    const subscribed = await box.json();
    assert.deepEqual([subscribed.op, subscribed.seq, subscribed.outcome], ['subscribed', 1, 'complete']);
    const texts = ['', 'short', 'é\u{1f600}\u2028', 'long '.repeat(50_000), randomBytes(300_000).toString('base64')];
    for (const text of texts) {
      const answer = await (await publish(server, 'npm/a', text)).json();
      const heard = await box.json();
      assert.equal(heard.op, 'publication');
      assert.equal(heard.data, text);
      assert.equal(heard.id, answer.id);
    }
    socket.send(JSON.stringify({ op: 'publish', seq: 2, channel: 'npm/b', data: { n: 1 } }));
    const both = [await box.json(), await box.json()];
    const published = both.find((item) => item.op === 'published');
    const heard = both.find((item) => item.op === 'publication');
    assert.deepEqual([published.seq, published.offset, heard.data], [2, 1, { n: 1 }]);
    socket.send(JSON.stringify({ op: 'ping', seq: 'three' }));
    const pong = await box.json();
    assert.deepEqual([pong.op, pong.seq], ['pong', 'three']);
    socket.close(1000, 'done');
    assert.equal((await box.next()).code, 1000);
  });

  test(`raw frames carry the payload as it was, deflate ${deflate}`, OPTIONS, async (t) => {
    const server = await start(t);
    const { box } = await open(`${server.ws}/push/ws?format=raw&channel=raw`, [], { perMessageDeflate: deflate });
    const text = '{ "spaces" : "kept" }\r\n'.repeat(2000);
    const binary = Buffer.concat([Buffer.alloc(200_000, 7), randomBytes(200_000)]);
    await publish(server, 'raw', text, 'application/json; charset=utf-8').then((answer) => assert.equal(answer.status, 400));
    await publish(server, 'raw', text);
    await publish(server, 'raw', binary, 'application/octet-stream');
    const first = await box.next();
    assert.deepEqual([first.binary, first.data.toString()], [false, text]);
    const second = await box.next();
    assert.equal(second.binary, true);
    assert.ok(second.data.equals(binary));
  });

  test(`the echo returns what is sent to it, whole or in fragments, deflate ${deflate}`, OPTIONS, async (t) => {
    const server = await start(t, { args: ['--echo'] });
    const { socket, box } = await open(`${server.ws}/push/echo`, [], { perMessageDeflate: deflate && { threshold: 0 } });
    for (const size of [0, 1, 125, 126, 127, 65_535, 65_536, MIB, 16 * MIB]) {
      const bytes = size > MIB ? Buffer.alloc(size, 'push ') : randomBytes(size);
      socket.send(bytes);
      const back = await box.next();
      assert.ok(back.data?.equals(bytes), `${size} bytes: ${back.code} ${back.reason}`);
      assert.equal(back.binary, true);
    }
    socket.send('é'.repeat(1000), { fin: false });
    socket.ping('between');
    socket.send('', { fin: false });
    socket.send('\u{1f600}', { fin: true });
    const [pong] = await once(socket, 'pong');
    assert.equal(pong.toString(), 'between');
    const joined = await box.next();
    assert.deepEqual([joined.binary, joined.data.toString()], [false, `${'é'.repeat(1000)}\u{1f600}`]);
    socket.send(Buffer.alloc(16 * MIB + 1));
    assert.equal((await box.next()).code, 1009);
  });
}

test('an offer of a smaller server window is declined, other parameters are taken', OPTIONS, async (t) => {
  const server = await start(t, { args: ['--echo'] });
  const small = await open(`${server.ws}/push/echo`, [], { perMessageDeflate: { serverMaxWindowBits: 9 } });
  assert.equal(small.extensions, '');
  small.socket.send('plain');
  assert.equal((await small.box.next()).data.toString(), 'plain');
  const takeover = { serverNoContextTakeover: true, clientNoContextTakeover: true, clientMaxWindowBits: 10, threshold: 0 };
  const none = await open(`${server.ws}/push/echo`, [], { perMessageDeflate: takeover });
  assert.match(none.extensions, /permessage-deflate/);
  assert.match(none.extensions, /server_no_context_takeover/);
  assert.match(none.extensions, /client_no_context_takeover/);
  for (const text of ['one', 'one', 'x'.repeat(100_000)]) {
    none.socket.send(text);
    assert.equal((await none.box.next()).data.toString(), text);
  }
});

test('the token may come as a subprotocol, and a wrong one is told by a close code', OPTIONS, async (t) => {
  const config = '[[token]]\nsecret = "s3cret"\nuser = "alice"\nsubscribe = ["a/**"]\npublish = ["a/**"]\n';
  const server = await start(t, { config });
  const { socket, box } = await open(`${server.ws}/push/ws?channel=a/b`, ['push.v1', 'push.v1.bearer.s3cret']);
  assert.match(socket.protocol, /^push\.v1/);
  assert.equal((await box.json()).op, 'subscribed');
  const wrong = await open(`${server.ws}/push/ws?channel=a/b`, ['push.v1', 'push.v1.bearer.wrong']);
  const closed = await wrong.box.next();
  assert.equal(closed.code, 3500);
  assert.equal(JSON.parse(closed.reason).reconnect, false);
  const outside = await open(`${server.ws}/push/ws?channel=b`, ['push.v1.bearer.s3cret']);
  assert.equal((await outside.box.next()).code, 3501);
  const later = await open(`${server.ws}/push/ws`, ['push.v1']);
  later.socket.send(JSON.stringify({ op: 'auth', seq: 1, token: 's3cret' }));
  assert.deepEqual(await later.box.json(), { op: 'ok', seq: 1 });
  later.socket.send(JSON.stringify({ op: 'subscribe', seq: 2, channel: 'b' }));
  const refused = await later.box.json();
  assert.deepEqual([refused.op, refused.seq, refused.code], ['error', 2, 'forbidden']);
  later.socket.send(JSON.stringify({ op: 'subscribe', seq: 3, channel: 'a/c' }));
  assert.equal((await later.box.json()).op, 'subscribed');
});

test('a server that drains says 3000 and when to come back', OPTIONS, async (t) => {
  const server = await start(t);
  const { box } = await open(`${server.ws}/push/ws?channel=a`);
  assert.equal((await box.json()).op, 'subscribed');
  server.child.kill('SIGTERM');
  const closed = await box.next();
  assert.equal(closed.code, 3000);
  assert.equal(JSON.parse(closed.reason).reconnect, true);
  const [code] = await once(server.child, 'exit');
  assert.equal(code, 0);
});
