// One subscription over one transport, kept alive over any number of connections.
//
//            start            opened
//   off ───────────▶ connecting ─────▶ live
//    ▲  stop (any)    ▲  ▲   │ ended    │ cut, pause, ended
//    └────────────────┘  │   ▼          ▼
//                        └─ refused    cut ──▶ connecting, with the cursor
//
// After a break it resumes from its cursor and says what became of it: complete, partial or lost.

import { backoff } from "./endings.js";
import { Stats } from "./stats.js";

const CUT_MS = 3000;
const WORSE = ["none", "pending", "complete", "partial", "lost"];

export class Line extends EventTarget {
  state = "off";
  on = false;
  cursor = null;
  /** Why it is not live, for people to read. */
  detail = "";
  /** `{why, at, seconds, outcome, recovered}` of the last break; outcome `none` where a transport cannot resume. */
  recovery = null;
  stats = new Stats();

  #transport;
  #channel;
  #first;
  #params;
  #connection = null;
  #timer = 0;
  #attempt = 0;
  #away = null;
  #paused = false;
  #recoveredUntil = 0;

  /** `first`: parameters used only while there is no cursor. `params`: always. */
  constructor(transport, channel, { first = {}, params = {} } = {}) {
    super();
    this.#transport = transport;
    this.#channel = channel;
    this.#first = first;
    this.#params = params;
  }

  start() {
    if (this.on) return;
    this.on = true;
    this.cursor = null;
    this.recovery = null;
    this.stats = new Stats();
    this.#away = null;
    this.#attempt = 0;
    this.#open();
  }

  stop() {
    this.on = false;
    this.#paused = false;
    this.#drop();
    this.#enter("off");
  }

  /** Breaks the connection off and comes back three seconds later. */
  cut() {
    if (this.state !== "live" && this.state !== "connecting") return;
    this.#leave("cut", "Back in 3 s.");
    this.#timer = setTimeout(() => this.#open(), CUT_MS);
  }

  /** Lets go of the connection until `resume`. */
  pause() {
    if (!this.on || this.#paused || this.#isFinal) return;
    this.#paused = true;
    this.#leave("hidden", "Let go while hidden.");
  }

  resume() {
    if (!this.#paused) return;
    this.#paused = false;
    this.#open();
  }

  /** Comes back at once, with other parameters from now on. */
  renew(params) {
    this.#params = params;
    if (!this.on) return;
    this.#leave("renewed", "");
    this.#open();
  }

  /** Sends an operation; false while there is no connection to send it on. */
  send(operation) {
    if (this.state !== "live") return false;
    this.#connection.close.send(operation);
    return true;
  }

  get #isFinal() {
    return this.state === "refused" && !this.#timer && !this.#connection;
  }

  #leave(why, detail) {
    this.#drop();
    this.#goAway(why);
    this.#enter("cut", detail);
  }

