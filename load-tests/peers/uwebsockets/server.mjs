// The room on µWebSockets, through Bun, whose server is built on it and which npm carries (the
// binding for Node.js is not on npm): every connection hears what is posted to /publish.
//
// perMessageDeflate: false   the default.
// publish                    the library's own topic: the message is kept once, and what a socket
//                            is owed within one turn of the event loop leaves in one write.
// backpressureLimit          1 MiB, far more than a run leaves unread; past it messages are lost.
// idleTimeout: 120, pings    the defaults: Bun pings by itself before the timeout.
//
// One process, for the reason that ws/server.mjs gives.

const room = "room";

Bun.serve({
  hostname: "127.0.0.1",
  port: Number(process.env.PORT),
  async fetch(request, server) {
    if (request.method === "POST" && new URL(request.url).pathname === "/publish") {
      server.publish(room, await request.text());
      return new Response(null, { status: 204 });
    }
    if (server.upgrade(request)) return undefined;
    return new Response(null, { status: 404 });
  },
  websocket: {
    perMessageDeflate: false,
    backpressureLimit: 1 << 20,
    maxPayloadLength: 65_536,
    open(viewer) {
      viewer.subscribe(room);
    },
    message() {},
  },
});
process.once("SIGTERM", () => process.exit(0));
