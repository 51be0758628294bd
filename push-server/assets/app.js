// The page: wires chat, cards, picture and commands, and lets go of HTTP connections while nobody looks.

import { Card, write } from "./card.js";
import { Chat } from "./chat.js";
import { Picture } from "./picture.js";
import { TRANSPORTS } from "./transports.js";
import { fillCommands } from "./tryit.js";

const byId = (id) => document.getElementById(id);

function showHost({ cpu, cpus = [], load1, mem_used, mem_total }, from) {
  const gib = (bytes) => (bytes / 2 ** 30).toFixed(1);
  write(byId("host-cpu"), cpu.toFixed(1));
  if (mem_used !== undefined) {
    write(byId("host-memory"), gib(mem_used));
    write(byId("host-memory-of"), `of ${gib(mem_total)} GiB`);
  }
  if (load1 !== undefined) write(byId("host-load"), load1.toFixed(2));
  write(byId("host-from"), `Last heard over ${from}`);
  const cores = byId("host-cores");
  while (cores.childElementCount < cpus.length) cores.append(document.createElement("i"));
  while (cores.childElementCount > cpus.length) cores.lastElementChild.remove();
  cpus.forEach((percent, index) => cores.children[index].style.setProperty("--share", percent / 100));
}

function announceBudget(name) {
  const note = document.querySelector("[data-testid=budget-note]");
  note.textContent = `${name} was switched off: two HTTP transports at a time leave the browser's other connections free.`;
}

new Chat(byId("chat"));

const hooks = { onSample: showHost, onBudget: announceBudget };
const cards = Object.entries(TRANSPORTS).map(([key, transport]) => new Card(key, transport, hooks));
const picture = byId("cards").querySelector(".picture");
picture.before(...cards.map((card) => card.element));
const ofHttp = [...cards.filter((card) => card.http), new Picture(picture, hooks)];
cards.find((card) => !card.http).switchOn();

document.addEventListener("visibilitychange", () => {
  for (const holder of ofHttp) {
    if (document.visibilityState === "hidden") holder.pause();
    else holder.resume();
  }
});

fillCommands(byId("commands"), byId("copied"));
