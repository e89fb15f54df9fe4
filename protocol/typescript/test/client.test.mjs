import assert from "node:assert/strict";
import { beforeEach, describe, mock, test } from "node:test";

import { RefusedError, RequestTimeout, ConnectionEnded, connect } from "../build/index.js";
import { FakeSocket, settled } from "./fake-socket.mjs";

const TOPIC = "room:acme/r1";
const claim = { shop: "acme", room: "r1", sale: "s1", sku: "red-m", quantity: 1 };

function start(more = {}) {
  const token = () => "token";
  return connect({ url: "ws://shop/v1/ws", token, WebSocket: FakeSocket, random: () => 1, ...more });
}

function snapshot(seq, epoch = "7") {
  return { topic: TOPIC, epoch, seq, room: {}, products: [], sales: [], comments: [] };
}

function stock(seq) {
  return { type: "room.stock", topic: TOPIC, seq, sale: "s1", sku: "red-m", version: seq };
}

/** A client in a room, at seq 10. */
async function joined(more) {
  const client = start(more);
  const seen = { pushes: [], snapshots: [], left: [] };
  client.on("push", (push) => seen.pushes.push(push));
  client.on("snapshot", (event) => seen.snapshots.push(event.snapshot.seq));
  client.on("left", (event) => seen.left.push(event.topic));
  await FakeSocket.last.welcomes();
  const join = client.request("room.join", { shop: "acme", room: "r1" });
  FakeSocket.last.ok("room.join", { presence: "p1", me: {}, snapshot: snapshot(10) });
  await join;
  return { client, seen };
}

beforeEach(() => {
  FakeSocket.all = [];
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_760_000_000_000 });
});

describe("requests", () => {
  test("hello comes first, with the token, and requests wait for it", async () => {
    const client = start();
    const answer = client.request("sale.claim", claim);
    const socket = FakeSocket.last;
    assert.deepEqual(socket.protocols, ["hawker.v1"]);
    await socket.welcomes();
    assert.equal(socket.sent[0].type, "hello");
    assert.equal(socket.sent[0].token, "token");
    const sent = socket.asked("sale.claim");
    assert.match(sent.command_id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-/);
    socket.ok("sale.claim", { existing: false });
    assert.deepEqual(await answer, { existing: false });
  });

  test("a refusal rejects with its code and details", async () => {
    const client = start();
    await FakeSocket.last.welcomes();
    const answer = client.request("sale.claim", claim);
    FakeSocket.last.refuses("sale.claim", { code: "sold_out", waitlist_length: 12 });
    const error = await answer.catch((caught) => caught);
    assert.ok(error instanceof RefusedError);
    assert.equal(error.code, "sold_out");
    assert.equal(error.refusal.waitlist_length, 12);
  });

  test("a request whose connection was lost is sent again with the same command id", async () => {
    const client = start();
    await FakeSocket.last.welcomes();
    const answer = client.request("sale.claim", claim);
    const first = FakeSocket.last.asked("sale.claim");
    FakeSocket.last.drops(1006);
    mock.timers.tick(500);
    await FakeSocket.last.welcomes();
    assert.equal(FakeSocket.all.length, 2);
    const second = FakeSocket.last.asked("sale.claim");
    assert.equal(second.command_id, first.command_id);
    FakeSocket.last.ok("sale.claim", { existing: true });
    assert.deepEqual(await answer, { existing: true });
  });

  test("unknown_outcome is asked again with the same command id", async () => {
    const client = start();
    await FakeSocket.last.welcomes();
    const answer = client.request("order.pay", { shop: "acme", order: "o1" });
    const first = FakeSocket.last.asked("order.pay");
    FakeSocket.last.refuses("order.pay", { code: "unknown_outcome", retry_after_ms: 300 });
    mock.timers.tick(799);
    assert.equal(FakeSocket.last.asked("order.pay"), first);
    mock.timers.tick(1);
    const second = FakeSocket.last.asked("order.pay");
    assert.notEqual(second.id, first.id);
    assert.equal(second.command_id, first.command_id);
    FakeSocket.last.ok("order.pay", { order: {} });
    await answer;
  });

  test("without an answer in time it rejects and names the command id", async () => {
    const client = start();
    await FakeSocket.last.welcomes();
    const answer = client.request("sale.claim", claim, { timeoutMs: 2_000 });
    const failed = assert.rejects(answer, (error) => {
      assert.ok(error instanceof RequestTimeout);
      assert.equal(error.commandId, FakeSocket.last.asked("sale.claim").command_id);
      return true;
    });
    mock.timers.tick(2_000);
    await failed;
  });

  test("reads carry no command id, and late likes are not sent again", async () => {
    const client = start();
    await FakeSocket.last.welcomes();
    client.request("order.list", { shop: "acme" }).catch(() => {});
    assert.equal("command_id" in FakeSocket.last.asked("order.list"), false);
    const like = client.request("room.like", { shop: "acme", room: "r1", count: 3 });
    FakeSocket.last.drops(1006);
    await assert.rejects(like, ConnectionEnded);
    client.close();
  });
});

