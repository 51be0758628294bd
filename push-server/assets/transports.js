// One adapter for each transport. All have the same face:
//
//   const close = open({ channel, since, last, info }, sink);
//
// and tell the sink `opened({cursor, outcome, gaps})`, `publication(envelope)`, `cursor(cursor)`, `gap(gap)` and, once,
// `ended(ending)`. What a transport cannot tell (an EventSource does not show its first cursor) is left out.

import { BROKEN, announced, ofResponse, ofSocket } from "./endings.js";

const BASE = "/push";

/** Seconds a poll stays parked; below the half minute after which some proxies lose patience. */
const PARK_S = 25;

function address(route, params) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    if (value !== undefined && value !== null) query.set(name, value);
  }
  return `${BASE}/${route}?${query}`;
}

function socket(params, onText, sink) {
  const url = new URL(address("ws", params), location.href);
  url.protocol = url.protocol.replace("http", "ws");
  const ws = new WebSocket(url);
  ws.onmessage = ({ data }) => onText(data);
  ws.onclose = (event) => sink.ended(ofSocket(event));
  return ws;
}

function wsJson(params, sink) {
  const ws = socket(params, (text) => {
    const message = JSON.parse(text);
    if (message.op === "publication") sink.publication(message);
    else if (message.op === "subscribed" && message.seq === undefined) sink.opened(message);
    else if (message.op === "gap") sink.gap(message);
    else sink.reply?.(message);
  }, sink);
  const close = () => ws.close();
  close.send = (operation) => ws.send(JSON.stringify(operation));
  return close;
}

function wsRaw(params, sink) {
  const text = (payload) => {
    const data = parsed(payload);
    sink.publication({ data, time: data?.time ?? Date.now() });
  };
  // Payloads alone carry no cursor to resume from, so coming back means beginning anew.
  const ws = socket({ channel: params.channel, format: "raw" }, text, sink);
  ws.onopen = () => sink.opened({});
  return () => ws.close();
}

/** A raw payload is whatever somebody published. */
function parsed(payload) {
  try {
    return JSON.parse(payload);
  } catch {
    return payload;
  }
}

function sse(params, sink) {
  const source = new EventSource(address("sse", { ...params, format: "json" }));
  source.onopen = () => sink.opened({});
  source.onmessage = ({ data }) => sink.publication(JSON.parse(data));
  source.addEventListener("push.gap", ({ data }) => sink.gap(JSON.parse(data)));
  let told = null;
  source.addEventListener("push.close", ({ data }) => {
    told = announced(JSON.parse(data));
    if (!told.reconnect) source.close();
    sink.ended({ ...told, byItself: told.reconnect });
  });
  source.onerror = () => {
    // The browser reconnects by itself, with the last id it saw, unless it has given up.
    const byItself = source.readyState !== EventSource.CLOSED;
    if (!told) sink.ended({ reason: byItself ? "connection lost" : "refused", reconnect: byItself, byItself });
    told = null;
  };
  return () => source.close();
}

/** Runs `work` with a signal, and turns what it throws or returns into an ending. */
function requesting(sink, work) {
  const abort = new AbortController();
  work(abort.signal).then(
    (ending) => sink.ended(ending ?? BROKEN),
    (error) => {
      if (error.name !== "AbortError") sink.ended(BROKEN);
    },
  );
  return () => abort.abort();
}

const request = (url, signal) => fetch(url, { cache: "no-store", signal });

function poll(params, sink) {
  return requesting(sink, async (signal) => {
    let { since } = params;
    for (let first = true; ; first = false) {
      // The first answers at once: without a cursor it gives the one to begin with, with one it tells what became of it.
      const timeout = first ? 0 : PARK_S;
      const response = await request(address("poll", { ...params, since, timeout }), signal);
      if (!response.ok) return ofResponse(response);
      const answer = await response.json();
      since = answer.cursor;
      if (first) sink.opened(answer);
      else if (answer.outcome !== "complete") (answer.gaps ?? [answer]).forEach((gap) => sink.gap(gap));
      answer.events.forEach((event) => sink.publication(event));
      sink.cursor(since);
      if (answer.close) return announced(answer.close);
    }
  });
}

