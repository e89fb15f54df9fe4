// The rules of chats and of the console that need no browser: `node --test
// server/web/desk.test.mjs`.

import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import {
  authorText, contentText, emptyChat, lastReadOwn, mayRecall, MESSAGES_MAX, RECALL_MS, sessionText,
  withChatPush, withMarks, withMessages, withOpened, withPage, withRecalled,
} from "./chat.js";
import { sessionPairs, tagsOf } from "./desk-about.js";
import { agentRows, policyChange, repliesText } from "./desk-office.js";
import {
  ageText, answerText, beginReload, counts, emptyDesk, lists, rateText, saturation, SESSIONS_MAX,
  team, variablesOf, warnings, whyText, withDesk, withDeskPush, withListPage, withLists,
  withSession, withTeam, withWords,
} from "./desk.js";
import { FakeDocument } from "./testing-page.mjs";
import { linked, sockets, turn } from "./testing.mjs";

const TOPIC = "conversation:demo/u1";
const DESK = "desk:demo";

const message = (seq, fields = {}) => ({
  seq, at: seq * 1_000, session: 7, from: { by: "buyer" },
  content: { kind: "text", text: `message ${seq}` }, ...fields,
});

const marks = (buyer, staff, fields = {}) => ({
  buyer: "u1", seq: 9, buyer_marks: { delivered: buyer, read: buyer },
  staff_marks: { delivered: staff, read: staff }, blocked: false, ...fields,
});

const opened = (fields = {}) => ({
  topic: TOPIC, epoch: "1", seq: 9, conversation: marks(8, 7), messages: [message(8), message(9)],
  card: [{ faq: "q1", question: "When?" }], holiday: false,
  session: { session: 7, opened_at: 1, state: "waiting", version: 41 }, ...fields,
});

const chat = (fields = {}) => withOpened(emptyChat(), opened(fields));

const session = (fields = {}) => ({
  session: 7, buyer: "u1", opened_at: 1_000, state: { kind: "waiting" }, epoch: 0,
  answer: { kind: "pending", since: 1_000, due_at: 86_401_000 }, excluded: [],
  unanswered_since: 1_000, expiring: false, seq: 9, version: 41, ...fields,
});

const mine = (fields = {}) => session({ state: { kind: "assigned", agent: "a1" }, ...fields });

const agent = (fields = {}) => ({
  agent: "a1", status: "accepting", intent: "accepting", connections: 1, load: 1, cap: 200,
  cap_is_low: false, version: 40, ...fields,
});

const alerts = (fields = {}) => ({
  unassigned: 0, too_many_unassigned: false, expiring: 0, no_agent_routable: false,
  all_saturated: false, over_cap: 0, forced: 0, ...fields,
});

const policy = {
  answer_within_ms: 86_400_000, automation_counts: ["faq"], excludes: ["holiday"],
  auto_close_ms: 604_800_000, sticky_ms: 0, grace_ms: 30_000, owner_down: "keep",
  charge_after_ms: 1_800_000, cap: 200, unassigned_alert: 20, verdict_by: "manager",
  no_reply_by_supervisor: false,
};

const snapshot = (fields = {}) => ({
  topic: DESK, epoch: "7", seq: 12, now: 0, alerts: alerts(), policy, ...fields,
});

const desk = () => withDesk(emptyDesk(), { snapshot: snapshot(), me: agent() });
const ids = (sessions) => sessions.map((it) => it.session);

// --- a conversation

test("a message has one place, however often and in whatever order it comes", () => {
  let state = withMessages(chat(), [message(11), message(10)]);
  state = withChatPush(state, { type: "chat.message", message: message(10) }, 0);
  assert.deepEqual(state.messages.map((it) => it.seq), [8, 9, 10, 11]);
});

test("what was taken back stays so, whichever copy comes later", () => {
  let state = withChatPush(chat(), { type: "chat.recalled", message_seq: 9 }, 0);
  assert.equal(state.messages[1].content, undefined);
  state = withMessages(state, [message(9)]);
  assert.equal(state.messages[1].content, undefined);
  assert.equal(contentText(state.messages[1].content), "taken back");
  assert.equal(withRecalled(chat(), 8).messages[0].content, undefined);
});

