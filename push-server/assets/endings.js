// How connections end, and when to try again.

const LONGEST_MS = 15_000;

/** Waiting time before attempt `n` (0, 1, 2, ...): doubles from half a second, with jitter so that clients do not return in step. */
export function backoff(attempt) {
  const full = Math.min(LONGEST_MS, 500 * 2 ** Math.min(attempt, 10));
  return full / 2 + Math.random() * (full / 2);
}

/** An ending the server announced in JSON: `{code, reason, reconnect, retry_ms}`. */
export function announced(close) {
  return {
    code: close.code,
    reason: close.reason ?? "",
    reconnect: close.reconnect ?? mayReconnect(close.code),
    retryMs: close.retry_ms,
  };
}

/** The ending of a WebSocket: the close code decides, and its reason is JSON when the server chose it. */
export function ofSocket(event) {
  let told = {};
  try {
    told = JSON.parse(event.reason);
  } catch {
    told = { reason: event.reason };
  }
  const spoken = event.code >= 3000 && event.code < 4000;
  return {
    code: spoken ? event.code : undefined,
    reason: told?.reason || (spoken ? `closed with ${event.code}` : "connection lost"),
    reconnect: mayReconnect(event.code),
    retryMs: told?.retry_ms,
  };
}

/** The ending of a request that was answered, but not with a subscription. */
export async function ofResponse(response) {
  let problem = {};
  try {
    problem = await response.json();
  } catch {
    // Whatever stands between us and the server need not speak problem+json.
  }
  const reconnect = response.status === 429 || response.status >= 500;
  const after = Number(response.headers.get("Retry-After"));
  return {
    code: problem.code ?? response.status,
    reason: problem.detail || problem.title || `answered ${response.status}`,
    reconnect,
    retryMs: after > 0 ? after * 1000 : undefined,
  };
}

/** The ending of a connection that simply broke off. */
export const BROKEN = Object.freeze({ reason: "connection lost", reconnect: true });

/** 3500..=3999 are for good; everything else may come back. */
function mayReconnect(code) {
  return !(code >= 3500 && code < 4000);
}