describe("topics", () => {
  test("pushes in sequence are shown, repeated ones and other rooms' are not", async () => {
    const { seen } = await joined();
    FakeSocket.last.says(stock(11), stock(11), stock(9), { ...stock(12), topic: "room:acme/r2" });
    FakeSocket.last.says(stock(12), { type: "room.likes", topic: TOPIC, likes: 5 });
    assert.deepEqual(seen.pushes.map((push) => push.seq ?? push.type), [11, 12, "room.likes"]);
  });

  test("pushes that overtake the join's reply are not lost", async () => {
    const client = start();
    const seqs = [];
    client.on("push", (push) => seqs.push(push.seq));
    await FakeSocket.last.welcomes();
    const join = client.request("room.join", { shop: "acme", room: "r1" });
    FakeSocket.last.says(stock(10), stock(11), stock(12));
    FakeSocket.last.ok("room.join", { presence: "p1", me: {}, snapshot: snapshot(10) });
    await join;
    assert.deepEqual(seqs, [11, 12]);
  });

  test("a gap brings a new snapshot", async () => {
    const { seen } = await joined();
    FakeSocket.last.says(stock(11), stock(14), stock(15));
    assert.deepEqual(seen.pushes.map((push) => push.seq), [11]);
    FakeSocket.last.ok("room.join", { presence: "p1", me: {}, snapshot: snapshot(14) });
    assert.deepEqual(seen.snapshots, [10, 14]);
    assert.deepEqual(seen.pushes.map((push) => push.seq), [11, 15]);
  });

  test("a comment that only its author sees has no place in the sequence", async () => {
    const { seen } = await joined();
    const comment = { comment: "c1", user: "u1", name: "Ann", text: "hi", at: 1 };
    const own = { type: "room.own_comment", topic: TOPIC, comment };
    const shown = { type: "room.comment", topic: TOPIC, seq: 12, comment, skipped: 4 };
    FakeSocket.last.says(stock(11), own, shown);
    assert.deepEqual(seen.pushes, [stock(11), own, shown]);
  });
  test("room.gap with a snapshot goes on from there", async () => {
    const { seen } = await joined();
    const gap = { type: "room.gap", topic: TOPIC, from: 11, to: 20, snapshot: snapshot(20) };
    FakeSocket.last.says(gap, stock(21));
    assert.deepEqual(seen.snapshots, [10, 20]);
    assert.deepEqual(seen.pushes.map((push) => push.seq), [21]);
  });

  test("a resume tells epoch, seq and presence, and shows what was missed", async () => {
    const { seen } = await joined();
    FakeSocket.last.says(stock(11));
    FakeSocket.last.drops(4408);
    mock.timers.tick(500);
    const missed = [stock(12), stock(13)];
    const more = { topic: TOPIC, epoch: "7", seq: 13, recovered: true, missed, presence: "p2" };
    await FakeSocket.last.welcomes({ resumed: [more] });
    const resume = FakeSocket.last.asked("hello").resume;
    assert.deepEqual(resume, [{ topic: TOPIC, epoch: "7", seq: 11, presence: "p1" }]);
    FakeSocket.last.says(stock(14));
    assert.deepEqual(seen.pushes.map((push) => push.seq), [11, 12, 13, 14]);
  });

  test("a resume that recovers nothing brings a snapshot of the new epoch", async () => {
    const { seen } = await joined();
    FakeSocket.last.drops(1012);
    mock.timers.tick(500);
    const fresh = { topic: TOPIC, epoch: "8", seq: 3, recovered: false, snapshot: snapshot(3, "8") };
    await FakeSocket.last.welcomes({ resumed: [fresh] });
    FakeSocket.last.says(stock(4));
    assert.deepEqual(seen.snapshots, [10, 3]);
    assert.deepEqual(seen.pushes.map((push) => push.seq), [4]);
  });

  test("a room that does not go on is left", async () => {
    const { seen } = await joined();
    FakeSocket.last.drops(1006);
    mock.timers.tick(500);
    const error = { code: "banned", message: "no", retryable: false };
    const over = { topic: TOPIC, epoch: "7", seq: 0, recovered: false, error };
    await FakeSocket.last.welcomes({ resumed: [over] });
    FakeSocket.last.says(stock(11));
    assert.deepEqual(seen.left, [TOPIC]);
    assert.deepEqual(seen.pushes, []);
  });
});

