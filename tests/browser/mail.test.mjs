// Mail in a browser: the example `mail` as a person meets it, and a Maildir of push-server over EventSource.

import assert from "node:assert/strict";
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, afterEach, test } from "node:test";

import { artefact, launchBrowser, openPage, startExample, startProxy, startServer, until } from "./support.mjs";

let browser;
let folder;
let server;
let delivered = 0;
before(async () => (browser = await launchBrowser()));
after(() => browser?.close());
beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), "push-mail-"))));
afterEach(async () => {
  await server.stop();
  for (const context of browser.contexts()) await context.close();
  await rm(folder, { recursive: true });
});

/** Delivers a mail as mail servers do: written elsewhere, then moved into `new`. */
async function drop(maildir, from, subject, text) {
  const name = `1795320476.M${delivered++}.test`;
  const message = `From: ${from}\r\nSubject: ${subject}\r\nDate: Sun, 22 Nov 2026 04:07:56 +0000\r\n\r\n${text}\r\n`;
  await writeFile(join(maildir, "tmp", name), message);
  await rename(join(maildir, "tmp", name), join(maildir, "new", name));
  return name;
}

/** A device that has synced waits for mail, and is gone after a while. */
async function leave(url, device, afterMs) {
  const ask = async (call, body, signal) =>
    (await fetch(`${url}/push/mail/${call}`, { method: "POST", body: JSON.stringify({ device, ...body }), signal })).json();
  const { folders } = await (await fetch(`${url}/push/mail/folders`)).json();
  const folder = folders.find(({ type }) => type === "inbox").id;
  for (let sync_key = "0", more = true; more; ) ({ sync_key, more } = await ask("sync", { folder, sync_key }));
  const ping = ask("ping", { heartbeat_s: 60, folders: [{ id: folder }] }, AbortSignal.timeout(afterMs));
  await assert.rejects(ping, { name: "TimeoutError" });
}

const inbox = (page) => page.locator("#inbox > li");
const pings = (page) => page.locator("#pings > li");

test("the inbox fills as mail arrives, beside the ping log with its intervals", async () => {
  const maildir = join(folder, "Maildir");
  server = await startExample("mail", [maildir]);
  await drop(maildir, "Early Bird <early@example.org>", "There before the page", "It was here.");
  const page = await openPage(browser, server.url);
  await inbox(page).getByText("There before the page").waitFor();
  await until(page, () => document.getElementById("state").textContent === "live");
  await page.getByText("/new/").waitFor();

  const name = await drop(maildir, "Ada <ada@example.org>", "Lunch?", "At noon, by the river.");
  const row = inbox(page).filter({ hasText: "Lunch?" });
  await row.getByText("At noon, by the river.").waitFor();
  assert.match(await row.innerText(), /Ada/);
  assert.match(await inbox(page).first().innerText(), /Lunch\?/, "the newest is above");
  await drop(maildir, "<b>Mallory</b>", "<img src=x onerror=document.title='bad'>", "<script>document.title='bad'</script>");
  await inbox(page).filter({ hasText: "onerror" }).waitFor();
  assert.equal(await page.title(), "Mail as it comes");

  // The carrier is silent to the first ping and lets the second through: 15, then 8, then 12.
  const asked = async (text) => pings(page).filter({ hasText: text }).first().waitFor();
  await asked("next 12 min");
  const log = await pings(page).allInnerTexts();
  assert.ok(log.every((line) => /asked \d+ min: /.test(line) && /after [\d.]+ min; next \d+ min, /.test(line)), log.join("\n"));
  assert.match(await page.locator("#next").textContent(), /waits \d+ min/);

  const device = (name) => page.locator("#devices > li").filter({ hasText: name });
  await device("phone").getByText(/[1-9]\d* answered, 0 cut; asks for \d+ min in the mean/).waitFor();
  await device("page").getByText("has not pinged").waitFor();
  await leave(server.url, "wanderer", 2500);
  await device("wanderer").getByText(/0 answered, 1 cut; asks for 60 min in the mean; cut after [2-9] min/).waitFor();

  await page.screenshot({ path: await artefact("mail.png") });
  await rm(join(maildir, "new", name));
  await row.waitFor({ state: "detached" });
  assert.deepEqual(page.complaints, []);
});

for (const colorScheme of ["light", "dark"]) {
  test(`it fits a narrow screen, ${colorScheme}`, async () => {
    const maildir = join(folder, "Maildir");
    server = await startExample("mail", [maildir]);
    const page = await openPage(browser, server.url, { viewport: { width: 320, height: 700 }, colorScheme });
    await until(page, () => document.getElementById("state").textContent === "live");
    await drop(maildir, `${"long".repeat(30)}@example.org`, "subject".repeat(30), "text ".repeat(300));
    await inbox(page).filter({ hasText: "subject" }).waitFor();
    await pings(page).filter({ hasText: "mail" }).first().waitFor();
    const [inner, scrolls] = await page.evaluate(() => [innerWidth, document.documentElement.scrollWidth]);
    assert.ok(scrolls <= inner, `${scrolls} > ${inner}`);
    await page.screenshot({ path: await artefact(`mail-narrow-${colorScheme}.png`) });
  });
}

test("an EventSource hears mail of push-server with the beginning of its text, and resumes by itself", async (t) => {
  const maildir = join(folder, "Maildir");
  const config = join(folder, "push.toml");
  await writeFile(config, `[[mail.account]]\nname = "alice"\nkind = "maildir"\npath = "${maildir}"\n`);
  server = await startServer({ args: ["--config", config] });
  const proxy = await startProxy(server.port);
  t.after(() => proxy.close());
  const page = await openPage(browser, proxy.url);
  await page.evaluate(() => {
    window.heard = [];
    const source = new EventSource("/push/sse?format=json&channel=mail/alice/**");
    source.onopen = () => (window.opened = (window.opened ?? 0) + 1);
    source.onmessage = ({ data, lastEventId }) => window.heard.push({ ...JSON.parse(data), lastEventId });
  });
  await until(page, () => window.opened === 1);
  await drop(maildir, "Ada <ada@example.org>", "Grüße", "Der Anfang des Textes.");
  await until(page, () => window.heard.length === 1);
  const [heard] = await page.evaluate(() => window.heard);
  assert.deepEqual([heard.channel, heard.event, heard.id], ["mail/alice/INBOX", "mail.new", heard.lastEventId]);
  assert.equal(heard.data.preview.trim(), "Der Anfang des Textes.");
  assert.equal(heard.data.subject, "Grüße");
  assert.equal(heard.data.class, "Email");

  // Its connection is cut: it comes back with the id that it heard last, and misses nothing.
  proxy.refuse();
  proxy.cutAll();
  await drop(maildir, "Bob <bob@example.org>", "Second", "More.");
  proxy.accept();
  await until(page, () => window.heard.length === 2);
});
