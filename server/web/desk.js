// What a console knows of a service desk, and how each message changes it. Owns the lists and the
// rule by which the newer of two copies wins; never touches the page, the socket or the clock.

export const LISTS = ["mine", "unassigned", "expiring", "needs_reply", "self_served", "closed"];
export const SESSIONS_MAX = 2_000;
/** Who runs the desk. */
const LEADERS = ["supervisor", "manager"];

/** Before anything is known. */
export function emptyDesk() {
  return {
    me: null, leads: false, agents: {}, sessions: {}, next: {}, pushed: null, alerts: null,
    policy: null, holiday: null, reports: {}, texts: null, words: {},
  };
}

/** The switches and figures of a snapshot; lists and team are read after it. */
export function withDesk(state, { snapshot, me }) {
  const { alerts, policy, holiday } = snapshot;
  const next = { ...state, alerts, policy, holiday: holiday ?? null };
  return me ? withAgent({ ...next, me: me.agent }, me) : next;
}

/** From here on what is pushed is kept, whatever the lists that are on their way say. */
export function beginReload(state) {
  return { ...state, pushed: {} };
}

/** The first pages of all lists: what is neither in them nor was pushed meanwhile is over. */
export function withLists(state, pages) {
  const pushed = Object.keys(state.pushed ?? {});
  const kept = pushed.map((id) => [id, state.sessions[id]]).filter(([, session]) => session);
  const next = Object.fromEntries(Object.entries(pages).map(([list, page]) => [list, page.next]));
  const fresh = { ...state, sessions: Object.fromEntries(kept), next, pushed: null };
  return Object.values(pages).reduce((it, page) => withSessions(it, page.sessions), fresh);
}

/** One more page of a list. */
export function withListPage(state, list, page) {
  const next = { ...state.next, [list]: page.next };
  return withSessions({ ...state, next }, page.sessions);
}

function withSessions(state, sessions) {
  return sessions.reduce(withSession, state);
}

export function withTeam(state, agents) {
  return agents.reduce(withAgent, state);
}

/** Puts a session in its place unless a newer copy is there. */
export function withSession(state, session) {
  const known = state.sessions[session.session];
  if (known && known.version > session.version) return state;
  const sessions = { ...state.sessions, [session.session]: session };
  return { ...state, sessions: bounded(sessions, state.me) };
}

function bounded(sessions, me) {
  const all = Object.values(sessions);
  if (all.length <= SESSIONS_MAX) return sessions;
  const rank = (it) => (ownerOf(it) === me ? 0 : it.state.kind === "closed" ? 2 : 1);
  all.sort((a, b) => rank(a) - rank(b) || b.version - a.version);
  const kept = all.slice(0, SESSIONS_MAX - SESSIONS_MAX / 10);
  return Object.fromEntries(kept.map((session) => [session.session, session]));
}

export function withAgent(state, agent) {
  const known = state.agents[agent.agent];
  if (known && known.version > agent.version) return state;
  return { ...state, agents: { ...state.agents, [agent.agent]: agent } };
}

const PUSHES = {
  "desk.session": onSession,
  "desk.assigned": onSession,
  "desk.unassigned": onSession,
  "desk.agent": (state, { agent }) => withAgent(state, agent),
  "desk.alert": (state, { alerts }) => ({ ...state, alerts }),
  "desk.report": (state, { report }) => withReport(state, report),
  "desk.settings": (state, { policy, holiday }) => ({ ...state, policy, holiday: holiday ?? null }),
};

function onSession(state, { session }) {
  const next = withSession(state, session);
  if (!state.pushed) return next;
  return { ...next, pushed: { ...state.pushed, [session.session]: true } };
}

/** The state after a push; one of an unknown type changes nothing. */
export function withDeskPush(state, push) {
  const change = Object.hasOwn(PUSHES, push.type) ? PUSHES[push.type] : undefined;
  return change ? change(state, push) : state;
}

export function withReport(state, report) {
  return { ...state, reports: { ...state.reports, [report.session]: report } };
}

/** The last words of a conversation, for its row. */
export function withWords(state, buyer, seq, text) {
  if ((state.words[buyer]?.seq ?? 0) > seq) return state;
  return { ...state, words: { ...state.words, [buyer]: { seq, text } } };
}

// --- what the page shows of it

export function isLeader(roles) {
  return roles.some((role) => LEADERS.includes(role));
}

export function ownerOf(session) {
  return session.state.kind === "assigned" ? session.state.agent : undefined;
}

const since = (session) => session.unanswered_since ?? Infinity;
const oldestFirst = (a, b) => since(a) - since(b) || a.session - b.session;
const newestFirst = (a, b) => b.version - a.version;

