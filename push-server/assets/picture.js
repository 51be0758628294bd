// The chart in an <img> over multipart/x-mixed-replace: every part the server sends replaces the picture.
//
// An image tells only that its first part arrived. So once a second the picture is looked at: one that changed counts as
// received, and one that stood still for long is asked for again.

import { claim, release } from "./budget.js";
import { STATES, write } from "./card.js";

const SOURCE = "/push/mixed?channel=host/load.png";
const CUT_MS = 3000;
const STALE_MS = 10_000;
const NAME = "Picture, img";

export class Picture {
  name = NAME;
  http = true;
  #state = "off";
  #count = 0;
  #outcome = "";
  #text = "";
  #seen = "";
  #seenAt = 0;
  #timer = 0;
  #watch = 0;
  #paused = false;
  #canvas = document.createElement("canvas");

  constructor(element, { onBudget }) {
    this.element = element;
    this.image = element.querySelector("img");
    this.image.onload = () => this.#look();
    this.image.onerror = () => this.#retry("The picture did not come");
    element.querySelector("[role=switch]").onclick = () => (this.#state === "off" ? this.switchOn(onBudget) : this.switchOff());
    element.querySelector(".cut").onclick = () => this.#cut();
    this.#show();
  }

  switchOn(onBudget = () => {}) {
    const evicted = claim(this);
    if (evicted) onBudget(evicted.name);
    this.#count = 0;
    this.#outcome = "";
    this.#text = "";
    this.#open();
  }

  switchOff() {
    release(this);
    this.#paused = false;
    this.#stop();
    this.image.hidden = true;
    this.#enter("off");
  }

  pause() {
    if (this.#state === "off") return;
    this.#paused = true;
    this.#stop();
    this.#text = "Let go while hidden.";
    this.#enter("cut");
  }

  resume() {
    if (!this.#paused) return;
    this.#paused = false;
    this.#back("Back in view");
  }

  #cut() {
    this.#stop();
    this.#text = "Back in 3 s.";
    this.#enter("cut");
    this.#timer = setTimeout(() => this.#back("Back from the cut"), CUT_MS);
  }

  #back(why) {
    this.#outcome = "none";
    this.#text = `${why}: a picture keeps no position, the newest comes at once.`;
    this.#open();
  }

  #retry(why) {
    this.#stop();
    this.#text = `${why}, again in 5 s.`;
    this.#enter("refused");
    this.#timer = setTimeout(() => this.#back("Reconnected"), 5000);
  }

  #open() {
    this.#seen = "";
    this.#seenAt = Date.now();
    this.#enter("connecting");
    // Another address each time, or the browser would show the picture it has.
    this.image.src = `${SOURCE}&t=${Date.now()}`;
    this.#watch = setInterval(() => this.#look(), 500);
  }

  /** Ends the connection, leaving the picture that was shown last. */
  #stop() {
    clearTimeout(this.#timer);
    clearInterval(this.#watch);
    if (this.#state === "live") this.image.src = this.#canvas.toDataURL();
    else this.image.removeAttribute("src");
  }

  #look() {
    if (this.#state !== "live" && this.#state !== "connecting") return;
    const { image } = this;
    if (!image.naturalWidth) return;
    this.#canvas.width = image.naturalWidth;
    this.#canvas.height = image.naturalHeight;
    this.#canvas.getContext("2d", { willReadFrequently: true }).drawImage(image, 0, 0);
    const now = this.#canvas.toDataURL();
    if (now !== this.#seen) {
      this.#seen = now;
      this.#seenAt = Date.now();
      this.#count += 1;
      image.hidden = false;
      this.#enter("live");
    } else if (Date.now() - this.#seenAt > STALE_MS) {
      this.#retry("The picture stands still");
    }
  }

  #enter(state) {
    this.#state = state;
    this.#show();
  }

  #show() {
    const { element } = this;
    Object.assign(element.dataset, { state: this.#state, count: this.#count, outcome: this.#outcome });
    element.querySelector("[role=switch]").setAttribute("aria-checked", this.#state !== "off");
    element.querySelector(".cut").disabled = this.#state !== "live";
    write(element.querySelector(".state-text"), STATES[this.#state]);
    write(element.querySelector(".outcome"), this.#state === "off" ? "" : this.#text);
  }
}