test("a page of history goes in front, and says whether there is more", () => {
  assert.equal(chat().more, true);
  const state = withPage(chat(), { messages: [message(6), message(7)], more: false });
  assert.deepEqual(state.messages.map((it) => it.seq), [6, 7, 8, 9]);
  assert.equal(state.more, false);
});

test("opened again, it goes on where it stood; behind a hole it begins anew", () => {
  const older = withPage(chat(), { messages: [message(7)], more: true });
  const near = opened({ seq: 10, messages: [message(9), message(10)] });
  assert.deepEqual(withOpened(older, near).messages.map((it) => it.seq), [7, 8, 9, 10]);
  const far = opened({ seq: 90, messages: [message(89), message(90)] });
  const state = withOpened(older, far);
  assert.deepEqual(state.messages.map((it) => it.seq), [89, 90]);
  assert.equal(state.more, true);
});

test("another conversation begins empty", () => {
  const topic = "conversation:demo/u2";
  const other = opened({ topic, messages: [message(9)], conversation: null });
  const state = withOpened(chat(), other);
  assert.deepEqual(state.messages.map((it) => it.seq), [9]);
  assert.equal(state.conversation, null);
});

test("a conversation on the page is bounded", () => {
  const many = Array.from({ length: MESSAGES_MAX + 5 }, (_, n) => message(n + 10));
  const state = withMessages({ ...chat(), more: false }, many);
  assert.equal(state.messages.length, MESSAGES_MAX);
  assert.equal(state.messages.at(-1).seq, MESSAGES_MAX + 14);
  assert.equal(state.more, true);
});

test("marks only grow, and the last own message that was read is known", () => {
  let state = withMarks(chat(), marks(9, 8));
  state = withMarks(state, marks(3, 9, { blocked: true }));
  assert.equal(state.conversation.buyer_marks.read, 9);
  assert.equal(state.conversation.staff_marks.read, 9);
  assert.equal(state.conversation.blocked, true);
  assert.equal(lastReadOwn(state, "buyer"), 9);
  assert.equal(lastReadOwn(state, "staff"), 0);
});

test("of two copies of a session the newer one stays, and a later session wins", () => {
  const push = (it) => ({ type: "chat.session", session: it });
  const later = { session: 7, state: "assigned", version: 50 };
  let state = withChatPush(chat(), push(later), 0);
  state = withChatPush(state, push({ session: 7, state: "waiting", version: 49 }), 0);
  assert.equal(state.session.state, "assigned");
  state = withChatPush(state, push({ session: 8, state: "waiting", version: 51 }), 0);
  state = withChatPush(state, push({ session: 7, state: "closed", version: 60 }), 0);
  assert.equal(state.session.session, 8);
});

test("the place in the queue never becomes worse", () => {
  const push = (place, kind = "exact") => {
    return { type: "chat.position", session: 7, position: { kind, place } };
  };
  let state = withChatPush(chat(), push(1_000, "beyond"), 0);
  assert.match(sessionText(state.session, false), /number 1000\+ in the queue/);
  state = withChatPush(state, push(3), 0);
  state = withChatPush(state, push(5), 0);
  assert.match(sessionText(state.session, false), /number 3 in the queue/);
  const other = { type: "chat.position", session: 9, position: { kind: "exact", place: 1 } };
  assert.equal(withChatPush(state, other, 0), state);
});

test("typing ends with the message, and after a while", () => {
  const typing = { type: "chat.typing", side: "buyer", user: "u1" };
  let state = withChatPush(chat(), typing, 1_000);
  assert.equal(state.typing.until, 6_000);
  state = withChatPush(state, { type: "chat.message", message: message(10) }, 2_000);
  assert.equal(state.typing, null);
});

test("one takes back what is one's own, for two minutes", () => {
  const own = message(9, { at: 0, from: { by: "agent", user: "a1" } });
  assert.ok(mayRecall(own, "staff", "a1", RECALL_MS - 1));
  assert.ok(!mayRecall(own, "staff", "a1", RECALL_MS));
  assert.ok(!mayRecall(own, "staff", "a2", 1));
  assert.ok(!mayRecall(own, "buyer", "a1", 1));
  assert.ok(!mayRecall({ ...own, content: undefined }, "staff", "a1", 1));
});

