// The console of the service desk: signs in, keeps the desk up to date and lets its staff work.
// Owns the wiring of link, state and page, and who the reader is.

import { contentText } from "./chat.js";
import { drawDesk, drawTeam } from "./desk-draw.js";
import { drawTexts, OFFICE, showRates } from "./desk-office.js";
import { Talk } from "./desk-talk.js";
import {
  beginReload, emptyDesk, isLeader, LISTS, lists, withAgent, withDesk, withDeskPush, withListPage,
  withLists, withTeam, withWords,
} from "./desk.js";
import { askFor } from "./dialog.js";
import { byId, toast } from "./elements.js";
import { Link, Refused } from "./link.js";
import { kept, randomHex, Tokens } from "./tokens.js";
import { Uploads } from "./uploads.js";

const CLOCKS_EVERY_MS = 1_000;
const RATES_EVERY_MS = 30_000;
const JOIN_AGAIN_MS = 3_000;
const AGENTS_PAGE = 200;
const TEAM_PAGES_MAX = 10;
const CAP_MAX = 10_000;
const SEARCH_PAGES = 20;
const LINK_TEXT = {
  connecting: "connecting", open: "connected", waiting: "connection lost, trying again",
  closed: "not connected",
};
const NAMES = ["Ada", "Ben", "Cleo", "Dani", "Ezra", "Fay", "Gus", "Hedy"];

const query = new URLSearchParams(location.search);
const shop = query.get("shop") || "demo";
const name = kept("hawker.desk.name", () => NAMES[parseInt(randomHex(1), 16) % NAMES.length]);
const guest = {
  name,
  user: kept("hawker.desk.user", () => `${name.toLowerCase()}-${randomHex(2)}`),
};
let role = query.get("role") || kept("hawker.desk.role", () => "manager");
const tokens = new Tokens("hawker.desk.token", () => ({ ...guest, role, shop }));

let list = "mine";
let hits = null;
let loading = 0;
let listed = false;
let connections = 0;
let known = lists(emptyDesk());

/** What the parts of the console share. */
const desk = {
  shop, link: null, user: "", roles: [], state: emptyDesk(),
  uploads: new Uploads(() => tokens.last, () => desk.link.now()),
  change,
  redraw,
  refused,
  request: (type, fields) => desk.link.request(type, { shop, ...fields }),
  /** The answer, or undefined when it is no; then the reader was told why. */
  async ask(type, fields) {
    try {
      return await desk.request(type, fields);
    } catch (error) {
      refused(error);
      return undefined;
    }
  },
};
const talk = new Talk(desk);

function refused(error) {
  const code = error instanceof Refused ? error.code : error.name;
  const waitMs = error.refusal?.retry_after_ms;
  const wait = waitMs === undefined ? "" : ` (again in ${Math.ceil(waitMs / 1000)} s)`;
  toast(code, `${error.message}${wait}`);
}

function banner(text, again = false) {
  byId("banner-text").textContent = text;
  byId("banner").hidden = text === "";
  byId("reconnect").hidden = !again;
}

// --- the connection

function connect() {
  banner("");
  const url = new URL("/v1/ws", location.href);
  url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  const token = (spent) => tokens.bring(spent);
  const round = ++connections;
  // What the last words of an earlier connection are does not matter here.
  const on = (event, value) => round === connections && onLink[event]?.(value);
  desk.link = new Link({ url: url.href, token, on });
}

/** Begins anew, as somebody else or with a fresh token. */
function startOver() {
  desk.link.close();
  desk.state = emptyDesk();
  hits = null;
  listed = false;
  connect();
}

const onLink = {
  state(now) {
    byId("link").textContent = LINK_TEXT[now];
    byId("link").dataset.state = now;
  },
  welcome(welcome) {
    desk.user = welcome.user;
    desk.roles = welcome.roles;
    change({ ...desk.state, leads: isLeader(welcome.roles) });
    const roles = tokens.demo ? "" : `, ${welcome.roles.join(" and ")}`;
    byId("who").textContent = `${welcome.user}${roles}`;
    byId("role-field").hidden = !tokens.demo;
    byId("role").value = role;
    // A desk that was joined is resumed with the hello.
    if (desk.state.me === null) join();
  },
  desk({ snapshot, me }) {
    change(withDesk(desk.state, { snapshot, me }));
    // What was missed is not known: the lists are read again, and how one stands oneself.
    if (me) load();
    else join();
  },
  chat(opened) {
    talk.onOpened(opened);
  },
  push(push) {
    change(withDeskPush(desk.state, push));
    onSaid(push);
    talk.onPush(push);
    if (push.type === "desk.settings" && push.texts_changed) loadTexts();
    if (push.type === "desk.assigned") toast("new chat", push.session.buyer);
    if (push.type === "desk.dismissed") banner("You work at this desk no more.");
  },
  stale(topic) {
    talk.onStale(topic);
  },
  left({ topic, refusal }) {
    if (topic.startsWith("conversation:")) return talk.onStale(topic);
    banner(`The desk does not go on: ${refusal.message}.`);
    if (refusal.retryable) setTimeout(join, JOIN_AGAIN_MS);
  },
  closed({ code, reason }) {
    if (tokens.demo === false && (code === 4501 || code === 4500)) {
      tokens.drop();
      return startOver();
    }
    banner(`The connection ended (${code}): ${reason || "no reason was given"}.`, true);
  },
};

