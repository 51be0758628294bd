// Browsers allow six HTTP/1.1 connections to a host over all tabs, and a subscription holds one for as long as it lives.
// So a tab takes two at most: the third to come on sends the first away.

const AT_MOST = 2;
const holders = [];

/** Asks for a connection. Returns the holder that had to give up its own, if any; it was switched off already. */
export function claim(holder) {
  release(holder);
  holders.push(holder);
  if (holders.length <= AT_MOST) return null;
  const oldest = holders.shift();
  oldest.switchOff();
  return oldest;
}

export function release(holder) {
  const index = holders.indexOf(holder);
  if (index >= 0) holders.splice(index, 1);
}
