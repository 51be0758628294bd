// What a card shows about its line: how many, how late, how many missing.

const WINDOW = 60;

export class Stats {
  count = 0;
  missed = 0;
  repeats = 0;
  values = [];
  #latencies = [];
  #lastOffset = null;

  /** Takes a publication's offset. False when it was here already, so that a repeat is shown once. */
  follow(offset) {
    if (offset === undefined) return true;
    const last = this.#lastOffset;
    if (last !== null && offset <= last) {
      this.repeats += 1;
      return false;
    }
    if (last !== null) this.missed += offset - last - 1;
    this.#lastOffset = offset;
    return true;
  }

  /** Another epoch: its offsets cannot be compared with those seen so far. */
  forgetOffset() {
    this.#lastOffset = null;
  }

  /** Whether `offset` can follow what was seen; without an outcome to go by, going back means another epoch. */
  continues(offset) {
    return this.#lastOffset === null || offset === undefined || offset >= this.#lastOffset;
  }

  addLatency(ms) {
    push(this.#latencies, ms);
  }

  addValue(value) {
    push(this.values, value);
  }

  /** The nearest to a difference between the two clocks that can be seen from here. */
  get clockSkew() {
    return this.#latencies.length ? Math.min(...this.#latencies) : 0;
  }

  /** Latency in milliseconds that `share` (0..1) of the last 60 did not exceed. */
  percentile(share) {
    if (!this.#latencies.length) return null;
    const sorted = [...this.#latencies].sort((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)];
  }
}

function push(list, value) {
  list.push(value);
  if (list.length > WINDOW) list.shift();
}