describe("a shop that cannot be asked at a resume", () => {
  test("is asked again, and the room goes on", async () => {
    const { seen } = await joined();
    FakeSocket.last.drops(1006);
    mock.timers.tick(500);
    const error = { code: "timeout", message: "later", retryable: true };
    const later = { topic: TOPIC, epoch: "7", seq: 10, recovered: false, error };
    await FakeSocket.last.welcomes({ resumed: [later] });
    FakeSocket.last.ok("room.join", { presence: "p1", me: {}, snapshot: snapshot(20) });
    await settled();
    assert.deepEqual([seen.left, seen.snapshots], [[], [10, 20]]);
  });
});

describe("the connection", () => {
  test("back-off doubles with full jitter and starts anew after a welcome", async () => {
    const client = start();
    for (const span of [500, 1_000, 2_000]) {
      const before = FakeSocket.all.length;
      FakeSocket.last.drops(1006);
      assert.equal(client.state, "waiting");
      mock.timers.tick(span - 1);
      assert.equal(FakeSocket.all.length, before);
      mock.timers.tick(1);
      assert.equal(FakeSocket.all.length, before + 1);
    }
    await FakeSocket.last.welcomes();
    mock.timers.tick(5_000);
    FakeSocket.last.drops(1006);
    mock.timers.tick(500);
    assert.equal(FakeSocket.all.length, 5);
  });

  test("a server that drops everybody right after the welcome is asked less and less", async () => {
    start();
    for (const span of [500, 1_000, 2_000, 4_000]) {
      await FakeSocket.last.welcomes();
      const before = FakeSocket.all.length;
      FakeSocket.last.drops(4408);
      mock.timers.tick(span - 1);
      assert.equal(FakeSocket.all.length, before);
      mock.timers.tick(1);
      assert.equal(FakeSocket.all.length, before + 1);
    }
  });

  test("a server that drains and closes at once is not asked before the time it told", async () => {
    start();
    await FakeSocket.last.welcomes();
    FakeSocket.last.says({ type: "drain", after_ms: 12_000 });
    FakeSocket.last.drops(1012);
    mock.timers.tick(11_999);
    assert.equal(FakeSocket.all.length, 1);
    mock.timers.tick(1);
    assert.equal(FakeSocket.all.length, 2);
  });

  test("an application that cannot bring a token is asked again", async () => {
    let count = 0;
    const token = () => {
      count += 1;
      if (count === 1 || count === 3) throw new Error("no network");
      return `token-${count}`;
    };
    const client = start({ token });
    FakeSocket.last.onopen({});
    await settled();
    assert.equal(client.state, "waiting");
    mock.timers.tick(500);
    await FakeSocket.last.welcomes({ expires_at: Date.now() + 31_000 });
    assert.equal(FakeSocket.last.asked("hello").token, "token-2");
    mock.timers.tick(1_000);
    await settled();
    assert.equal(FakeSocket.last.asked("refresh"), undefined);
    mock.timers.tick(5_000);
    await settled();
    assert.equal(FakeSocket.last.asked("refresh").token, "token-4");
  });

  test("a listener that throws does not cost the pushes after it", async (context) => {
    const { client, seen } = await joined();
    const reported = [];
    globalThis.reportError = (error) => reported.push(error.message);
    context.after(() => delete globalThis.reportError);
    client.on("push", (push) => {
      if (push.seq === 11) throw new Error("a bug of the page");
    });
    FakeSocket.last.says(stock(11), stock(12));
    assert.deepEqual(seen.pushes.map((push) => push.seq), [11, 12]);
    assert.deepEqual(reported, ["a bug of the page"]);
  });

  for (const code of [4500, 4501, 4503, 4504, 4526, 1008]) {
    test(`close code ${code} is final`, async () => {
      const client = start();
      const ends = [];
      client.on("closed", (event) => ends.push(event.code));
      await FakeSocket.last.welcomes();
      const answer = client.request("order.list", { shop: "acme" });
      FakeSocket.last.drops(code, "no");
      await assert.rejects(answer, ConnectionEnded);
      assert.deepEqual(ends, [code]);
      mock.timers.tick(120_000);
      assert.equal(FakeSocket.all.length, 1);
    });
  }

  test("an expired token is replaced at the next hello", async () => {
    let count = 0;
    start({ token: async () => `token-${(count += 1)}` });
    await FakeSocket.last.welcomes();
    FakeSocket.last.drops(4401);
    mock.timers.tick(500);
    await FakeSocket.last.welcomes();
    assert.equal(FakeSocket.last.asked("hello").token, "token-2");
  });

  test("a token is refreshed before it expires", async () => {
    start();
    const socket = FakeSocket.last;
    await socket.welcomes({ expires_at: Date.now() + 120_000 });
    for (let turn = 0; turn < 5; turn += 1) socket.ok("ping", pong(socket));
    mock.timers.tick(59_000);
    assert.equal(socket.asked("refresh"), undefined);
    mock.timers.tick(1_000);
    for (let turn = 0; turn < 5; turn += 1) socket.ok("ping", pong(socket));
    mock.timers.tick(30_000);
    await settled();
    assert.equal(socket.asked("refresh").token, "token");
  });

  test("drain opens the next connection before it closes this one", async () => {
    const { seen } = await joined();
    const old = FakeSocket.last;
    old.says({ type: "drain", after_ms: 5_000 });
    mock.timers.tick(5_000);
    const next = FakeSocket.last;
    assert.notEqual(next, old);
    old.says(stock(11));
    assert.equal(old.closed, undefined);
    const missed = [stock(11), stock(12)];
    await next.welcomes({ resumed: [{ topic: TOPIC, epoch: "7", seq: 12, recovered: true, missed }] });
    assert.equal(old.closed.code, 1000);
    next.says(stock(13));
    assert.deepEqual(seen.pushes.map((push) => push.seq), [11, 12, 13]);
  });

  test("a server that does not answer a ping is left", async () => {
    const client = start();
    await FakeSocket.last.welcomes();
    mock.timers.tick(10_000);
    assert.equal(client.state, "waiting");
    assert.notEqual(FakeSocket.last.closed, undefined);
  });

  test("the clock follows the sample with the shortest round trip", async () => {
    const client = start();
    const socket = FakeSocket.last;
    await socket.welcomes({ now: Date.now() + 9_999 });
    for (const [there, back] of [[300, 10], [20, 20], [10, 400], [50, 90], [70, 70]]) {
      const { t0 } = socket.asked("ping");
      mock.timers.tick(there);
      const at = Date.now() + 1_000;
      mock.timers.tick(back);
      socket.ok("ping", { t0, t1: at, t2: at });
    }
    assert.equal(client.serverNow() - Date.now(), 1_000);
  });

  test("closing ends everything at once", async () => {
    const client = start();
    await FakeSocket.last.welcomes();
    const answer = client.request("order.list", { shop: "acme" });
    client.close();
    await assert.rejects(answer, ConnectionEnded);
    await assert.rejects(client.request("order.list", { shop: "acme" }), ConnectionEnded);
    mock.timers.tick(600_000);
    assert.equal(FakeSocket.all.length, 1);
  });
});

function pong(socket) {
  const { t0 } = socket.asked("ping");
  return { t0, t1: t0, t2: t0 };
}
