// What the tests of the pages share: a socket that the test holds in its hand, and a link over it.

import { Link } from "./link.js";

/** Those that were opened, in their order. */
export const sockets = [];

export class Socket {
  readyState = 1;
  sent = [];

  constructor(url, protocols) {
    this.url = url;
    this.protocols = protocols;
    sockets.push(this);
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close() {
    this.readyState = 3;
  }

  last(type) {
    return this.sent.findLast((request) => request.type === type);
  }

  say(...objects) {
    this.onmessage({ data: objects.map((object) => JSON.stringify(object)).join("\n") });
  }

  answer(type, ok) {
    this.say({ re: this.last(type).id, ok });
  }

  refuse(type, error) {
    this.say({ re: this.last(type).id, error });
  }

  welcome(resumed = []) {
    this.onopen();
    this.answer("hello", { user: "u1", now: Date.now(), ping_ms: 25_000, resumed });
  }
}

/** Lets everything run that waits for a promise. */
export const turn = () => new Promise((resolve) => setImmediate(resolve));

/** A link over such a socket, and what it has said. */
export async function linked() {
  const heard = [];
  const spent = [];
  const link = new Link({
    url: "ws://x/v1/ws",
    token: async (isSpent) => (spent.push(isSpent), "token"),
    WebSocket: Socket,
    random: () => 1,
    on: (event, value) => heard.push([event, value]),
  });
  await turn();
  const values = (event) => heard.filter(([name]) => name === event).map(([, value]) => value);
  return { link, heard, values, spent };
}
