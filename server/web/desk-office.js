// What supervisors and managers look after: response rates, questions, quick replies, holiday,
// policy. Owns those views; the socket is the console's.

import { rateText } from "./desk.js";
import { askFor } from "./dialog.js";
import { button, byId, keyed, make, setActions, setText } from "./elements.js";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const MINUTE_MS = 60_000;
const WINDOWS = [["24 hours", DAY_MS], ["7 days", 7 * DAY_MS], ["30 days", 30 * DAY_MS]];
/** Agents are read in pages of 200, so many at most: beyond that a table is no help. */
const AGENT_PAGES_MAX = 5;
const CARD_MAX = 5;

const SHOP_ROWS = [
  ["Response rate", (it) => rateText(it.rate_bps)],
  ["Settled rate", (it) => rateText(it.settled_bps)],
  ["Answered by people", (it) => it.human_hits],
  ["Answered from the questions", (it) => it.faq_hits],
  ["Missed", (it) => it.missed],
  ["… of them nobody's", (it) => it.missed_unassigned],
  ["Waiting for an answer", (it) => it.pending],
  ["Not counted", (it) => it.excluded],
  ["… holiday, no reply, reported", (it) => `${it.holiday}, ${it.no_reply}, ${it.reported}`],
  ["Marked as needing no reply", (it) => rateText(it.no_reply_bps)],
  ["Rated 4 or 5 stars", (it) => `${it.satisfied} of ${it.rated}`],
  ["First answer, in total within", (it) => repliesText(it.first_replies)],
];

/** `10 s: 4 · 1 min: 6`: those of a step with all before it; steps that add nobody are left out. */
export function repliesText(steps) {
  let count = 0;
  return steps.filter((step) => step.count > 0).map((step) => {
    count += step.count;
    return `${step.within_ms === undefined ? "ever" : shortText(step.within_ms)}: ${count}`;
  }).join(" · ") || "–";
}

function shortText(ms) {
  if (ms < MINUTE_MS) return `${ms / 1_000} s`;
  return ms < HOUR_MS ? `${ms / MINUTE_MS} min` : `${ms / HOUR_MS} h`;
}

// --- rates

/** Reads and draws the rates of all windows. An agent sees his own. */
export async function showRates(desk) {
  const until = Math.floor(desk.link.now());
  const shops = [];
  const agents = [];
  for (const [, spanMs] of WINDOWS) {
    const window = { from: until - spanMs, until };
    if (desk.state.leads) shops.push(await rateOfShop(desk, window));
    agents.push(await ratesOfAgents(desk, window));
  }
  if (shops.includes(undefined) || agents.includes(undefined)) return;
  const heads = ["", ...WINDOWS.map(([name]) => name)];
  const rows = SHOP_ROWS.map(([name, of]) => [name, ...shops.map((shop) => String(of(shop)))]);
  byId("shop-rates").hidden = !desk.state.leads;
  byId("shop-rates").replaceChildren(table(heads, rows));
  byId("agent-rates").replaceChildren(table(heads, agentRows(agents)));
}

async function rateOfShop(desk, window) {
  return (await desk.ask("desk.response_rate", { ...window, by: "shop" }))?.shop;
}

async function ratesOfAgents(desk, window) {
  const whose = desk.state.leads ? {} : { agent: desk.state.me };
  let found = [];
  let cursor = {};
  for (let page = 0; page < AGENT_PAGES_MAX; page++) {
    const fields = { ...window, by: "agent", limit: 200, ...whose, ...cursor };
    const ok = await desk.ask("desk.response_rate", fields);
    if (!ok) return undefined;
    found = [...found, ...(ok.agents ?? [])];
    if (ok.next === undefined) break;
    cursor = { cursor: ok.next };
  }
  return found;
}

/** An agent's rate, with its hits and misses, in each window. */
export function agentRows(windows) {
  const names = [...new Set(windows.flat().map((rate) => rate.agent))].sort();
  const cell = (rate) => {
    if (!rate) return "–";
    const marked = rate.no_reply > 0 ? `, ${rate.no_reply} needed no reply` : "";
    return `${rateText(rate.rate_bps)} (${rate.hits} answered, ${rate.missed} missed${marked})`;
  };
  return names.map((name) => {
    return [name, ...windows.map((rates) => cell(rates.find((rate) => rate.agent === name)))];
  });
}