  /** Remembers since when there is something to resume. A return that brought nothing yet was none. */
  #goAway(why) {
    const { recovery } = this;
    if (recovery?.outcome === "pending") this.#away = recovery;
    else if (this.cursor || this.stats.count) this.#away ??= { why, at: Date.now() };
  }

  #drop() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    const connection = this.#connection;
    // Forgotten first: what it still says on closing is no longer ours.
    this.#connection = null;
    connection?.close?.();
  }

  #open() {
    this.#timer = 0;
    this.#enter("connecting");
    const connection = {};
    this.#connection = connection;
    const mine = (act) => (detail) => {
      if (this.#connection === connection) act.call(this, detail);
    };
    const position = this.cursor ? { since: this.cursor } : this.#first;
    connection.close = this.#transport.open({ channel: this.#channel, ...position, ...this.#params }, {
      opened: mine(this.#opened),
      publication: mine(this.#published),
      cursor: mine((cursor) => (this.cursor = cursor)),
      gap: mine(this.#gap),
      reply: mine((reply) => this.#tell("reply", reply)),
      ended: mine(this.#ended),
    });
  }

  #opened({ cursor, outcome, gaps = [] }) {
    this.#attempt = 0;
    this.cursor = cursor ?? this.cursor;
    const { resumes } = this.#transport;
    if (this.#away) {
      const { why, at } = this.#away;
      this.#away = null;
      this.recovery = { why, at, seconds: (Date.now() - at) / 1000, recovered: 0, outcome: resumes ? (outcome ?? "pending") : "none" };
      this.#recoveredUntil = Date.now() - this.stats.clockSkew;
    }
    if (outcome === "lost") this.#lose(gaps);
    this.#connection.isNew = true;
    this.#enter("live");
    this.#tell("opened", { cursor, outcome, gaps });
  }

  #published(envelope) {
    if (envelope.channel !== undefined && envelope.channel !== this.#channel) {
      this.#tell("other", envelope);
      return;
    }
    if (this.state !== "live") this.#opened({});
    // Where no outcome is told, an offset that went back is the only sign of another epoch.
    if (this.#connection.isNew && !this.#transport.resumes && !this.stats.continues(envelope.offset)) this.stats.forgetOffset();
    this.#connection.isNew = false;
    this.cursor = envelope.id ?? this.cursor;
    if (this.recovery?.outcome === "pending") this.recovery.outcome = "complete";
    if (!this.stats.follow(envelope.offset)) return;
    this.stats.count += 1;
    const recovered = envelope.time <= this.#recoveredUntil;
    if (recovered && this.recovery) this.recovery.recovered += 1;
    else this.stats.addLatency(Date.now() - envelope.time);
    this.#tell("publication", envelope);
  }

  #gap(gap) {
    this.recovery ??= { why: "behind", recovered: 0, outcome: "complete" };
    const worse = WORSE.indexOf(gap.outcome) > WORSE.indexOf(this.recovery.outcome);
    if (worse) this.recovery.outcome = gap.outcome;
    if (gap.outcome === "lost") this.#lose([gap]);
    this.#tell("change");
  }

  #lose(gaps) {
    this.stats.forgetOffset();
    for (const { missed } of gaps) this.stats.missed += missed ?? 0;
  }

  #ended({ code, reason, reconnect, retryMs, byItself }) {
    this.#goAway("lost");
    if (byItself) {
      this.#enter(code ? "refused" : "connecting", reason);
      return;
    }
    this.#drop();
    if (!reconnect) {
      this.#enter("refused", reason);
      return;
    }
    const wait = retryMs ?? backoff(this.#attempt);
    this.#attempt += 1;
    this.#timer = setTimeout(() => this.#open(), wait);
    this.#enter(code ? "refused" : "connecting", `${reason}, again in ${Math.max(1, Math.round(wait / 1000))} s.`);
  }

  #enter(state, detail = "") {
    this.state = state;
    this.detail = detail;
    this.#tell("change");
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** The last break in words, empty when there was none. */
export function recoveryText({ state, recovery, stats }) {
  if (!recovery || state === "off") return "";
  const { why, seconds, outcome, recovered } = recovery;
  // Nobody asks what became of a break that was his own doing and cost nothing.
  if (why === "renewed" && outcome === "complete") return "";
  const away = { cut: "Back from the cut", hidden: "Back in view", lost: "Reconnected", renewed: "Reconnected", behind: "Fell behind" }[why];
  const after = seconds === undefined ? "" : ` after ${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)}\u00a0s`;
  const what = {
    none: "raw and newest-only forms keep no position, so it goes on from now",
    pending: "waiting for the outcome",
    complete: `complete, ${recovered} recovered, nothing lost`,
    partial: `partial, ${recovered} recovered, the rest was no longer held`,
    lost: "lost, the server began a new history",
  }[outcome];
  return `${away}${after}: ${what}.${stats.repeats ? ` ${stats.repeats} repeated.` : ""}`;
}
