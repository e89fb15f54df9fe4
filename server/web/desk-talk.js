// The conversation that an agent looks at: what was said, what he may do about its session, what is
// known of its buyer. Owns those elements and the conversation; lists and socket are the console's.

import { drawMessages, drawTyping } from "./chat-draw.js";
import {
  emptyChat, placeText, withChatPush, withMessages, withOpened, withPage, withRecalled,
} from "./chat.js";
import { Composer } from "./composer.js";
import { sessionPairs, tagsOf } from "./desk-about.js";
import { answerLine } from "./desk-draw.js";
import { ownerOf, variablesOf, withReport, withSession } from "./desk.js";
import { askFor } from "./dialog.js";
import { button, byId, keyed, make, setActions, setText, timeText, toast } from "./elements.js";

const MARK_EVERY_MS = 1_000;
const STATE_TEXT = {
  self_served: "self-served", waiting: "unassigned", assigned: "assigned", closed: "closed",
};

export class Talk {
  #desk;
  #buyer = "";
  #chat = emptyChat();
  #about = emptyAbout();
  /** Who was answered how far, as far as the server was told. */
  #told = 0;
  #drafts = new Map();
  #composer;

  /** `desk`: the console (see desk-page.js). */
  constructor(desk) {
    this.#desk = desk;
    this.#composer = new Composer(byId("talk-form"), {
      send: (content, command_id) => this.#send(content, command_id),
      upload: (file) => desk.uploads.send(desk.shop, file),
      typing: () => this.#request("desk.typing", {}).catch(() => {}),
    });
    byId("talk").addEventListener("click", (event) => this.#press(event));
    byId("about").addEventListener("click", (event) => this.#press(event));
    byId("quick").addEventListener("change", () => this.#sendQuick());
    byId("note-form").addEventListener("submit", (event) => this.#addNote(event));
    byId("tags-form").addEventListener("submit", (event) => this.#setTags(event));
    setInterval(() => this.#mark(), MARK_EVERY_MS);
  }

  get buyer() {
    return this.#buyer;
  }

  /** Another conversation; who is not its agent hears it because he watches. */
  open(buyer) {
    if (this.#buyer !== buyer) {
      this.#leave();
      this.#buyer = buyer;
      byId("talk-text").value = this.#drafts.get(buyer) ?? "";
    }
    this.#reopen();
  }

  focus() {
    this.#composer.focus();
  }

  close() {
    this.#leave();
    this.#desk.redraw();
  }

  #leave() {
    const { link } = this.#desk;
    if (this.#buyer !== "") {
      const draft = byId("talk-text").value;
      if (draft.trim() === "") this.#drafts.delete(this.#buyer);
      else this.#drafts.set(this.#buyer, draft);
      link.forget(this.#topic());
      if (link.state === "open") this.#request("desk.unwatch", {}).catch(() => {});
    }
    this.#buyer = "";
    this.#chat = emptyChat();
    this.#about = emptyAbout();
    this.#told = 0;
    this.#composer.clear();
  }

  #topic() {
    return `conversation:${this.#desk.shop}/${this.#buyer}`;
  }

  async #reopen() {
    const buyer = this.#buyer;
    // To hear what is said from here on, before what was said is read.
    this.#request("desk.watch", {}).catch(() => {});
    try {
      await this.#request("desk.open", {});
    } catch (error) {
      if (this.#buyer === buyer) this.#desk.refused(error);
    }
  }

  onOpened(opened) {
    if (opened.topic !== this.#topic()) return;
    const { notes, tags, earlier, session } = opened;
    this.#about = { notes, tags, earlier, session };
    this.#chat = withOpened(this.#chat, { ...opened, session: undefined });
    byId("tags").value = tags.join(", ");
    this.#desk.change(session ? withSession(this.#desk.state, session) : this.#desk.state);
  }

  onPush(push) {
    if (push.type === "desk.unassigned" && push.session.buyer === this.#buyer) {
      // What was heard as its agent is heard no longer.
      this.#reopen();
    } else if (push.topic === this.#chat.topic && push.topic !== undefined) {
      this.#chat = withChatPush(this.#chat, push, this.#desk.link.now());
      this.#desk.redraw();
    }
  }

  onStale(topic) {
    if (this.#buyer !== "" && topic === this.#topic()) this.#reopen();
  }

  #request(type, fields) {
    const { link, shop } = this.#desk;
    return link.request(type, { shop, buyer: this.#buyer, ...fields });
  }

  /** The buyer's newest session, as it is known. */
  #session() {
    const known = Object.values(this.#desk.state.sessions).filter((it) => it.buyer === this.#buyer);
    const all = this.#about.session ? [...known, this.#about.session] : known;
    return all.reduce((a, b) => {
      if (!a || b.session !== a.session) return !a || b.session > a.session ? b : a;
      return b.version > a.version ? b : a;
    }, undefined);
  }

  async #send(content, command_id) {
    const buyer = this.#buyer;
    const { message } = await this.#request("desk.send", { content, command_id });
    this.#drafts.delete(buyer);
    if (buyer !== this.#buyer) return;
    this.#chat = withMessages(this.#chat, [message]);
    this.#desk.redraw();
  }

  async #sendQuick() {
    const select = byId("quick");
    const replies = this.#desk.state.texts?.quick_replies ?? [];
    const chosen = replies.find((it) => it.quick_reply === select.value);
    select.value = "";
    if (!chosen) return;
    const names = variablesOf(chosen.text);
    const fields = names.map((name) => ({ name, label: name, kind: "text", max: 1_000 }));
    const variables = names.length === 0 ? {}
      : await askFor({ title: "Quick reply", text: chosen.text, yes: "Send", fields });
    if (!variables) return;
    await this.#composer.say({ kind: "quick_reply", quick_reply: chosen.quick_reply, variables });
  }

  /** Tells how far it was read, if its agent is the one who reads. */
  #mark() {
    const session = this.#buyer === "" ? undefined : this.#session();
    const { state, link } = this.#desk;
    const own = session && ownerOf(session) === state.me;
    const reads = own && document.visibilityState === "visible";
    const seq = this.#chat.messages.at(-1)?.seq ?? 0;
    const known = Math.max(this.#told, this.#chat.conversation?.staff_marks.read ?? 0);
    if (!reads || seq <= known || link.state !== "open") return;
    this.#told = seq;
    this.#request("desk.read", { read: seq }).catch(() => {});
  }

  // --- what he does

  async #press(event) {
    const pressed = event.target.closest("button[data-request]");
    if (!pressed) return;
    const { request, seq, verdict } = pressed.dataset;
    if (Object.hasOwn(ACTIONS, request)) {
      await ACTIONS[request](this.#desk, this.#session(), this.#buyer, verdict);
    } else if (request === "recall" && await this.#ask("desk.recall", { seq: Number(seq) })) {
      this.#chat = withRecalled(this.#chat, Number(seq));
    } else if (request === "earlier") {
      const page = await this.#ask("desk.history", { before: this.#chat.messages[0].seq });
      if (page) this.#chat = withPage(this.#chat, page);
    }
    this.#desk.redraw();
  }

  #ask(type, fields) {
    return this.#desk.ask(type, { buyer: this.#buyer, ...fields });
  }

  async #addNote(event) {
    event.preventDefault();
    const text = byId("note").value.trim();
    if (text === "" || !await this.#ask("desk.note", { text })) return;
    byId("note").value = "";
    const notes = [...this.#about.notes, { note: `${this.#about.notes.length} ${text}`, text }];
    this.#about = { ...this.#about, notes };
    this.#desk.redraw();
  }

  async #setTags(event) {
    event.preventDefault();
    const tags = tagsOf(byId("tags").value);
    if (!await this.#ask("desk.tag", { tags })) return;
    this.#about = { ...this.#about, tags };
    byId("tags").value = tags.join(", ");
    toast("ok", "the tags are saved");
  }

  // --- how it looks

  draw(now) {
    const none = this.#buyer === "";
    byId("talk").hidden = none;
    byId("about").hidden = none;
    byId("no-talk").hidden = !none;
    if (none) return;
    const session = this.#session();
    setText(byId("talk-title"), this.#buyer);
    byId("talk-state").hidden = !session;
    if (session) this.#drawSession(session, now);
    else byId("talk-actions").replaceChildren();
    byId("talk-earlier").hidden = !this.#chat.more;
    drawMessages(byId("talk-messages"), this.#chat, this.#view(now));
    drawTyping(byId("talk-typing"), this.#chat, "staff", now);
    this.#drawComposer(session);
    this.#drawAbout(session, now);
  }

  #view(now) {
    const { user, uploads } = this.#desk;
    return { side: "staff", user, now, address: (url) => uploads.address(url) };
  }

  #drawSession(session, now) {
    const { kind } = session.state;
    const owner = ownerOf(session);
    const state = owner !== undefined && owner !== this.#desk.state.me ? `with ${owner}`
      : owner !== undefined ? "yours" : STATE_TEXT[kind] ?? kind;
    setText(byId("talk-state"), state);
    byId("talk-state").dataset.state = kind === "waiting" ? "announced" : kind;
    const place = session.position ? `place ${placeText(session.position)} in the queue` : "";
    const facts = [`Session ${session.session}`, answerLine(session, now), place];
    setText(byId("talk-facts"), facts.filter((it) => it !== "").join(" · "));
    byId("talk-facts").dataset.expiring = String(session.expiring);
    const blocked = this.#chat.conversation?.blocked === true;
    const { leads } = this.#desk.state;
    const own = owner === this.#desk.state.me;
    setActions(byId("talk-actions"), JSON.stringify([kind, own, leads, blocked]), () => [
      ...actionsOf(kind, own, leads),
      button("Report", "report", {}),
      blocked ? button("Unblock", "unblock", {}) : button("Block", "block", {}),
    ]);
  }

  #drawComposer(session) {
    const { state } = this.#desk;
    const owner = session && ownerOf(session);
    const open = session && session.state.kind !== "closed";
    const may = !open || owner === state.me || state.leads;
    byId("talk-form").hidden = !may;
    byId("not-mine").hidden = may;
    const replies = may ? state.texts?.quick_replies ?? [] : [];
    byId("quick-row").hidden = replies.length === 0;
    setActions(byId("quick"), JSON.stringify(replies), () => {
      const first = make("option", "", "Quick reply …");
      first.value = "";
      return [first, ...replies.map((reply) => {
        const option = make("option", "", reply.text);
        option.value = reply.quick_reply;
        return option;
      })];
    });
  }

  #drawAbout(session, now) {
    const { notes, earlier } = this.#about;
    const said = (it) => ({ element: make("li", "", it.text) });
    keyed(byId("notes"), notes, (it) => it.note, said, () => {});
    const pairs = session ? sessionPairs(session) : [];
    setActions(byId("session-facts"), JSON.stringify(pairs), () => {
      return pairs.flatMap(([name, value]) => [make("dt", "", name), make("dd", "", value)]);
    });
    this.#drawReport(session);
    byId("earlier-title").hidden = earlier.length === 0;
    keyed(byId("earlier"), earlier, (it) => String(it.session), (it) => {
      const by = it.closed_by ? ` by ${it.closed_by}` : "";
      const when = timeText(it.opened_at, now);
      const how = `closed${by} (${it.reason.replace("_", " ")})`;
      return { element: make("li", "", `Session ${it.session}, ${when}: ${how}`) };
    }, () => {});
  }

  #drawReport(session) {
    const { state, roles } = this.#desk;
    const report = session && state.reports[session.session];
    const judges = roles.includes("manager") && state.policy?.verdict_by === "manager";
    setActions(byId("report"), JSON.stringify([report ?? null, judges]), () => {
      if (!report) return [];
      const decide = (text, verdict) => button(text, "verdict", { verdict });
      const verdicts = !judges ? [] : report.state === "filed"
        ? [decide("Uphold", "upheld"), decide("Reject", "rejected")]
        : report.state === "upheld" ? [decide("Overturn", "overturned")] : [];
      return [make("span", "", `Report: ${report.state}`), ...verdicts];
    });
  }
}

function emptyAbout() {
  return { notes: [], tags: [], earlier: [], session: undefined };
}

function actionsOf(kind, own, leads) {
  if (kind === "waiting" || kind === "self_served") {
    const assign = leads ? [button("Assign", "assign", {})] : [];
    return [button("Take", "take", {}, "Take this chat", true), ...assign];
  }
  if (kind !== "assigned" || (!own && !leads)) return [];
  return [
    button("Close", "close", {}), button("No reply needed", "no_reply", {}),
    button("Transfer", "transfer", {}),
  ];
}

/** A session as it is after the request; undefined when it was refused. */
async function moved(desk, type, session, fields = {}) {
  const ok = await desk.ask(type, { session: session.session, ...fields });
  if (ok?.session) desk.change(withSession(desk.state, ok.session));
  return ok;
}

/** Above the cap only by force, which supervisors may use. */
async function forced(desk, type, session, fields) {
  try {
    const ok = await desk.request(type, { session: session.session, force: false, ...fields });
    desk.change(withSession(desk.state, ok.session));
  } catch (error) {
    if (error.code !== "saturated" || !desk.state.leads) return desk.refused(error);
    const text = "That is more than the cap allows.";
    const yes = await askFor({ title: "Above the cap", text, yes: "Do it all the same" });
    if (yes) await moved(desk, type, session, { force: true, ...fields });
  }
}

async function pass(desk, type, session) {
  const toQueue = type === "desk.transfer" ? [["", "Back among those that wait"]] : [];
  const others = Object.values(desk.state.agents)
    .filter((agent) => agent.agent !== ownerOf(session) && agent.connections > 0)
    .map((it) => [it.agent, `${it.agent}: ${it.status}, ${it.load} of ${it.cap}`]);
  const options = [...others, ...toQueue];
  if (options.length === 0) return toast("nobody", "nobody else is at the desk");
  const fields = [{ name: "agent", label: "To", kind: "select", options, required: false }];
  const title = type === "desk.transfer" ? "Transfer the chat" : "Assign the chat";
  const chosen = await askFor({ title, yes: "Pass on", fields });
  if (!chosen) return;
  const to = chosen.agent === "" ? {} : { agent: chosen.agent };
  await forced(desk, type, session, { epoch: session.epoch, ...to });
}

const ACTIONS = {
  take: (desk, session) => forced(desk, "desk.take", session, {}),
  transfer: (desk, session) => pass(desk, "desk.transfer", session),
  assign: (desk, session) => pass(desk, "desk.assign", session),
  async close(desk, session) {
    const text = "Nobody has answered yet: closed or not, the time to answer goes on.";
    const open = session.answer.kind === "pending" && session.excluded.length === 0;
    if (open && !await askFor({ title: "Close unanswered?", text, yes: "Close" })) return;
    await moved(desk, "desk.close", session, { epoch: session.epoch });
  },
  async no_reply(desk, session) {
    const text = "The chat is closed and does not count in the response rate.";
    if (!await askFor({ title: "No reply needed?", text, yes: "Close it so" })) return;
    await moved(desk, "desk.no_reply", session, { epoch: session.epoch });
  },
  async report(desk, session) {
    const field = { name: "reason", label: "What is wrong with it", kind: "area", max: 500 };
    const said = await askFor({ title: "Report the session", yes: "Report", fields: [field] });
    if (!said) return;
    const ok = await moved(desk, "desk.report", session, { reason: said.reason });
    if (ok) desk.change(withReport(desk.state, ok.report));
  },
  async verdict(desk, session, buyer, verdict) {
    const { report } = desk.state.reports[session.session];
    const ok = await moved(desk, "desk.verdict", session, { report, verdict });
    if (ok) desk.change(withReport(desk.state, ok.report));
  },
  async block(desk, session, buyer) {
    const text = `The shop takes no more messages of ${buyer}, and an open session is closed.`;
    if (await askFor({ title: "Block the buyer?", text, yes: "Block" })) {
      await desk.ask("buyer.block", { buyer });
    }
  },
  unblock: (desk, session, buyer) => desk.ask("buyer.unblock", { buyer }),
};
