// What the browser tests share: the server as a process, a browser, and a TCP proxy that cuts connections.
//
// PUSH_SERVER_BIN: the binary, by default the debug build of this workspace. CHROMIUM: the browser, by default Debian's.

import { spawn } from "node:child_process";
import { mkdir } from "node:fs/promises";
import net from "node:net";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { chromium } from "playwright-core";

const ROOT = new URL("../../", import.meta.url);
const BINARY = process.env.PUSH_SERVER_BIN ?? fileURLToPath(new URL("target/debug/push-server", ROOT));
/** The program of an example, which ./test builds beside the server. */
const example = (name) => join(dirname(BINARY), name);
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";

/** A guard, not a measure: what is waited for comes within it also on a loaded machine. */
export const PATIENCE_MS = 30_000;

// A test that fails half-way leaves no server behind and does not keep the run from ending.
const running = new Set();
process.once("exit", () => running.forEach((child) => child.kill("SIGKILL")));

/** Starts the server and waits for its first line. `port` 0: any free one; `env`: settings, by their variables. */
export function startServer({ port = 0, env = {}, args = [] } = {}) {
  return start(BINARY, ["--listen", `127.0.0.1:${port}`, ...args], env);
}

/** Starts an example on a free port, which is its last argument. */
export function startExample(name, args = []) {
  return start(example(name), [...args, "127.0.0.1:0"], {});
}

async function start(binary, args, env) {
  const child = spawn(binary, args, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...env },
  });
  child.unref();
  running.add(child);
  child.once("exit", () => running.delete(child));
  let errors = "";
  child.stderr.on("data", (text) => (errors = (errors + text).slice(-8192)));
  const exited = new Promise((resolve) => child.once("exit", (code, signal) => resolve({ code, signal })));
  const failed = new Promise((_, reject) => child.once("error", reject));
  const line = await Promise.race([
    firstLine(child.stdout),
    failed,
    exited.then(({ code }) => Promise.reject(new Error(`the server ended with ${code} before it listened:\n${errors}`))),
  ]);
  const url = /^listening on (http:\/\/\S+)$/.exec(line)?.[1];
  if (!url) throw new Error(`not the first line that was promised: ${line}`);
  child.stdout.resume();
  return {
    url,
    port: Number(new URL(url).port),
    /** Ends it and waits until it has ended; SIGKILL leaves it no time for a farewell. */
    async stop(signal = "SIGKILL") {
      child.kill(signal);
      return exited;
    },
    /** Asks it to end without waiting. */
    signal: (name) => child.kill(name),
    exited,
  };
}

function firstLine(stream) {
  return new Promise((resolve) => createInterface({ input: stream }).once("line", resolve));
}

export function launchBrowser() {
  return chromium.launch({
    executablePath: CHROMIUM,
    args: [
      "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync",
    ],
  });
}

/** A page of its own profile at `url`; `complaints` collects what its console and scripts complain about. */
export async function openPage(browser, url, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  return openTab(context, url);
}

/** Another tab of a profile: its tabs share the browser's six connections to a host. */
export async function openTab(context, url) {
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  page.complaints = [];
  page.on("pageerror", (error) => page.complaints.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error") page.complaints.push(message.text());
  });
  await page.goto(url);
  return page;
}

/** Publishes JSON and returns the server's answer. */
export async function publish(server, channel, data) {
  const response = await fetch(`${server.url}/push/publish?channel=${encodeURIComponent(channel)}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(data),
  });
  if (!response.ok) throw new Error(`publish answered ${response.status}: ${await response.text()}`);
  return response.json();
}

/** Waits in the page until `condition(arg)` holds, and gives what it returned. */
export async function until(page, condition, arg) {
  const handle = await page.waitForFunction(condition, arg, { timeout: PATIENCE_MS, polling: 50 });
  return handle.jsonValue();
}

/** The card of a transport, its switch, and waiting for its `data-` attributes. */
export function card(page, name) {
  const element = page.getByTestId(name === "chat" ? "chat" : `card-${name}`);
  return {
    element,
    toggle: () => element.getByRole("switch").click(),
    cut: () => element.locator("button.cut").click(),
    data: () => element.evaluate((node) => ({ ...node.dataset })),
    count: () => element.evaluate((node) => Number(node.dataset.count)),
    /** Waits until every attribute has its value. */
    async is(expected) {
      await until(page, ([testid, wanted]) => {
        const { dataset } = document.querySelector(`[data-testid="${testid}"]`);
        return Object.entries(wanted).every(([key, value]) => dataset[key] === value);
      }, [await element.getAttribute("data-testid"), expected]);
    },
    /** Waits until more than `count` were received. */
    async counts(count) {
      await until(page, ([testid, least]) => {
        const { dataset } = document.querySelector(`[data-testid="${testid}"]`);
        return Number(dataset.count) > least;
      }, [await element.getAttribute("data-testid"), count]);
    },
  };
}

/** Where pictures for people go; not kept in the repository. */
export async function artefact(name) {
  const folder = new URL("artefacts/", ROOT);
  await mkdir(folder, { recursive: true });
  return fileURLToPath(new URL(name, folder));
}

/**
 * A TCP proxy in front of `target` (a port) that can cut, refuse and count.
 *
 * The browser's address is the proxy's, so pages behind it are of the same origin as what they ask for.
 */
export async function startProxy(target) {
  const pairs = new Set();
  let refusing = false;
  let trap = null;
  const server = net.createServer((client) => {
    if (refusing) {
      client.destroy();
      return;
    }
    const upstream = net.connect(target, "127.0.0.1");
    const pair = { client, upstream, asked: "", answered: "" };
    pairs.add(pair);
    const end = () => {
      pairs.delete(pair);
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) socket.on("error", end).on("close", end);
    client.on("data", (bytes) => {
      // A kept connection carries one request after the other; what holds it is the last.
      pair.asked = /^[A-Z]+ \S+ HTTP\/1\.1\r?$/m.exec(bytes.toString("latin1"))?.[0] ?? pair.asked;
      upstream.write(bytes);
    });
    upstream.on("data", (bytes) => {
      pair.answered = (pair.answered + bytes.toString("latin1")).slice(-65_536);
      const caught = trap && trap.request.test(pair.asked) && trap.response.test(pair.answered);
      if (!caught) {
        client.write(bytes);
        return;
      }
      const { resolve } = trap;
      trap = null;
      refusing = true;
      upstream.removeAllListeners("data");
      // What was answered arrives, and then nothing more.
      client.end(bytes, () => {
        upstream.destroy();
        resolve();
      });
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  return {
    url: `http://127.0.0.1:${port}`,
    /** Cuts the next connection whose request matches as soon as its answer matches, and refuses from then on. */
    cutWhen: (request, response) => new Promise((resolve) => (trap = { request, response, resolve })),
    refuse: () => (refusing = true),
    accept: () => (refusing = false),
    cutAll: () => pairs.forEach(({ client, upstream }) => (client.destroy(), upstream.destroy())),
    /** Connections open now whose last request matches. */
    open: (request) => [...pairs].filter(({ asked }) => request.test(asked)).length,
    async close() {
      server.close();
      this.cutAll();
    },
  };
}

/** Waits outside the page until `condition()` holds. */
export async function eventually(condition, what) {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    if (await condition()) return;
    if (Date.now() > deadline) throw new Error(`never happened: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
