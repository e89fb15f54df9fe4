import assert from "node:assert/strict";
import { beforeEach, describe, mock, test } from "node:test";

import { ConnectionEnded, connect } from "../build/index.js";
import { FakeSocket, settled } from "./fake-socket.mjs";

const DESK = "desk:acme";
const CHAT = "conversation:acme/u1";
const OTHER_CHAT = "conversation:acme/u7";

function deskSnapshot(seq, epoch = "7") {
  return { topic: DESK, epoch, seq, now: 1, alerts: {}, policy: {} };
}

function said(seq, topic = CHAT) {
  return { type: "chat.message", topic, seq, message: { seq, at: seq, from: { by: "buyer" } } };
}

function opened(seq, topic = CHAT) {
  return { topic, epoch: "1", seq, messages: [] };
}

function start() {
  const options = { token: () => "token", WebSocket: FakeSocket, random: () => 1 };
  return connect({ url: "ws://shop/v1/ws", ...options });
}

beforeEach(() => {
  FakeSocket.all = [];
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_760_000_000_000 });
});

/** A client with an eye on pushes, desks and conversations; the user is u1. */
async function watched() {
  const client = start();
  const seen = { pushes: [], desks: [], chats: [], left: [] };
  client.on("push", (push) => seen.pushes.push(push));
  client.on("desk", (event) => seen.desks.push(event.snapshot.seq));
  client.on("conversation", (event) => seen.chats.push([event.topic, event.opened.seq]));
  client.on("left", (event) => seen.left.push(event.topic));
  await FakeSocket.last.welcomes();
  return { client, seen };
}

/** The same at the desk, at seq 5. */
async function atDesk() {
  const { client, seen } = await watched();
  const join = client.request("desk.join", { shop: "acme" });
  FakeSocket.last.ok("desk.join", { me: {}, snapshot: deskSnapshot(5) });
  await join;
  return { client, seen };
}

const seqs = (seen) => seen.pushes.map((push) => push.seq ?? push.type);

describe("a buyer's conversation", () => {
  test("opens where it stands, and what overtakes the reply is not lost", async () => {
    const { client, seen } = await watched();
    const open = client.request("chat.open", { shop: "acme" });
    FakeSocket.last.says(said(8), said(9));
    FakeSocket.last.ok("chat.open", opened(8));
    await open;
    const typing = { type: "chat.typing", topic: CHAT, side: "staff", user: "a1" };
    FakeSocket.last.says(said(9), typing, said(10));
    assert.deepEqual(seen.chats, [[CHAT, 8]]);
    assert.deepEqual(seqs(seen), [9, "chat.typing", 10]);
  });

  test("resumes, and shows what was said, recalled and read meanwhile", async () => {
    const { client, seen } = await watched();
    const open = client.request("chat.open", { shop: "acme" });
    FakeSocket.last.ok("chat.open", opened(8));
    await open;
    FakeSocket.last.drops(1006);
    mock.timers.tick(500);
    const recalled = { type: "chat.recalled", topic: CHAT, message_seq: 7 };
    const missed = [said(9), recalled];
    const more = { topic: CHAT, epoch: "1", seq: 9, recovered: true, missed };
    await FakeSocket.last.welcomes({ resumed: [more] });
    assert.deepEqual(FakeSocket.last.asked("hello").resume, [{ topic: CHAT, epoch: "1", seq: 8 }]);
    FakeSocket.last.says(said(10));
    assert.deepEqual(seqs(seen), [9, "chat.recalled", 10]);
  });

  test("is opened again when it was not recovered, and after a gap", async () => {
    const { client, seen } = await watched();
    const open = client.request("chat.open", { shop: "acme" });
    FakeSocket.last.ok("chat.open", opened(8));
    await open;
    FakeSocket.last.drops(1006);
    mock.timers.tick(500);
    const far = { topic: CHAT, epoch: "1", seq: 900, recovered: false };
    await FakeSocket.last.welcomes({ resumed: [far] });
    FakeSocket.last.ok("chat.open", opened(900));
    FakeSocket.last.says(said(901), said(903));
    FakeSocket.last.ok("chat.open", opened(903));
    await settled();
    assert.deepEqual(seen.chats, [[CHAT, 8], [CHAT, 900], [CHAT, 903]]);
    assert.deepEqual(seqs(seen), [901]);
  });
});

