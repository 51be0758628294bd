// The chat: one WebSocket that subscribes, publishes and asks who is there.

import { STATES, write } from "./card.js";
import { Line, recoveryText } from "./line.js";
import { TRANSPORTS } from "./transports.js";

const CHANNEL = "chat/lobby";
const PRESENCE = `$sys/presence/${CHANNEL}`;
const RECENT = 20;
const SHOWN_AT_MOST = 300;

const MANNERS = "Amber Bold Brave Bright Calm Clever Gentle Jolly Kind Lively Merry Noble Patient Quiet Silver Sunny Swift Warm Wise Witty".split(" ");
const ANIMALS = "Badger Crane Dolphin Falcon Finch Fox Gecko Heron Ibex Kestrel Lark Lynx Marten Newt Otter Puffin Raven Seal Stork Wren".split(" ");

export class Chat {
  #seq = 0;
  /** Publications that were sent and not answered yet, by seq. Sent again after a break: their push_id makes that harmless. */
  #unanswered = new Map();
  #asking = 0;
  #asked = 0;

  constructor(root) {
    this.root = root;
    this.log = this.#find("chat-log");
    this.#find("chat-name").value = storedName();
    this.line = new Line(TRANSPORTS["ws-json"], CHANNEL, {
      first: { last: RECENT },
      params: { info: JSON.stringify(this.name) },
    });
    this.#hear();
    this.#wire();
    this.line.start();
  }

  get name() {
    return this.#find("chat-name").value.trim() || "somebody";
  }

  #find(testid) {
    return this.root.querySelector(`[data-testid="${testid}"]`);
  }

  #hear() {
    const { line } = this;
    line.addEventListener("change", () => this.#show());
    line.addEventListener("publication", ({ detail }) => {
      this.#append(detail);
      this.#show();
    });
    line.addEventListener("opened", ({ detail }) => {
      // After a loss the server tells what it still has; what stands here already would be told twice.
      if (detail.outcome === "lost") this.log.replaceChildren();
      this.#send({ op: "subscribe", channel: PRESENCE });
      this.#askPresence();
      for (const operation of this.#unanswered.values()) line.send(operation);
    });
    line.addEventListener("other", ({ detail }) => this.#presenceMoved(detail));
    line.addEventListener("reply", ({ detail }) => this.#answered(detail));
  }

  #wire() {
    const text = this.#find("chat-text");
    this.#find("chat-form").onsubmit = (event) => {
      event.preventDefault();
      if (!text.value.trim()) return;
      this.#publish(text.value.trim());
      text.value = "";
    };
    this.#find("chat-cut").onclick = () => this.line.cut();
    this.#find("name-form").onsubmit = (event) => {
      event.preventDefault();
      text.focus();
    };
    this.#find("chat-name").onchange = () => {
      sessionStorage.setItem("name", this.name);
      // Who is there is said on connecting, so another name is another connection.
      this.line.renew({ info: JSON.stringify(this.name) });
    };
  }

  #send(operation) {
    this.#seq += 1;
    const numbered = { ...operation, seq: this.#seq };
    this.line.send(numbered);
    return numbered;
  }

  #publish(text) {
    const operation = this.#send({ op: "publish", channel: CHANNEL, data: { name: this.name, text }, push_id: uniqueId() });
    this.#unanswered.set(operation.seq, operation);
    write(this.#find("chat-problem"), "");
  }

  #answered(reply) {
    if (reply.op === "presence") {
      this.#showMembers(reply);
      if (reply.detail) write(this.#find("presence-note"), `Nobody is shown: ${reply.detail}`);
    }
    if (reply.op === "published") this.#unanswered.delete(reply.seq);
    if (reply.op === "error" && reply.seq === this.#asked) write(this.#find("presence-note"), `Nobody is shown: ${reply.detail}`);
    if (reply.op === "error" && this.#unanswered.delete(reply.seq)) {
      write(this.#find("chat-problem"), `Not sent: ${reply.detail ?? reply.code}`);
    }
  }

  #askPresence() {
    clearTimeout(this.#asking);
    // Several joins at once are one question.
    this.#asking = setTimeout(() => (this.#asked = this.#send({ op: "presence", channel: CHANNEL }).seq), 100);
  }

  #presenceMoved({ event, data }) {
    const name = memberName(data?.member ?? data);
    const verb = { join: "joined", leave: "left" }[event];
    if (name && verb) write(this.#find("presence-note"), `${name} ${verb}`);
    this.#askPresence();
  }

  #showMembers({ count, members = [] }) {
    const names = [...new Set(members.map(memberName).filter(Boolean))].sort((a, b) => a.localeCompare(b));
    write(this.#find("presence-count"), String(names.length || count || 0));
    this.#find("presence-list").replaceChildren(...names.map((name) => {
      const item = document.createElement("li");
      item.textContent = name;
      if (name === this.name) item.className = "me";
      return item;
    }));
  }

  #append(envelope) {
    const { log } = this;
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
    log.append(messageElement(envelope, this.name));
    while (log.childElementCount > SHOWN_AT_MOST) log.firstElementChild.remove();
    if (atEnd) log.scrollTop = log.scrollHeight;
  }

  #show() {
    const { line, root } = this;
    Object.assign(root.dataset, {
      state: line.state,
      count: line.stats.count,
      missed: line.stats.missed,
      outcome: line.recovery?.outcome ?? "",
      recovered: line.recovery?.recovered ?? "",
      lastId: line.cursor ?? "",
    });
    write(root.querySelector(".state-text"), STATES[line.state]);
    write(this.#find("chat-outcome"), line.detail || recoveryText(line));
    this.#find("chat-cut").disabled = line.state !== "live";
  }
}

function messageElement({ data, data_base64: binary, time }, myName) {
  const spoken = typeof data === "object" && data !== null && typeof data.text === "string";
  const name = spoken ? String(data.name ?? "somebody") : "published";
  const text = spoken ? data.text : typeof data === "string" ? data : data === undefined ? `${binary?.length ?? 0} bytes in base64` : JSON.stringify(data);
  const item = document.createElement("div");
  item.className = spoken && name === myName ? "message me" : "message";
  const who = document.createElement("b");
  who.textContent = name;
  const when = document.createElement("time");
  when.dateTime = new Date(time).toISOString();
  when.textContent = new Date(time).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  const words = document.createElement("p");
  words.textContent = text;
  item.append(who, when, words);
  return item;
}

function memberName(member) {
  const info = member?.info;
  const name = typeof info === "object" && info !== null ? info.name : info;
  return name === undefined || name === null ? member?.user : String(name);
}

function storedName() {
  const stored = sessionStorage.getItem("name");
  if (stored) return stored;
  const pick = (words) => words[Math.floor(Math.random() * words.length)];
  const name = `${pick(MANNERS)} ${pick(ANIMALS)}`;
  sessionStorage.setItem("name", name);
  return name;
}

/** randomUUID is there only on HTTPS and the loopback; this works on any origin. */
function uniqueId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
