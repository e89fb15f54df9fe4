// The buyer's chat on the viewer's page: the card of questions, what was said, the place in the
// queue, the rating. Owns the panel's elements and its conversation; the socket is the page's.

import { drawMessages, drawTyping } from "./chat-draw.js";
import {
  emptyChat, sessionText, withChatPush, withMessages, withOpened, withPage, withRecalled,
  withSession,
} from "./chat.js";
import { Composer } from "./composer.js";
import { button, byId, keyed, setActions, setText } from "./elements.js";

const MARK_EVERY_MS = 1_000;
const STARS = [1, 2, 3, 4, 5];

export class ChatPanel {
  #page;
  #chat = emptyChat();
  #open = sessionStorage.getItem("hawker.chat") === "open";
  #stars = 0;
  /** As far as the server was told. */
  #told = { delivered: 0, read: 0 };
  #composer;

  /**
   * `page`: `shop`, `link()`, `user()`, `room()`, `uploads`, `describe(content)`, `redraw()` and
   * `refused(error)`.
   */
  constructor(page) {
    this.#page = page;
    this.#composer = new Composer(byId("chat-form"), {
      send: (content, command_id) => this.#send(content, command_id),
      upload: (file) => page.uploads.send(page.shop, file),
      typing: () => this.#request("chat.typing", {}).catch(() => {}),
    });
    byId("chat-toggle").addEventListener("click", () => this.#toggle());
    byId("chat-card").addEventListener("click", (event) => this.#press(event));
    byId("rating-form").addEventListener("submit", (event) => this.#rate(event));
    document.addEventListener("visibilitychange", () => this.#page.redraw());
    setInterval(() => this.#mark(), MARK_EVERY_MS);
    this.#showBody();
  }

  onWelcome() {
    byId("chat-card").hidden = false;
    // A conversation that goes on was resumed with the hello.
    if (this.#open && this.#chat.topic === "") this.#openChat();
  }

  onOpened(opened) {
    // Whoever has a chat already looks for what was said.
    if (this.#chat.topic === "") byId("chat-faq").open = opened.messages.length === 0;
    this.#change(withOpened(this.#chat, opened));
  }

  onPush(push) {
    if (push.topic === this.#chat.topic) {
      this.#change(withChatPush(this.#chat, push, this.#page.link().now()));
    }
  }

  /** Something was missed, or it does not go on: opened anew it is whole. */
  onStale(topic) {
    if (topic === this.#chat.topic) this.#openChat();
  }

  #change(chat) {
    this.#chat = chat;
    this.#page.redraw();
  }

  async #openChat() {
    try {
      await this.#request("chat.open", {});
    } catch (error) {
      this.#page.refused(error);
    }
  }

  #request(type, fields) {
    return this.#page.link().request(type, { shop: this.#page.shop, ...fields });
  }

  #here() {
    const room = this.#page.room();
    return room ? { room } : {};
  }

  async #send(content, command_id) {
    const fields = { content, command_id, ...this.#here() };
    const { message } = await this.#request("chat.send", fields);
    this.#change(withMessages(this.#chat, [message]));
  }

  #toggle() {
    this.#open = !this.#open;
    sessionStorage.setItem("hawker.chat", this.#open ? "open" : "closed");
    this.#showBody();
    if (this.#open && this.#chat.topic === "") this.#openChat();
    if (this.#open) this.#composer.focus();
    this.#page.redraw();
  }

  #showBody() {
    byId("chat-body").hidden = !this.#open;
    byId("chat-card").classList.toggle("open", this.#open);
    byId("chat-toggle").setAttribute("aria-expanded", String(this.#open));
  }

  async #press(event) {
    const pressed = event.target.closest("button[data-request]");
    if (!pressed) return;
    const { request, faq, seq, stars } = pressed.dataset;
    if (request === "stars") {
      this.#stars = Number(stars);
      this.#page.redraw();
      return;
    }
    try {
      if (request === "faq") {
        const { session } = await this.#request("chat.faq", { faq, ...this.#here() });
        byId("chat-faq").open = false;
        this.#change(withSession(this.#chat, session));
      } else if (request === "recall") {
        await this.#request("chat.recall", { seq: Number(seq) });
        this.#change(withRecalled(this.#chat, Number(seq)));
      } else if (request === "earlier") {
        const before = this.#chat.messages[0].seq;
        this.#change(withPage(this.#chat, await this.#request("chat.history", { before })));
      }
    } catch (error) {
      this.#page.refused(error);
    }
  }

  async #rate(event) {
    event.preventDefault();
    if (this.#stars === 0) return;
    const comment = byId("rating-comment").value.trim();
    const said = comment === "" ? {} : { comment };
    const { session } = this.#chat.session;
    try {
      const rated = await this.#request("chat.rate", { session, stars: this.#stars, ...said });
      byId("rating-comment").value = "";
      this.#stars = 0;
      this.#change(withSession(this.#chat, rated.session));
    } catch (error) {
      this.#page.refused(error);
    }
  }

  /** Tells how far he has got, if that is news. */
  #mark() {
    const { topic, conversation, messages } = this.#chat;
    const seq = messages.at(-1)?.seq ?? 0;
    if (topic === "" || seq === 0 || this.#page.link()?.state !== "open") return;
    const sees = this.#open && document.visibilityState === "visible";
    const known = conversation?.buyer_marks ?? { delivered: 0, read: 0 };
    const what = sees ? "read" : "delivered";
    if (Math.max(known[what], this.#told[what]) >= seq) return;
    this.#told = { ...this.#told, [what]: seq };
    // The next message tells it again.
    this.#request("chat.read", { [what]: seq }).catch(() => {});
  }

  draw(now) {
    const { session, card, holiday, conversation, messages, more } = this.#chat;
    const unread = messages.filter((it) => {
      return it.from.by !== "buyer" && it.seq > (conversation?.buyer_marks.read ?? 0);
    });
    const count = this.#open ? 0 : unread.length;
    setText(byId("chat-unread"), count > 0 ? String(count) : "");
    byId("chat-unread").hidden = count === 0;
    if (!this.#open) return;
    const blocked = conversation?.blocked === true;
    setText(byId("chat-state"), blocked ? "The shop takes no messages of you."
      : sessionText(session, holiday));
    byId("chat-state").hidden = byId("chat-state").textContent === "";
    byId("chat-faq").hidden = card.length === 0;
    keyed(byId("chat-questions"), card, (it) => it.faq, makeQuestion, (row, it) => {
      setText(row.element.firstElementChild, it.question);
    });
    byId("chat-earlier").hidden = !more;
    drawMessages(byId("chat-messages"), this.#chat, this.#view(now));
    drawTyping(byId("chat-typing"), this.#chat, "buyer", now);
    this.#drawRating();
  }

  #view(now) {
    const { uploads, describe } = this.#page;
    return {
      side: "buyer", user: this.#page.user(), now, describe, address: (url) => uploads.address(url),
    };
  }

  #drawRating() {
    const { session } = this.#chat;
    const asks = session?.state === "closed" && session.stars === undefined;
    byId("rating-form").hidden = !asks;
    const thanks = session?.state === "closed" && session.stars !== undefined;
    setText(byId("rated"), thanks ? `You gave ${session.stars} of 5 stars. Thank you.` : "");
    byId("rated").hidden = !thanks;
    setActions(byId("stars"), String(this.#stars), () => STARS.map((stars) => {
      const of = { stars };
      const label = stars === 1 ? "1 star" : `${stars} stars`;
      const star = button(stars <= this.#stars ? "★" : "☆", "stars", of, label);
      star.setAttribute("aria-pressed", String(stars === this.#stars));
      return star;
    }));
    byId("rate").disabled = this.#stars === 0;
  }
}

function makeQuestion({ faq }) {
  const element = document.createElement("li");
  element.append(button("", "faq", { faq }));
  return { element };
}
