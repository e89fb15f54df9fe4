// Puts the desk on the page: who you are, warnings, lists, the team. Owns those elements; decides
// nothing, sends nothing. Whatever people wrote is set as text, never as markup.

import { contentText } from "./chat.js";
import {
  ageText, answerText, counts, LISTS, lists, ownerOf, saturation, team, warnings,
} from "./desk.js";
import { button, byId, keyed, make, setActions, setText, timeText } from "./elements.js";
import { spanText } from "./room.js";

const LIST_TEXT = {
  mine: "Mine", unassigned: "Unassigned", expiring: "Expiring", needs_reply: "Needs reply",
  self_served: "Self-served", closed: "Closed",
};
const SATURATION_SHOWN_MAX = 100;

/** `view`: `list` and `buyer` that are chosen, `hits` of a search or null, `now`. */
export function drawDesk(state, view) {
  const known = lists(state);
  drawOwn(state);
  drawWarnings(state);
  drawTabs(counts(state, known), view);
  if (view.hits) drawHits(view);
  else drawSessions(known[view.list], state, view);
  byId("more-sessions").hidden = !(view.hits ? view.hits.next : state.next[view.list]);
  return known;
}

function drawOwn(state) {
  const agent = state.agents[state.me];
  byId("own").hidden = !agent;
  if (!agent) return;
  const select = byId("status");
  if (select.getAttribute("aria-busy") !== "true" && select !== document.activeElement) {
    select.value = agent.intent;
  }
  byId("own").dataset.status = agent.status;
  const low = agent.cap_is_low ? ", low" : "";
  setText(byId("cap"), `${agent.load} of ${agent.cap}${low}`);
}

function drawWarnings(state) {
  const said = warnings(state);
  byId("warnings").hidden = said.length === 0;
  keyed(byId("warnings"), said, (it) => it.text, (it) => {
    return { element: make("li", it.grave ? "grave" : "", it.text) };
  }, () => {});
}

function drawTabs(counted, view) {
  keyed(byId("list-tabs"), LISTS, (list) => list, (list) => {
    const element = make("button");
    element.type = "button";
    element.dataset.list = list;
    const row = { element, count: make("span", "count number") };
    element.append(make("span", "", LIST_TEXT[list]), row.count);
    return row;
  }, (row, list) => {
    setText(row.count, counted[list]);
    row.element.dataset.some = String(counted[list] !== "0");
    if (!view.hits && list === view.list) row.element.setAttribute("aria-current", "true");
    else row.element.removeAttribute("aria-current");
  });
}

function drawSessions(sessions, state, view) {
  const idle = view.list === "mine" && state.agents[state.me]?.intent !== "accepting";
  setText(byId("no-sessions"), idle ? "You get chats when you are accepting." : "Nothing here.");
  byId("no-sessions").hidden = sessions.length > 0;
  const keyOf = (session) => `session ${session.session}`;
  keyed(byId("sessions"), sessions, keyOf, makeSession, (row, session) => {
    drawSession(row, session, state, view);
  });
}

function makeSession() {
  const row = {
    element: make("li"),
    press: make("button", "session"),
    buyer: make("strong"),
    time: make("span", "quiet number"),
    words: make("span", "words quiet"),
    marks: make("span", "marks"),
  };
  row.press.type = "button";
  const head = make("span", "row spread");
  head.append(row.buyer, row.time);
  const foot = make("span", "row spread");
  foot.append(row.words, row.marks);
  row.press.append(head, foot);
  row.element.append(row.press);
  return row;
}

function drawSession(row, session, state, view) {
  row.press.dataset.buyer = session.buyer;
  row.press.setAttribute("aria-pressed", String(session.buyer === view.buyer));
  row.press.dataset.waits = String(session.unanswered_since !== undefined);
  setText(row.buyer, session.buyer);
  const waits = session.unanswered_since !== undefined && session.state.kind !== "closed";
  setText(row.time, waits
    ? `waits ${ageText(view.now - session.unanswered_since)}`
    : timeText(session.opened_at, view.now));
  const words = state.words[session.buyer];
  setText(row.words, words?.text ?? (session.seq === 1 ? "1 message" : `${session.seq} messages`));
  const owner = ownerOf(session);
  const marks = [];
  if (owner !== undefined && owner !== state.me) marks.push(["", owner]);
  if (session.expiring) marks.push(["grave", "expiring"]);
  if (session.answer.kind === "missed") marks.push(["grave", "missed"]);
  if (session.stars !== undefined) marks.push(["", `${session.stars} ★`]);
  for (const reason of session.excluded) marks.push(["", reason.replace("_", " ")]);
  setActions(row.marks, JSON.stringify(marks), () => marks.map(([kind, text]) => {
    return make("span", `mark ${kind}`.trim(), text);
  }));
}

/** What a search has found stands in place of the list. */
function drawHits({ hits, buyer, now }) {
  setText(byId("no-sessions"), hits.next ? "Nothing yet: there is more to search." : "Not found.");
  byId("no-sessions").hidden = hits.found.length > 0;
  const keyOf = (hit) => `hit ${hit.buyer} ${hit.message.seq}`;
  keyed(byId("sessions"), hits.found, keyOf, makeSession, (row, hit) => {
    row.press.dataset.buyer = hit.buyer;
    row.press.dataset.waits = "false";
    row.press.setAttribute("aria-pressed", String(hit.buyer === buyer));
    setText(row.buyer, hit.buyer);
    setText(row.time, timeText(hit.message.at, now));
    setText(row.words, contentText(hit.message.content));
  });
}

/** How the session's answer stands, with the time that is left. */
export function answerLine(session, now) {
  const { text, at } = answerText(session);
  if (session.excluded.length > 0) return `does not count (${session.excluded.join(", ")})`;
  return at === undefined ? text : `${text} ${spanText(at - now)}`;
}

// --- the team

export function drawTeam(state) {
  keyed(byId("team"), team(state), (agent) => agent.agent, makeAgent, (row, agent) => {
    setText(row.name, agent.agent === state.me ? `${agent.agent} (you)` : agent.agent);
    const wants = agent.intent === agent.status || agent.status === "saturated" ? "" : agent.intent;
    setText(row.status, agent.status);
    row.status.dataset.status = agent.status;
    setText(row.intent, wants && agent.status === "offline" && wants !== "off"
      ? `was ${wants}` : agent.connections > 1 ? `${agent.connections} connections` : "");
    const full = saturation(agent);
    setText(row.load, `${agent.load} of ${agent.cap}${agent.cap_is_low ? " (low)" : ""}`);
    row.bar.style.width = `${Math.min(full, SATURATION_SHOWN_MAX)}%`;
    row.bar.parentElement.dataset.full = String(full >= SATURATION_SHOWN_MAX);
    setText(row.share, `${full} %`);
    const mayChange = state.leads && agent.agent !== state.me;
    setActions(row.change, String(mayChange), () => mayChange
      ? [button("Change", "agent.set", { agent: agent.agent }, `Change ${agent.agent}`)] : []);
  });
}

function makeAgent() {
  const row = {
    element: make("tr"),
    name: make("th"),
    status: make("span", "status"),
    intent: make("span", "quiet"),
    load: make("td", "number"),
    bar: make("span"),
    share: make("span", "number"),
    change: make("td"),
  };
  row.name.scope = "row";
  const status = make("td");
  status.append(row.status, " ", row.intent);
  const bar = make("div", "saturation");
  bar.append(row.bar);
  const share = make("td", "share");
  share.append(bar, row.share);
  row.element.append(row.name, status, row.load, share, row.change);
  return row;
}
