// The room on Socket.IO: every socket joins it and hears what is posted to /publish.
//
// transports: websocket      no long-polling first: one request to connect instead of several.
// perMessageDeflate: false   the default; so is httpCompression for long-polling, which is off.
// serveClient: false         no bundle is served here.
// connectionStateRecovery    off, the default; it would keep every message for two minutes.
// raw.request = null         frees the upgrade's request, as Socket.IO's page on memory advises.
// Adapter                    the default in-memory one: it encodes once and hands ws a ready frame.
// Parser                     the default: JSON. The message is emitted as an object, as people do.
// wsEngine                   ws, the default. `eiows`, a C++ engine that is compiled while it is
//                            installed, can take its place; the documentation promises less memory.
//
// One process, for the reason that ws/server.mjs gives.

import { Server } from "socket.io";
import { listen, serve } from "../publish.mjs";

const server = serve((message) => {
  room.emit("m", JSON.parse(message));
});
const io = new Server(server, {
  transports: ["websocket"],
  perMessageDeflate: false,
  httpCompression: false,
  serveClient: false,
  maxHttpBufferSize: 65_536,
});
const room = io.to("room");

io.engine.on("connection", (raw) => {
  raw.request = null;
});
io.on("connection", (viewer) => viewer.join("room"));

listen(server);
