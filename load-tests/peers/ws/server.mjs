// The room on ws: every connection hears what is posted to /publish.
//
// perMessageDeflate: false   ws's default too; the comparison is without compression.
// maxPayload: 64 KiB         viewers send next to nothing.
// clientTracking             on, as broadcasting over `server.clients` is what the README shows.
// Buffer, binary: false      a string would be turned into bytes again for each viewer.
// Pings                      ws sends none by itself; its README's 30 s is used.
//
// MODE=send    the README's broadcast, what most people run. Each send makes a header and does one
//              writev of header and payload.
// MODE=frame   the frame is made once with ws's exported Sender and written to every socket, as
//              Socket.IO's adapter does. ws documents no such thing and it skips ws's own queue,
//              so it is right only without compression and fragments; it is the best case of ws.
// MODE=tick    MODE=frame, and what came within TICK_MS shares a frame, a message a line: what an
//              application can do by hand. ws has nothing of the kind.
//
// One process. A cluster would give each process a part of the viewers and every message to every
// process: twice the cores, and no less work for each delivered message, which is what is compared.

import { Sender, WebSocket, WebSocketServer } from "ws";
import { listen, serve } from "../publish.mjs";

const mode = process.env.MODE ?? "send";
const tickMs = Number(process.env.TICK_MS ?? 0);

const server = serve(mode === "tick" ? tick : mode === "frame" ? broadcastFrame : broadcast);
const hub = new WebSocketServer({ server, perMessageDeflate: false, maxPayload: 65_536 });

function broadcast(message) {
  for (const viewer of hub.clients) {
    if (viewer.readyState === WebSocket.OPEN) viewer.send(message, { binary: false });
  }
}

function broadcastFrame(message) {
  const options = { fin: true, rsv1: false, opcode: 1, mask: false, readOnly: true };
  const frame = Buffer.concat(Sender.frame(message, options));
  for (const viewer of hub.clients) {
    if (viewer.readyState === WebSocket.OPEN) viewer._socket.write(frame);
  }
}

let waiting = [];
function tick(message) {
  if (waiting.length === 0) setTimeout(flush, tickMs);
  waiting.push(message);
}

function flush() {
  const lines = waiting;
  waiting = [];
  broadcastFrame(Buffer.from(lines.join("\n")));
}

hub.on("connection", (viewer) => {
  viewer.on("error", () => viewer.terminate());
});
setInterval(() => {
  for (const viewer of hub.clients) viewer.ping();
}, 30_000).unref();

listen(server);