test("a kind that nobody knows yet is a message", () => {
  assert.equal(contentText({ kind: "hologram" }), "a message");
  assert.equal(contentText({ kind: "toString" }), "a message");
  assert.equal(withChatPush(chat(), { type: "constructor" }, 0).messages.length, 2);
});

test("names of the staff are for the staff", () => {
  const said = message(9, { from: { by: "agent", user: "a1" } });
  assert.equal(authorText(said, "buyer", "u1"), "Shop");
  assert.equal(authorText(said, "staff", "a1"), "You");
  assert.equal(authorText(said, "staff", "a2"), "a1");
});

// --- the desk

test("of two copies of a session the higher version stays", () => {
  let state = withSession(desk(), mine({ version: 50 }));
  state = withDeskPush(state, { type: "desk.session", session: session({ version: 49 }) });
  assert.deepEqual(ids(lists(state).mine), [7]);
  assert.deepEqual(lists(state).unassigned, []);
  const unassigned = { type: "desk.unassigned", session: session({ version: 51 }) };
  state = withDeskPush(state, unassigned);
  assert.deepEqual(ids(lists(state).unassigned), [7]);
});

test("each session stands in the lists that its state names", () => {
  const other = { kind: "assigned", agent: "a2" };
  const state = [
    mine({ session: 1, unanswered_since: 5 }), mine({ session: 2, unanswered_since: undefined }),
    session({ session: 3, unanswered_since: 9 }), session({ session: 4, unanswered_since: 8 }),
    session({ session: 5, state: other, expiring: true }),
    session({ session: 6, state: { kind: "self_served" } }),
    session({ session: 8, state: { kind: "closed", reason: "agent" }, version: 60 }),
    session({ session: 9, state: { kind: "closed", reason: "agent" }, version: 61 }),
  ].reduce(withSession, desk());
  const known = lists(state);
  assert.deepEqual(ids(known.mine), [1, 2]);
  assert.deepEqual(ids(known.unassigned), [4, 3]);
  assert.deepEqual(ids(known.expiring), [5]);
  assert.deepEqual(ids(known.needs_reply), [1]);
  assert.deepEqual(ids(lists({ ...state, leads: true }).needs_reply), [1, 5]);
  assert.deepEqual(ids(known.self_served), [6]);
  assert.deepEqual(ids(known.closed), [9, 8]);
});

test("read again, the lists lose what is over and keep what was pushed meanwhile", () => {
  let state = [session({ session: 1 }), session({ session: 2 })].reduce(withSession, desk());
  state = beginReload(state);
  const pushed = session({ session: 3, version: 70 });
  state = withDeskPush(state, { type: "desk.session", session: pushed });
  const old = session({ session: 3, version: 60, expiring: true });
  state = withLists(state, {
    mine: { sessions: [] }, unassigned: { sessions: [session({ session: 2 }), old], next: "c" },
  });
  assert.deepEqual(ids(lists(state).unassigned), [2, 3]);
  assert.equal(state.sessions[3].version, 70);
  assert.equal(state.next.unassigned, "c");
  state = withListPage(state, "unassigned", { sessions: [session({ session: 4 })] });
  assert.deepEqual(ids(lists(state).unassigned), [2, 3, 4]);
  assert.equal(state.next.unassigned, undefined);
});

test("counts are exact where the server counts, else what is known and a plus", () => {
  let state = { ...desk(), alerts: alerts({ unassigned: 2_000, expiring: 3 }) };
  state = withSession(state, session({ session: 8, state: { kind: "closed", reason: "idle" } }));
  state = { ...state, next: { closed: "c" } };
  const counted = counts(state);
  assert.equal(counted.unassigned, "2000");
  assert.equal(counted.expiring, "3");
  assert.equal(counted.mine, "1");
  assert.equal(counted.closed, "1+");
  assert.equal(counted.needs_reply, "0");
});