function table(heads, rows) {
  if (rows.length === 0) return make("p", "quiet", "Nothing in the last 30 days.");
  const element = make("table");
  const head = make("tr");
  head.append(...heads.map((text) => {
    const cell = make("th", "", text);
    cell.scope = "col";
    return cell;
  }));
  const body = rows.map(([name, ...values]) => {
    const row = make("tr");
    const first = make("th", "", name);
    first.scope = "row";
    row.append(first, ...values.map((value) => make("td", "number", value)));
    return row;
  });
  element.append(head, ...body);
  return element;
}

// --- texts, holiday and policy

export function drawTexts(state, roles) {
  const keeps = roles.includes("manager");
  for (const edit of document.querySelectorAll(".edit")) edit.hidden = !state.leads;
  for (const keep of document.querySelectorAll(".keep")) keep.hidden = !keeps;
  const { texts, policy, holiday } = state;
  setText(byId("holiday"), holidayText(holiday));
  if (policy) drawPolicy(policy);
  if (!texts) return;
  keyed(byId("faq"), texts.faq, (it) => it.faq, makeText, (row, it) => {
    const place = texts.card.indexOf(it.faq);
    setText(row.title, it.question);
    setText(row.text, it.answer);
    const onCard = place >= 0;
    setActions(row.actions, JSON.stringify([onCard, state.leads]), () => !state.leads
      ? (onCard ? [make("span", "mark", "on the card")] : [])
      : [
        button(onCard ? "Take off the card" : "Put on the card", "faq.card", { faq: it.faq }),
        button("Edit", "faq.edit", { faq: it.faq }),
        button("Remove", "faq.remove", { faq: it.faq }),
      ]);
  });
  keyed(byId("quick-replies"), texts.quick_replies, (it) => it.quick_reply, makeText, (row, it) => {
    setText(row.text, it.text);
    const of = { quick: it.quick_reply };
    setActions(row.actions, String(state.leads), () => state.leads
      ? [button("Edit", "quick.edit", of), button("Remove", "quick.remove", of)] : []);
  });
}

function makeText() {
  const row = {
    element: make("li"), title: make("strong"), text: make("p"), actions: make("div", "actions"),
  };
  row.element.append(row.title, row.text, row.actions);
  return row;
}

function holidayText(holiday) {
  if (!holiday) return "The shop is open: every session counts.";
  const day = (ms) => new Date(ms).toLocaleString();
  const until = holiday.until === undefined ? "until it is ended" : `to ${day(holiday.until)}`;
  return `From ${day(holiday.from)} ${until}: sessions that begin in it do not count.`;
}

const spanIn = (unit) => ({
  shown: shortText,
  field: (ms) => ({ kind: "number", value: ms / unit, min: 0 }),
  read: (value) => Math.round(value * unit),
});
const CHOICES = {
  owner_down: {
    keep: "keeps his chats", requeue_unanswered: "passes on what is unanswered",
    requeue_all: "passes on all",
  },
  verdict_by: { service: "a system of the shop", manager: "a manager" },
};
const choice = (name) => ({
  shown: (value) => CHOICES[name][value] ?? value,
  field: (value) => ({ kind: "select", value, options: Object.entries(CHOICES[name]) }),
  read: (value) => value,
});
const count = {
  shown: String, field: (value) => ({ kind: "number", value, min: 0 }), read: Math.round,
};
const list = (known) => ({
  shown: (values) => values.map((it) => it.replace("_", " ")).join(", ") || "none",
  field: (values) => ({ kind: "text", value: values.join(", "), required: false, max: 100 }),
  read: (line) => line.split(",").map((it) => it.trim()).filter((it) => known.includes(it)),
});

const EXCLUSIONS = ["holiday", "no_reply", "reported"];
const POLICY = [
  ["answer_within_ms", "Answer within (minutes)", spanIn(MINUTE_MS)],
  ["automation_counts", "Automatic answers that count (faq, bot)", list(["faq", "bot"])],
  ["excludes", "Not counted (holiday, no_reply, reported)", list(EXCLUSIONS)],
  ["auto_close_ms", "Closed without a word after (hours)", spanIn(HOUR_MS)],
  ["sticky_ms", "Same agent again within (hours)", spanIn(HOUR_MS)],
  ["grace_ms", "Lost agent expected back for (seconds)", spanIn(1_000)],
  ["owner_down", "An agent who is gone", choice("owner_down")],
  ["charge_after_ms", "A miss counts for who held it for (minutes)", spanIn(MINUTE_MS)],
  ["cap", "Chats at once for each agent", count],
  ["unassigned_alert", "Alert above so many unassigned", count],
  ["verdict_by", "Reports are decided by", choice("verdict_by")],
  ["no_reply_by_supervisor", "Only supervisors mark that no reply is needed", {
    shown: (value) => (value ? "yes" : "no"),
    field: (value) => ({ kind: "check", value }),
    read: (value) => value,
  }],
];

