// A WebSocket without a network: the test is the server.

export class FakeSocket {
  static all = [];

  constructor(url, protocols) {
    this.url = url;
    this.protocols = protocols;
    this.sent = [];
    this.closed = undefined;
    FakeSocket.all.push(this);
  }

  static get last() {
    return FakeSocket.all.at(-1);
  }

  send(data) {
    this.sent.push(JSON.parse(data));
  }

  close(code, reason) {
    this.closed = { code, reason };
  }

  /** The last request of that type. */
  asked(type) {
    return this.sent.findLast((request) => request.type === type);
  }

  says(...messages) {
    this.onmessage({ data: messages.map((message) => JSON.stringify(message)).join("\n") });
  }

  ok(type, ok) {
    this.says({ re: this.asked(type).id, ok });
  }

  refuses(type, error) {
    this.says({ re: this.asked(type).id, error: { message: "no", retryable: false, ...error } });
  }

  drops(code, reason = "") {
    this.onclose({ code, reason });
  }

  /** Opens, and answers the hello. */
  async welcomes(more = {}) {
    this.onopen({});
    await settled();
    this.ok("hello", {
      user: "u1", roles: ["buyer"], now: Date.now(), connection: "c1", ping_ms: 25_000,
      limits: {}, resumed: [], ...more,
    });
    await settled();
  }
}

/** Lets everything run that waits for a promise. */
export async function settled() {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
}
