// The HTTP side that the Node.js servers share: POST /publish hands its body to `broadcast`.
// Owns the port and the end of the process; knows no WebSocket.

import { createServer } from "node:http";

/** One room, so one path; the body is the message. */
export function serve(broadcast) {
  const server = createServer((request, response) => {
    if (request.method !== "POST" || request.url !== "/publish") {
      response.writeHead(404).end();
      return;
    }
    const parts = [];
    request.on("data", (part) => parts.push(part));
    request.on("end", () => {
      broadcast(Buffer.concat(parts));
      response.writeHead(204).end();
    });
  });
  // The generator's connection to publish on stays open between two messages.
  server.keepAliveTimeout = 60_000;
  process.once("SIGTERM", () => process.exit(0));
  return server;
}

export function listen(server) {
  // All viewers connect at once: Node's default backlog of 511 would cost them retries.
  server.listen({ host: "127.0.0.1", port: Number(process.env.PORT), backlog: 65_535 });
}