/** The last words of a conversation, for its row. */
function onSaid(push) {
  if (push.type !== "chat.message") return;
  const buyer = push.topic.slice(push.topic.indexOf("/") + 1);
  change(withWords(desk.state, buyer, push.seq, contentText(push.message.content)));
}

async function join() {
  if (desk.link.state !== "open") return;
  try {
    await desk.request("desk.join", {});
    banner("");
  } catch (error) {
    banner(`You cannot work at the desk of “${shop}”: ${error.message}.`, true);
  }
}

/** The lists, the team and the texts; a later round wins over an earlier one. */
async function load() {
  const round = ++loading;
  change(beginReload(desk.state));
  const pages = {};
  for (const name of LISTS) {
    pages[name] = await desk.ask("desk.list", listFields(name));
    if (!pages[name] || round !== loading) return;
  }
  change(withLists(desk.state, pages));
  if (!listed) firstList();
  await loadTeam();
  await loadTexts();
  if (talk.buyer === "") return;
  talk.open(talk.buyer);
}

function listFields(name) {
  const own = name === "needs_reply" && !desk.state.leads;
  return { list: name, ...(own ? { agent: desk.user } : {}) };
}

/** Where there is work. */
function firstList() {
  listed = true;
  known = lists(desk.state);
  list = known.mine.length === 0 && known.unassigned.length > 0 ? "unassigned" : "mine";
}

async function loadTeam() {
  let cursor = {};
  for (let page = 0; page < TEAM_PAGES_MAX; page++) {
    const ok = await desk.ask("desk.team", { limit: AGENTS_PAGE, ...cursor });
    if (!ok) return;
    change({ ...withTeam(desk.state, ok.agents), alerts: ok.alerts });
    if (ok.next === undefined) return;
    cursor = { cursor: ok.next };
  }
}

async function loadTexts() {
  const texts = await desk.ask("desk.quick_replies", {});
  if (texts) change({ ...desk.state, texts });
}

// --- who one is

byId("status").addEventListener("change", async ({ target }) => {
  target.setAttribute("aria-busy", "true");
  const ok = await confirmed("desk.status", { status: target.value });
  target.removeAttribute("aria-busy");
  target.blur();
  if (ok) change(withAgent(desk.state, ok.agent));
  else redraw();
});

/** Asks; the last one who accepts is asked whether he means it. */
async function confirmed(type, fields) {
  try {
    return await desk.request(type, { ...fields, confirmed: false });
  } catch (error) {
    if (error.code !== "last_agent") return refused(error);
    const waiting = error.refusal.waiting ?? 0;
    const text = `Nobody else accepts chats${waiting > 0 ? `, and ${waiting} wait` : ""}.`;
    const yes = await askFor({ title: "Are you sure?", text, yes: "Do it all the same" });
    return yes ? desk.ask(type, { ...fields, confirmed: true }) : undefined;
  }
}

byId("cap").addEventListener("click", () => setCap(desk.state.agents[desk.state.me], {}));

function capField({ cap }) {
  return { name: "cap", label: "Chats at once", kind: "number", value: cap, min: 0, max: CAP_MAX };
}

async function setCap(agent, whose) {
  const text = "200 or more are advised. 0 means: no new ones.";
  const fields = [capField(agent)];
  const filled = await askFor({ title: "How many at most?", text, yes: "Set", fields });
  const ok = filled && await desk.ask("desk.cap", { cap: Math.round(filled.cap), ...whose });
  if (ok) change(withAgent(desk.state, ok.agent));
}

byId("team").addEventListener("click", async (event) => {
  const pressed = event.target.closest("button[data-agent]");
  if (!pressed) return;
  const agent = desk.state.agents[pressed.dataset.agent];
  const options = ["accepting", "busy", "away", "off"].map((it) => [it, it]);
  const filled = await askFor({
    title: agent.agent, yes: "Set", fields: [
      { name: "status", label: "Status", kind: "select", value: agent.intent, options },
      capField(agent),
    ],
  });
  if (!filled) return;
  const whose = { agent: agent.agent };
  const cap = Math.round(filled.cap);
  const { status } = filled;
  const asked = [
    status !== agent.intent && (() => confirmed("desk.status", { ...whose, status })),
    cap !== agent.cap && (() => desk.ask("desk.cap", { ...whose, cap })),
  ];
  for (const ask of asked.filter(Boolean)) {
    const ok = await ask();
    if (ok) change(withAgent(desk.state, ok.agent));
  }
});