function drawPolicy(policy) {
  setActions(byId("policy"), JSON.stringify(policy), () => POLICY.flatMap(([name, label, how]) => {
    return [make("dt", "", label), make("dd", "", how.shown(policy[name]))];
  }));
}

/** Of what was filled in, what differs from the policy. */
export function policyChange(policy, filled) {
  const read = POLICY.map(([name, , how]) => [name, how.read(filled[name])]);
  return Object.fromEntries(read.filter(([name, value]) => {
    return JSON.stringify(value) !== JSON.stringify(policy[name]);
  }));
}

const faqFields = (faq) => [
  { name: "question", label: "Question", kind: "text", value: faq?.question ?? "", max: 200 },
  { name: "answer", label: "Answer", kind: "area", value: faq?.answer ?? "", max: 2_000 },
];
const quickFields = (text) => [
  { name: "text", label: "Text", kind: "area", value: text ?? "", max: 1_000 },
];

/** What the buttons of the view do; each is followed by a look at the texts. */
export const OFFICE = {
  async "faq.add"(desk) {
    const filled = await askFor({ title: "A new question", yes: "Save", fields: faqFields() });
    if (filled) await desk.ask("faq.set", filled);
  },
  async "faq.edit"(desk, { faq }) {
    const known = desk.state.texts.faq.find((it) => it.faq === faq);
    const filled = await askFor({ title: "The question", yes: "Save", fields: faqFields(known) });
    if (filled) await desk.ask("faq.set", { faq, ...filled });
  },
  async "faq.remove"(desk, { faq }) {
    if (await askFor({ title: "Remove the question?", yes: "Remove" })) {
      await desk.ask("faq.remove", { faq });
    }
  },
  async "faq.card"(desk, { faq }) {
    const { card } = desk.state.texts;
    const questions = card.includes(faq) ? card.filter((it) => it !== faq) : [...card, faq];
    if (questions.length > CARD_MAX) {
      await askFor({ title: "The card is full", text: `It has room for ${CARD_MAX} questions.` });
      return;
    }
    await desk.ask("faq.card", { questions });
  },
  async "quick.add"(desk) {
    const filled = await askFor({ title: "A new quick reply", yes: "Save", fields: quickFields() });
    if (filled) await desk.ask("quick_reply.set", filled);
  },
  async "quick.edit"(desk, { quick }) {
    const known = desk.state.texts.quick_replies.find((it) => it.quick_reply === quick);
    const fields = quickFields(known.text);
    const filled = await askFor({ title: "The quick reply", yes: "Save", fields });
    if (filled) await desk.ask("quick_reply.set", { quick_reply: quick, ...filled });
  },
  async "quick.remove"(desk, { quick }) {
    if (await askFor({ title: "Remove the quick reply?", yes: "Remove" })) {
      await desk.ask("quick_reply.remove", { quick_reply: quick });
    }
  },
  async "holiday.set"(desk) {
    const kind = "datetime-local";
    const fields = [
      { name: "from", label: "From", kind },
      { name: "until", label: "To (empty: until it is ended)", kind, required: false },
    ];
    const filled = await askFor({ title: "Holiday", yes: "Set", fields });
    if (!filled) return;
    const at = (moment) => new Date(moment).getTime();
    const until = filled.until === "" ? {} : { until: at(filled.until) };
    await desk.ask("shop.holiday", { holiday: { from: at(filled.from), ...until } });
  },
  async "holiday.end"(desk) {
    await desk.ask("shop.holiday", { holiday: null });
  },
  async "policy.set"(desk) {
    const { policy } = desk.state;
    const fields = POLICY.map(([name, label, how]) => {
      return { name, label, ...how.field(policy[name]) };
    });
    const text = "What has begun keeps the figures it began with.";
    const filled = await askFor({ title: "Policy", text, yes: "Change", fields });
    if (filled) await desk.ask("desk.policy", { policy: policyChange(policy, filled) });
  },
};