test("what a console keeps is bounded; one's own chats go last", () => {
  let state = withSession(desk(), mine({ session: 1, version: 1 }));
  for (let n = 2; n <= SESSIONS_MAX + 1; n++) {
    const closed = { kind: "closed", reason: "agent" };
    state = withSession(state, session({ session: n, version: n, state: closed }));
  }
  assert.ok(Object.keys(state.sessions).length <= SESSIONS_MAX);
  assert.ok(state.sessions[1]);
  assert.ok(state.sessions[SESSIONS_MAX + 1]);
});

test("agents are versioned, the team shows first who works and is full", () => {
  let state = withTeam(desk(), [
    agent({ agent: "a2", load: 150 }), agent({ agent: "a3", status: "offline", load: 9 }),
  ]);
  const late = agent({ agent: "a2", load: 1, version: 39 });
  state = withDeskPush(state, { type: "desk.agent", agent: late });
  assert.deepEqual(team(state).map((it) => it.agent), ["a2", "a1", "a3"]);
  assert.equal(saturation(agent({ load: 250 })), 125);
  assert.equal(saturation(agent({ cap: 0 })), 100);
});

test("warnings name the gravest first and why nobody is given anything", () => {
  const of = (fields) => warnings({ ...desk(), alerts: alerts(fields) }).map((it) => it.text);
  assert.deepEqual(of({}), []);
  assert.deepEqual(of({ no_agent_routable: true }), []);
  const [nobody] = of({ unassigned: 1, no_agent_routable: true });
  assert.equal(nobody, "1 buyer waits: nobody accepts chats.");
  const full = { unassigned: 2, no_agent_routable: true, all_saturated: true, expiring: 1 };
  assert.match(of(full)[0], /^2 buyers wait: everybody who accepts is full/);
  assert.match(of(full)[1], /^1 about to expire/);
});

test("settings and alerts are the newest that came", () => {
  const settings = { type: "desk.settings", policy, holiday: { from: 1 }, texts_changed: false };
  let state = withDeskPush(desk(), settings);
  assert.deepEqual(state.holiday, { from: 1 });
  state = withDeskPush(state, { ...settings, holiday: undefined });
  assert.equal(state.holiday, null);
  state = withDeskPush(state, { type: "desk.alert", alerts: alerts({ unassigned: 4 }) });
  assert.equal(counts(state).unassigned, "4");
  assert.equal(withDeskPush(state, { type: "desk.unheard_of" }), state);
});

test("the last words of a chat are the newest ones", () => {
  let state = withWords(desk(), "u1", 9, "nine");
  state = withWords(state, "u1", 8, "eight");
  assert.equal(state.words.u1.text, "nine");
});

test("answers, reasons and rates read as people write them", () => {
  assert.deepEqual(answerText(session()), { text: "answer within", at: 86_401_000 });
  assert.equal(answerText(session({ answer: { kind: "missed" } })).text, "missed");
  assert.equal(whyText(undefined), "");
  const why = { reason: "picked", load: 3, cap: 200, routable: 2, forced: true, by: "s1" };
  assert.equal(whyText(why), "took it (s1): held 3 of 200, 2 could take it, above the cap");
  assert.equal(rateText(8_888), "88.88 %");
  assert.equal(rateText(null), "–");
  assert.equal(ageText(59_999), "<1 min");
  assert.equal(ageText(7_200_000), "2 h");
  assert.deepEqual(variablesOf("Hello {name}, {order} for {name}"), ["name", "order"]);
  assert.deepEqual(tagsOf(" regular, size M,,regular "), ["regular", "size M"]);
  assert.ok(sessionPairs(mine({ why })).some(([name]) => name === "Why its agent"));
});

test("first answers add up, and agents are shown for each window", () => {
  const steps = [{ within_ms: 10_000, count: 4 }, { within_ms: 60_000, count: 1 }];
  const all = [...steps, { within_ms: 3_600_000, count: 0 }, { count: 2 }];
  assert.equal(repliesText(all), "10 s: 4 · 1 min: 5 · ever: 7");
  assert.equal(repliesText([{ count: 0 }]), "–");
  const rate = { agent: "a1", hits: 3, missed: 1, no_reply: 0, rate_bps: 7_500 };
  const rows = agentRows([[], [rate], [rate, { ...rate, agent: "a0", no_reply: 2 }]]);
  assert.deepEqual(rows.map(([name]) => name), ["a0", "a1"]);
  assert.equal(rows[1][1], "–");
  assert.equal(rows[1][2], "75.00 % (3 answered, 1 missed)");
  assert.match(rows[0][3], /2 needed no reply/);
});

