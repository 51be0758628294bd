// Starts push-server for a test: the binary named by PUSH_SERVER_BIN, port 0, killed at the end.
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export async function start(t, { args = [], config } = {}) {
  const binary = process.env.PUSH_SERVER_BIN;
  if (!binary) throw new Error('PUSH_SERVER_BIN names no push-server binary');
  const dir = await mkdtemp(join(tmpdir(), 'push-npm-'));
  const all = ['--listen', '127.0.0.1:0', ...args];
  if (config) {
    await writeFile(join(dir, 'push.toml'), config);
    all.push('--config', join(dir, 'push.toml'));
  }
  const child = spawn(binary, all, { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(async () => {
    child.kill('SIGKILL');
    await rm(dir, { recursive: true, force: true });
  });
  const lines = createInterface({ input: child.stdout });
  const first = await new Promise((resolve, reject) => {
    lines.once('line', resolve);
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`push-server ended with ${code}`)));
  });
  const address = /^listening on http:\/\/(.+)$/.exec(first)?.[1];
  if (!address) throw new Error(`the first line: ${first}`);
  return { http: `http://${address}`, ws: `ws://${address}`, child };
}

// The messages of a socket as a queue that can be awaited.
export function inbox(socket) {
  const items = [];
  const waiting = [];
  const put = (item) => (waiting.length ? waiting.shift()(item) : items.push(item));
  socket.on('message', (data, binary) => put({ data, binary }));
  socket.on('close', (code, reason) => put({ code, reason: reason.toString() }));
  socket.on('error', (error) => put({ error }));
  const next = () => (items.length ? Promise.resolve(items.shift()) : new Promise((resolve) => waiting.push(resolve)));
  return {
    next,
    async json() {
      const { data, ...rest } = await next();
      if (data === undefined) throw new Error(`expected a message, got ${JSON.stringify(rest)} ${rest.error ?? ''}`);
      return JSON.parse(data.toString());
    },
  };
}
