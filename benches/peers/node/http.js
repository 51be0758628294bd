// What all servers here share: publications come as `POST /push/publish?channel=...`, and the address goes to standard output.
"use strict";

const http = require("node:http");

/** The channel that a request names. */
function channelOf(request) {
  return new URL(request.url, "http://localhost").searchParams.get("channel");
}

/** A server that calls `publish(channel, text)`, and `get(request, response)` for anything else. */
function createServer(publish, get) {
  return http.createServer((request, response) => {
    if (request.method !== "POST") {
      get(request, response);
      return;
    }
    let body = "";
    request.setEncoding("utf8");
    request.on("data", (part) => (body += part));
    request.on("end", () => {
      publish(channelOf(request), body);
      response.writeHead(200, { "content-length": 2 });
      response.end("{}");
    });
  });
}

function notFound(request, response) {
  response.writeHead(404, { "content-length": 0 });
  response.end();
}

function listen(server) {
  // The publisher's connection is to stay, however long a round takes.
  server.keepAliveTimeout = 0;
  server.listen({ host: "127.0.0.1", port: 0, backlog: 4096 }, () => {
    const { address, port } = server.address();
    console.log(`${address}:${port}`);
  });
}

/** Sets of subscribers by channel. */
class Channels {
  #members = new Map();

  add(channel, member) {
    let members = this.#members.get(channel);
    if (!members) this.#members.set(channel, (members = new Set()));
    members.add(member);
    return () => members.delete(member);
  }

  of(channel) {
    return this.#members.get(channel) ?? [];
  }
}

module.exports = { Channels, channelOf, createServer, listen, notFound };