test("of a policy only what was changed is sent", () => {
  const filled = {
    answer_within_ms: 15, automation_counts: "faq, bot, magic", excludes: "holiday",
    auto_close_ms: 168, sticky_ms: 0, grace_ms: 30, owner_down: "keep", charge_after_ms: 30,
    cap: 200, unassigned_alert: 20, verdict_by: "manager", no_reply_by_supervisor: false,
  };
  assert.deepEqual(policyChange(policy, filled), {
    answer_within_ms: 900_000, automation_counts: ["faq", "bot"],
  });
});

// --- text of people is never markup

test("whatever people write becomes text of an element", async () => {
  const page = new FakeDocument();
  globalThis.document = page;
  const { drawMessages } = await import("./chat-draw.js");
  const evil = '<img src=x onerror="alert(1)">';
  const list = page.createElement("ol");
  const contents = [
    { kind: "text", text: evil }, { kind: "emoji", emoji: evil }, { kind: "order", order: evil },
    { kind: "question", text: evil }, { kind: evil },
  ];
  const messages = contents.map((content, n) => {
    return message(n + 1, { content, from: { by: "agent", user: evil } });
  });
  const view = { side: "staff", user: "a1", now: 0, address: async () => "" };
  drawMessages(list, { ...emptyChat(), topic: TOPIC, messages }, view);
  assert.equal(list.children.length, 5);
  assert.equal(list.texts().filter((text) => text === evil).length, 3 + 5);
  assert.ok(list.texts().includes(`order ${evil}`));
  assert.deepEqual(page.tags.filter((tag) => tag === "img"), []);
  delete globalThis.document;
});

// --- the conversation with the server

beforeEach(() => {
  sockets.length = 0;
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
});
afterEach(() => mock.timers.reset());

const said = (seq) => ({ type: "chat.message", topic: TOPIC, seq, message: message(seq) });
const moved = (seq) => ({ type: "desk.session", topic: DESK, seq, session: session() });

async function atDesk() {
  const it = await linked();
  sockets[0].welcome();
  it.link.request("desk.join", { shop: "demo" });
  sockets[0].answer("desk.join", { me: agent(), snapshot: snapshot() });
  return it;
}

async function inTalk() {
  const it = await atDesk();
  it.link.request("desk.open", { shop: "demo", buyer: "u1" });
  sockets[0].answer("desk.open", opened());
  return it;
}

test("what changes nothing carries no command id, and one that is brought is kept", async () => {
  const { link } = await atDesk();
  const free = [
    "desk.join", "desk.list", "desk.team", "desk.open", "desk.watch", "desk.read", "desk.typing",
    "desk.history", "desk.search", "desk.quick_replies", "desk.response_rate", "chat.open",
    "chat.read", "chat.typing", "chat.history",
  ];
  for (const type of free) {
    link.request(type, { shop: "demo" }).catch(() => {});
    assert.equal(sockets[0].last(type).command_id, undefined, type);
  }
  for (const type of ["desk.send", "desk.take", "chat.send", "chat.rate", "faq.set"]) {
    link.request(type, { shop: "demo" }).catch(() => {});
    assert.match(sockets[0].last(type).command_id, /-7[0-9a-f]{3}-/, type);
  }
  link.request("desk.send", { shop: "demo", command_id: "mine" }).catch(() => {});
  assert.equal(sockets[0].last("desk.send").command_id, "mine");
});

test("a desk and an open conversation are resumed where they stood", async () => {
  const { values } = await inTalk();
  sockets[0].say(moved(13), said(10));
  sockets[0].onclose({ code: 1006, reason: "" });
  mock.timers.tick(500);
  await turn();
  sockets[1].welcome([
    { topic: DESK, epoch: "7", seq: 14, recovered: true, missed: [moved(14)] },
    { topic: TOPIC, epoch: "1", seq: 11, recovered: true, missed: [said(11)] },
  ]);
  assert.deepEqual(sockets[1].sent[0].resume, [
    { topic: DESK, epoch: "7", seq: 13 }, { topic: TOPIC, epoch: "1", seq: 10 },
  ]);
  sockets[1].say(said(11), said(12));
  assert.deepEqual(values("push").map((push) => push.seq), [13, 10, 14, 11, 12]);
  assert.equal(values("stale").length, 0);
});