byId("role").addEventListener("change", ({ target }) => {
  role = target.value;
  sessionStorage.setItem("hawker.desk.role", role);
  talk.close();
  startOver();
});

byId("log-out").addEventListener("click", async () => {
  if (!await confirmed("desk.log_out", {})) return;
  talk.close();
  tokens.drop();
  desk.link.close();
  banner("You have left the desk.", true);
});

// --- where one looks

function showView(view) {
  document.body.dataset.view = view;
  for (const tab of byId("views").children) {
    if (tab.dataset.view === view) tab.setAttribute("aria-current", "page");
    else tab.removeAttribute("aria-current");
  }
  if (view === "rates" && desk.link.state === "open") showRates(desk);
  redraw();
}

/** On a narrow page one of the three parts is seen at a time. */
function showPane(pane) {
  document.body.dataset.pane = pane;
}

function openTalk(buyer) {
  talk.open(buyer);
  showPane("talk");
  redraw();
}

byId("views").addEventListener("click", (event) => {
  const { view } = event.target.closest("button")?.dataset ?? {};
  if (view) showView(view);
});

byId("chats-view").addEventListener("click", (event) => {
  const { pane, buyer, list: chosen } = event.target.closest("button")?.dataset ?? {};
  if (pane) showPane(pane);
  if (buyer) openTalk(buyer);
  if (!chosen) return;
  list = chosen;
  hits = null;
  byId("search").value = "";
  redraw();
});

byId("more-sessions").addEventListener("click", async () => {
  if (hits) return search(hits.text, hits);
  const cursor = desk.state.next[list];
  const page = await desk.ask("desk.list", { ...listFields(list), cursor });
  if (page) change(withListPage(desk.state, list, page));
});

byId("search-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = byId("search").value.trim();
  hits = null;
  if (text !== "") search(text, { found: [] });
  redraw();
});

/** A page may be empty although there is more: so several are looked at. */
async function search(text, { found, next }) {
  let at = next;
  for (let page = 0; page < SEARCH_PAGES; page++) {
    const cursor = at === undefined ? {} : { cursor: at };
    const ok = await desk.ask("desk.search", { text, ...cursor });
    if (!ok) return;
    at = ok.next;
    hits = { text, found: [...found, ...ok.hits], next: at };
    redraw();
    if (ok.hits.length > 0 || at === undefined) return;
  }
}

byId("texts-view").addEventListener("click", async (event) => {
  const pressed = event.target.closest("button[data-request]");
  if (!pressed) return;
  await OFFICE[pressed.dataset.request](desk, pressed.dataset);
  loadTexts();
});

document.addEventListener("keydown", (event) => {
  if (byId("dialog").open) return;
  const step = event.altKey && { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step) {
    event.preventDefault();
    stepTo(step);
  } else if (event.key === "/" && !event.target.closest("input, textarea, select")) {
    event.preventDefault();
    byId("search").focus();
  }
});

/** The session after or before the one that is open, in the list that is shown. */
function stepTo(step) {
  const buyers = hits ? hits.found.map((hit) => hit.buyer) : known[list].map((it) => it.buyer);
  if (buyers.length === 0) return;
  const at = buyers.indexOf(talk.buyer);
  const next = at < 0 ? (step > 0 ? 0 : buyers.length - 1) : at + step;
  if (buyers[next] === undefined) return;
  openTalk(buyers[next]);
  talk.focus();
}

// --- drawing: at most once a frame

let drawing = false;

function change(next) {
  desk.state = next;
  redraw();
}

function redraw() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    const now = desk.link.now();
    known = drawDesk(desk.state, { list, hits, buyer: talk.buyer, now });
    const { view } = document.body.dataset;
    if (view === "team") drawTeam(desk.state);
    if (view === "texts") drawTexts(desk.state, desk.roles);
    talk.draw(now);
  });
}

/** Also while the page is not in sight, when nothing is drawn: the tab shows how many wait. */
function tick() {
  redraw();
  const waits = lists(desk.state).mine.filter((it) => it.unanswered_since !== undefined).length;
  document.title = `${waits > 0 ? `(${waits}) ` : ""}Desk · Hawker`;
}

byId("reconnect").addEventListener("click", startOver);
setInterval(tick, CLOCKS_EVERY_MS);
setInterval(() => {
  const shown = document.body.dataset.view === "rates" && document.visibilityState === "visible";
  if (shown && desk.link.state === "open") showRates(desk);
}, RATES_EVERY_MS);
connect();
