// The card of one transport: a switch, what arrives, how late, and a button that breaks it off.

import { claim, release } from "./budget.js";
import { Line, recoveryText } from "./line.js";

export const STATES = { off: "Off", connecting: "Connecting", live: "Live", cut: "Cut", refused: "Refused" };

export class Card {
  /** `onSample(sample, name)` hears every load that arrives, `onBudget(name)` which card had to make room. */
  constructor(key, transport, { onSample, onBudget }) {
    this.name = `${transport.name}, ${transport.form}`;
    this.http = transport.http;
    this.hint = transport.hint;
    this.line = new Line(transport, "host/load");
    this.element = document.getElementById("card-template").content.cloneNode(true).firstElementChild;
    this.element.dataset.testid = `card-${key}`;
    this.element.dataset.transport = key;
    this.#label(transport);
    this.#wire(onSample, onBudget);
    this.#show();
  }

  switchOn(onBudget = () => {}) {
    if (this.http) {
      const evicted = claim(this);
      if (evicted) onBudget(evicted.name);
    }
    this.line.start();
  }

  switchOff() {
    release(this);
    this.line.stop();
  }

  pause() {
    this.line.pause();
  }

  resume() {
    this.line.resume();
  }

  #label({ name, form, route }) {
    const title = this.element.querySelector("h3");
    const kind = document.createElement("span");
    kind.className = "form";
    kind.textContent = form;
    title.append(`${name} `, kind);
    this.element.querySelector(".route").textContent = route;
    this.element.querySelector("[role=switch]").setAttribute("aria-label", this.name);
    this.element.querySelector(".cut").setAttribute("aria-label", `Cut ${this.name}`);
  }

  #wire(onSample, onBudget) {
    const { element, line } = this;
    element.querySelector("[role=switch]").onclick = () => (line.on ? this.switchOff() : this.switchOn(onBudget));
    element.querySelector(".cut").onclick = () => line.cut();
    line.addEventListener("change", () => this.#show());
    line.addEventListener("publication", ({ detail }) => {
      const { data } = detail;
      if (Number.isFinite(data?.cpu)) {
        line.stats.addValue(data.cpu);
        onSample(data, this.name);
      }
      this.#show();
    });
  }

  #show() {
    const { element, line } = this;
    const { stats } = line;
    Object.assign(element.dataset, {
      state: line.state,
      count: stats.count,
      missed: stats.missed,
      repeats: stats.repeats,
      outcome: line.recovery?.outcome ?? "",
      recovered: line.recovery?.recovered ?? "",
      lastId: line.cursor ?? "",
    });
    element.querySelector("[role=switch]").setAttribute("aria-checked", line.on);
    element.querySelector(".cut").disabled = line.state !== "live";
    this.#field("value", stats.values.at(-1)?.toFixed(1) ?? "–");
    this.#field("p50", milliseconds(stats.percentile(0.5)));
    this.#field("p95", milliseconds(stats.percentile(0.95)));
    this.#field("count", stats.count.toLocaleString());
    this.#field("missed", stats.missed.toLocaleString());
    this.#field("cursor", shortened(line.cursor));
    write(element.querySelector(".state-text"), STATES[line.state]);
    write(element.querySelector(".outcome"), line.detail || recoveryText(line) || this.hint);
    drawSpark(element.querySelector(".spark"), stats.values);
  }

  #field(name, text) {
    write(this.element.querySelector(`[data-field=${name}]`), text);
  }
}

/** Writes only what changed, so that live regions speak only when there is news. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function milliseconds(value) {
  return value === null ? "–" : `${value} ms`;
}

/** A cursor as far as a card has room for it. */
function shortened(cursor) {
  if (!cursor) return "–";
  return cursor.length <= 30 ? cursor : `${cursor.slice(0, 20)}…${cursor.slice(-8)}`;
}

function drawSpark(svg, values) {
  const points = values.map((value, index) => {
    const x = (60 - values.length + index) * 2;
    const y = 38 - (Math.min(100, Math.max(0, value)) / 100) * 36;
    return `${x} ${y.toFixed(1)}`;
  });
  const trace = points.length > 1 ? `M${points.join("L")}` : "";
  svg.querySelector(".trace").setAttribute("d", trace);
  svg.querySelector(".area").setAttribute("d", trace && `${trace}L118 40L${(60 - values.length) * 2} 40Z`);
}