test("a desk of a new owner comes with a snapshot and without oneself", async () => {
  const { values } = await atDesk();
  sockets[0].onclose({ code: 1012, reason: "" });
  mock.timers.tick(500);
  await turn();
  const fresh = snapshot({ epoch: "8", seq: 2 });
  sockets[1].welcome([{ topic: DESK, epoch: "8", seq: 2, recovered: false, snapshot: fresh }]);
  sockets[1].say(moved(3));
  assert.deepEqual(values("desk").map((it) => [it.snapshot.epoch, it.me?.agent]), [
    ["7", "a1"], ["8", undefined],
  ]);
  assert.deepEqual(values("push").map((push) => push.seq), [3]);
});

test("a conversation that cannot be resumed, or has a hole, is to be opened again", async () => {
  const { values, link } = await inTalk();
  sockets[0].say(said(12));
  assert.deepEqual(values("stale"), [TOPIC]);
  link.request("desk.open", { shop: "demo", buyer: "u1" });
  sockets[0].answer("desk.open", opened({ seq: 12 }));
  sockets[0].onclose({ code: 1006, reason: "" });
  mock.timers.tick(500);
  await turn();
  sockets[1].welcome([{ topic: TOPIC, epoch: "1", seq: 400, recovered: false }]);
  assert.deepEqual(values("stale"), [TOPIC, TOPIC]);
  assert.equal(values("push").length, 0);
});

test("what overtakes the answer that opens a conversation is kept", async () => {
  const { link, values } = await atDesk();
  link.request("desk.watch", { shop: "demo", buyer: "u1" });
  link.request("desk.open", { shop: "demo", buyer: "u1" });
  sockets[0].say(said(9), said(10));
  sockets[0].answer("desk.open", opened());
  assert.equal(values("chat").length, 1);
  assert.deepEqual(values("push").map((push) => push.seq), [10]);
});

test("chats that are served but not open are heard without a place", async () => {
  const { values } = await inTalk();
  const other = { ...said(40), topic: "conversation:demo/u2" };
  sockets[0].say(other, { ...other, seq: 44 });
  assert.deepEqual(values("push").map((push) => push.seq), [40, 44]);
  assert.equal(values("stale").length, 0);
});

test("a gap of the desk without a snapshot is resumed, with one it goes on", async () => {
  const { values } = await atDesk();
  const newer = snapshot({ seq: 40 });
  sockets[0].say({ type: "desk.gap", topic: DESK, from: 13, to: 40, snapshot: newer }, moved(41));
  assert.deepEqual(values("desk").map((it) => it.snapshot.seq), [12, 40]);
  assert.deepEqual(values("push").map((push) => push.seq), [41]);
  sockets[0].say({ type: "desk.gap", topic: DESK, from: 42, to: 60 });
  assert.equal(sockets[0].readyState, 3);
});

test("a buyer's own conversation is named after him", async () => {
  const { link, values } = await linked();
  sockets[0].welcome();
  link.request("chat.open", { shop: "demo" });
  sockets[0].say(said(10));
  sockets[0].answer("chat.open", opened());
  assert.deepEqual(values("push").map((push) => push.seq), [10]);
});

test("a desk that does not go on says so, and is not resumed again", async () => {
  const { values } = await atDesk();
  sockets[0].onclose({ code: 1006, reason: "" });
  mock.timers.tick(500);
  await turn();
  const error = { code: "forbidden", message: "no", retryable: false };
  sockets[1].welcome([{ topic: DESK, epoch: "7", seq: 12, recovered: false, error }]);
  assert.deepEqual(values("left"), [{ topic: DESK, refusal: error }]);
  sockets[1].onclose({ code: 1006, reason: "" });
  mock.timers.tick(30_000);
  await turn();
  sockets[2].onopen();
  assert.deepEqual(sockets[2].sent[0].resume, []);
});