/** The sessions of each list, in the order in which they want to be looked at. */
export function lists(state) {
  const all = Object.values(state.sessions);
  const open = all.filter((session) => session.state.kind !== "closed");
  // An agent has his own to answer; who runs the desk sees everybody's.
  const shown = (owner) => (state.leads ? owner !== undefined : owner === state.me);
  const unread = (session) => shown(ownerOf(session)) && session.unanswered_since !== undefined;
  const of = (kind) => all.filter((session) => session.state.kind === kind);
  return {
    mine: open.filter((session) => ownerOf(session) === state.me).sort(oldestFirst),
    unassigned: of("waiting").sort(oldestFirst),
    expiring: open.filter((session) => session.expiring).sort(oldestFirst),
    needs_reply: open.filter(unread).sort(oldestFirst),
    self_served: of("self_served").sort(newestFirst),
    closed: of("closed").sort(newestFirst),
  };
}

/** How many each list has: exact where the server counts them, else what is known and a plus. */
export function counts(state, known = lists(state)) {
  const counted = {
    mine: state.agents[state.me]?.load,
    unassigned: state.alerts?.unassigned,
    expiring: state.alerts?.expiring,
  };
  return Object.fromEntries(LISTS.map((list) => {
    const text = counted[list] ?? `${known[list].length}${state.next[list] ? "+" : ""}`;
    return [list, String(text)];
  }));
}

/** Everybody of the team: those who work first, the fullest of them on top. */
export function team(state) {
  const order = ["accepting", "saturated", "busy", "away", "reconnecting", "offline"];
  return Object.values(state.agents).sort((a, b) => {
    return order.indexOf(a.status) - order.indexOf(b.status)
      || saturation(b) - saturation(a) || a.agent.localeCompare(b.agent);
  });
}

/** In per cent; may exceed a hundred. Without a cap nobody is given anything: full. */
export function saturation(agent) {
  return agent.cap > 0 ? Math.round((100 * agent.load) / agent.cap) : 100;
}

/** How long ago or from now, in one figure. */
export function ageText(ms) {
  const [minute, hour, day] = [60_000, 3_600_000, 86_400_000];
  if (ms < minute) return "<1 min";
  if (ms < hour) return `${Math.floor(ms / minute)} min`;
  return ms < 2 * day ? `${Math.floor(ms / hour)} h` : `${Math.floor(ms / day)} d`;
}

const COUNTED = { one: "1 buyer waits", many: (n) => `${n.toLocaleString()} buyers wait` };

/** What wants to be seen now, the gravest first. */
export function warnings(state) {
  const { alerts, holiday } = state;
  const said = [];
  if (!alerts) return said;
  const waiting = alerts.unassigned === 1 ? COUNTED.one : COUNTED.many(alerts.unassigned);
  if (alerts.unassigned > 0 && alerts.no_agent_routable) {
    const why = alerts.all_saturated ? "everybody who accepts is full" : "nobody accepts chats";
    said.push({ grave: true, text: `${waiting}: ${why}.` });
  } else if (alerts.too_many_unassigned) {
    said.push({ grave: true, text: `${waiting} without an agent.` });
  }
  if (alerts.expiring > 0) {
    const text = `${alerts.expiring.toLocaleString()} about to expire unanswered.`;
    said.push({ grave: true, text });
  }
  if (alerts.over_cap > 0) {
    const text = `${alerts.over_cap.toLocaleString()} above the agents' caps.`;
    said.push({ grave: false, text });
  }
  if (holiday) said.push({ grave: false, text: "A holiday is set: chats of it do not count." });
  return said;
}

/** How a session's answer stands; `at` is the end of what still runs. */
export function answerText(session) {
  const { answer } = session;
  const texts = {
    pending: () => ({ text: "answer within", at: answer.due_at }),
    automatic: () => ({ text: "answered from the questions" }),
    human: () => ({ text: `answered by ${answer.agent}` }),
    missed: () => ({ text: answer.charged ? `missed by ${answer.charged}` : "missed" }),
  };
  return Object.hasOwn(texts, answer.kind) ? texts[answer.kind]() : { text: answer.kind };
}

const REASONS = {
  sticky: "served this buyer before", lowest_saturation: "had the most room", picked: "took it",
  transferred: "it was passed on", assigned_by_supervisor: "assigned by a supervisor",
};

/** Why its owner is its owner. */
export function whyText(why) {
  if (!why) return "";
  const reason = REASONS[why.reason] ?? why.reason;
  const by = why.by ? ` (${why.by})` : "";
  const forced = why.forced ? ", above the cap" : "";
  return `${reason}${by}: held ${why.load} of ${why.cap}, ${why.routable} could take it${forced}`;
}

/** Hundredths of a percent as people write them; of nothing there is no rate. */
export function rateText(bps) {
  return bps === null || bps === undefined ? "–" : `${(bps / 100).toFixed(2)} %`;
}

/** The names in a quick reply that want a value, each once. */
export function variablesOf(text) {
  return [...new Set([...text.matchAll(/\{([^{}]+)\}/g)].map(([, name]) => name))];
}
