// npm's socket.io by WebSocket only: a room is a channel, a message an event `m` with one argument.
"use strict";

const { Server } = require("socket.io");
const { channelOf, createServer, listen, notFound } = require("./http");

const server = createServer((channel, text) => io.to(channel).emit("m", text), notFound);
const io = new Server(server, {
  transports: ["websocket"],
  perMessageDeflate: false,
  httpCompression: false,
  serveClient: false,
});
io.on("connection", (socket) => socket.join(channelOf(socket.request)));
listen(server);
