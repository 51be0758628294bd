// npm's ws for WebSockets, node's own http for server-sent events.
"use strict";

const { WebSocketServer } = require("ws");
const { Channels, channelOf, createServer, listen, notFound } = require("./http");

const sockets = new Channels();
const streams = new Channels();

function publish(channel, text) {
  const message = Buffer.from(text);
  for (const socket of sockets.of(channel)) socket.send(message, { binary: false });
  const event = Buffer.from(`data: ${text}\n\n`);
  for (const stream of streams.of(channel)) stream.write(event);
}

function get(request, response) {
  if (!request.url.startsWith("/push/sse?")) return notFound(request, response);
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  response.flushHeaders();
  response.on("close", streams.add(channelOf(request), response));
}

const server = createServer(publish, get);
const accept = new WebSocketServer({
  server,
  path: "/push/ws",
  perMessageDeflate: false,
  clientTracking: false,
});
accept.on("connection", (socket, request) => {
  socket.on("close", sockets.add(channelOf(request), socket));
  socket.on("error", () => {});
});
listen(server);