function streamed(message, sink) {
  switch (message.op) {
    case undefined:
      return sink.publication(message);
    case "subscribed":
      return sink.opened(message);
    case "gap":
      return sink.gap(message);
    case "close":
      return sink.ended(announced(message));
  }
}

function ndjson(params, sink) {
  return requesting(sink, async (signal) => {
    const response = await request(address("stream", params), signal);
    if (!response.ok) return ofResponse(response);
    let rest = "";
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return BROKEN;
      const lines = (rest + value).split("\n");
      rest = lines.pop();
      for (const line of lines) {
        if (line.trim()) streamed(JSON.parse(line), sink);
      }
    }
  });
}

function frame(params, sink) {
  const iframe = document.createElement("iframe");
  iframe.title = "Forever frame, nothing to see";
  iframe.className = "unseen";
  iframe.tabIndex = -1;
  iframe.src = address("stream", { ...params, format: "script" });
  // The document calls parent.push once for each line; it has loaded when it has ended.
  window.push = (message) => {
    streamed(message, sink);
    // A document that grows for hours would keep every line it was ever sent.
    iframe.contentDocument?.querySelectorAll("script").forEach((script) => script.remove());
  };
  iframe.onload = () => {
    const text = iframe.contentDocument?.body?.textContent ?? "";
    sink.ended(refusalIn(text) ?? BROKEN);
  };
  document.body.append(iframe);
  return () => {
    iframe.onload = null;
    iframe.remove();
  };
}

/** A frame has no status to look at: a refusal is a document that is a problem. */
function refusalIn(text) {
  try {
    const { status, code, detail, title } = JSON.parse(text);
    return { code, reason: detail || title, reconnect: status === 429 || status >= 500 };
  } catch {
    return null;
  }
}

function mixed({ channel }, sink) {
  return requesting(sink, async (signal) => {
    const response = await request(address("mixed", { channel, format: "json" }), signal);
    if (!response.ok) return ofResponse(response);
    sink.opened({});
    const reader = response.body.getReader();
    const text = new TextDecoder();
    let bytes = new Uint8Array();
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return BROKEN;
      bytes = joined(bytes, value);
      for (let part; (part = firstPart(bytes)); bytes = part.rest) {
        sink.publication(JSON.parse(text.decode(part.body)));
      }
    }
  });
}

function joined(a, b) {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

/** The first whole part in `bytes`, by its Content-Length; null while there is none. */
function firstPart(bytes) {
  const head = new TextDecoder("latin1").decode(bytes.subarray(0, 4096));
  const start = head.search(/Content-Type|Content-Length/i);
  const end = head.indexOf("\r\n\r\n", start);
  if (start < 0 || end < 0) return null;
  const length = Number(/^Content-Length:\s*(\d+)/im.exec(head.slice(0, end))?.[1]);
  const body = end + 4;
  if (!(bytes.length >= body + length)) return null;
  return { body: bytes.slice(body, body + length), rest: bytes.slice(body + length) };
}

/** Every transport that carries the envelope, in the order of the cards. `http`: takes one of the browser's six connections. */
export const TRANSPORTS = {
  "ws-json": {
    name: "WebSocket", form: "JSON", route: "/push/ws", open: wsJson, resumes: true,
    hint: "Both ways, and one connection for any number of channels.",
  },
  "ws-raw": {
    name: "WebSocket", form: "raw", route: "/push/ws?format=raw", open: wsRaw,
    hint: "The payload alone, a frame each.",
  },
  sse: {
    name: "SSE", form: "EventSource", route: "/push/sse", open: sse, resumes: true, http: true,
    hint: "The browser reconnects by itself, with the last id it saw.",
  },
  poll: {
    name: "Long polling", form: "fetch", route: "/push/poll", open: poll, resumes: true, http: true,
    hint: "A request waits until there is something to answer.",
  },
  stream: {
    name: "NDJSON stream", form: "fetch", route: "/push/stream", open: ndjson, resumes: true, http: true,
    hint: "A line each, easy to read from any language.",
  },
  frame: {
    name: "Forever frame", form: "iframe", route: "/push/stream?format=script", open: frame, resumes: true, http: true,
    hint: "A document that never ends calls the page around it.",
  },
  mixed: {
    name: "Multipart mixed", form: "fetch", route: "/push/mixed?format=json", open: mixed, http: true,
    hint: "Always the newest, never a backlog.",
  },
};