describe("the desk", () => {
  test("is joined with a snapshot, and its pushes follow in sequence", async () => {
    const { seen } = await atDesk();
    const agent = (seq) => ({ type: "desk.agent", topic: DESK, seq, agent: {} });
    FakeSocket.last.says(agent(5), agent(6));
    const gap = { type: "desk.gap", topic: DESK, from: 7, to: 20, snapshot: deskSnapshot(20) };
    FakeSocket.last.says(gap, agent(21), agent(23));
    FakeSocket.last.ok("desk.join", { me: {}, snapshot: deskSnapshot(23) });
    await settled();
    assert.deepEqual(seen.desks, [5, 20, 23]);
    assert.deepEqual(seqs(seen), [6, 21]);
  });

  test("resumes into a snapshot of the new epoch", async () => {
    const { seen } = await atDesk();
    FakeSocket.last.drops(1012);
    mock.timers.tick(500);
    const fresh = deskSnapshot(2, "8");
    const resumed = [{ topic: DESK, epoch: "8", seq: 2, recovered: false, snapshot: fresh }];
    await FakeSocket.last.welcomes({ resumed });
    FakeSocket.last.says({ type: "desk.alert", topic: DESK, seq: 3, alerts: {} });
    assert.deepEqual(seen.desks, [5, 2]);
    assert.deepEqual(seqs(seen), [3]);
  });

  test("a conversation that one serves comes unasked, and a gap in it is made up for", async () => {
    const { seen } = await atDesk();
    FakeSocket.last.says(said(41, OTHER_CHAT), said(42, OTHER_CHAT), said(44, OTHER_CHAT));
    FakeSocket.last.ok("desk.open", opened(44, OTHER_CHAT));
    FakeSocket.last.says(said(45, OTHER_CHAT));
    await settled();
    assert.deepEqual(seen.chats, [[OTHER_CHAT, 44]]);
    assert.deepEqual(seqs(seen), [41, 42, 45]);
  });

  test("a conversation that is somebody else's now is not resumed, one that is watched is", async () => {
    const { client } = await atDesk();
    const session = { session: 7, buyer: "u7" };
    const unassigned = { type: "desk.unassigned", shop: "acme", session };
    FakeSocket.last.says(said(41, OTHER_CHAT), unassigned);
    const watch = client.request("desk.watch", { shop: "acme", buyer: "u8" });
    FakeSocket.last.ok("desk.watch", { topic: "conversation:acme/u8", epoch: "1", seq: 3 });
    await watch;
    FakeSocket.last.says({ ...unassigned, session: { session: 8, buyer: "u8" } });
    FakeSocket.last.drops(1006);
    mock.timers.tick(500);
    await FakeSocket.last.welcomes();
    const topics = FakeSocket.last.asked("hello").resume.map(({ topic }) => topic);
    assert.deepEqual(topics, [DESK, "conversation:acme/u8"]);
  });

  test("whoever leaves it resumes neither the desk nor what he heard there", async () => {
    const { client } = await atDesk();
    FakeSocket.last.says(said(41, OTHER_CHAT), said(3));
    const leave = client.request("desk.leave", { shop: "acme" });
    FakeSocket.last.ok("desk.leave", {});
    await leave;
    FakeSocket.last.drops(1006);
    mock.timers.tick(500);
    await FakeSocket.last.welcomes();
    assert.deepEqual(FakeSocket.last.asked("hello").resume, [{ topic: CHAT, epoch: "1", seq: 3 }]);
  });

  test("whoever is dismissed resumes neither, and hears that he was", async () => {
    const { seen } = await atDesk();
    FakeSocket.last.says(said(41, OTHER_CHAT), said(3));
    FakeSocket.last.says({ type: "desk.dismissed", shop: "acme" });
    FakeSocket.last.drops(1006);
    mock.timers.tick(500);
    await FakeSocket.last.welcomes();
    assert.deepEqual(FakeSocket.last.asked("hello").resume, [{ topic: CHAT, epoch: "1", seq: 3 }]);
    assert.deepEqual(seqs(seen), [41, 3, "desk.dismissed"]);
  });

  test("of many conversations those heard of last are resumed, and the others not lost", async () => {
    const { seen } = await atDesk();
    const topic = (buyer) => `conversation:acme/b${buyer}`;
    for (let buyer = 0; buyer < 40; buyer += 1) FakeSocket.last.says(said(1, topic(buyer)));
    FakeSocket.last.says(said(2, topic(0)));
    FakeSocket.last.drops(1006);
    mock.timers.tick(500);
    await FakeSocket.last.welcomes();
    const { resume } = FakeSocket.last.asked("hello");
    assert.equal(resume.length, 32);
    const first = resume.slice(0, 3).map(({ topic }) => topic);
    assert.deepEqual(first, [DESK, topic(0), topic(39)]);
    FakeSocket.last.says(said(5, topic(1)));
    assert.equal(FakeSocket.last.asked("desk.open").buyer, "b1");
    assert.equal(seen.pushes.length, 41);
  });

  test("somebody who looks in without watching hears nothing, and typing is not sent late", async () => {
    const { client, seen } = await atDesk();
    const open = client.request("desk.open", { shop: "acme", buyer: "u7" });
    FakeSocket.last.ok("desk.open", opened(44, OTHER_CHAT));
    await open;
    const typing = client.request("desk.typing", { shop: "acme", buyer: "u7" });
    FakeSocket.last.drops(1006);
    await assert.rejects(typing, ConnectionEnded);
    mock.timers.tick(500);
    await FakeSocket.last.welcomes();
    const topics = FakeSocket.last.asked("hello").resume.map(({ topic }) => topic);
    assert.deepEqual([topics, seen.chats], [[DESK], [[OTHER_CHAT, 44]]]);
  });
});
