// Puts the messages of a conversation on the page, for either side. Owns the elements of its list;
// decides nothing, sends nothing. Whatever people wrote is set as text, never as markup.

import { authorText, contentText, lastReadOwn, mayRecall, sideOf } from "./chat.js";
import { button, keyed, make, setText, timeText } from "./elements.js";

/** Within these the end of the messages is in sight. */
const AT_END_PX = 60;

/**
 * `view`: `side` and `user`, whose eyes it is; `now`; `address(url)`, which brings one that the
 * browser may show; `describe(content)`, which tells what a card is about.
 */
export function drawMessages(list, chat, view) {
  const fresh = list.dataset.topic !== chat.topic;
  const { follows: followed, top } = list.dataset;
  // The list may have become lower; it is the reader who scrolls away.
  const unmoved = followed === "true" && list.scrollTop === Number(top);
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < AT_END_PX;
  const follows = fresh || unmoved || atEnd;
  list.dataset.follows = String(follows);
  const before = list.scrollHeight;
  const first = list.dataset.first;
  list.dataset.topic = chat.topic;
  list.dataset.first = chat.messages[0]?.seq ?? "";
  const read = lastReadOwn(chat, view.side);
  const keyOf = (message) => `${chat.topic} ${message.seq}`;
  keyed(list, chat.messages, keyOf, makeMessage, (row, message) => {
    drawMessage(row, message, view);
    row.read.hidden = message.seq !== read;
  });
  if (follows) list.scrollTop = list.scrollHeight;
  else if (first !== list.dataset.first) list.scrollTop += list.scrollHeight - before;
  list.dataset.top = list.scrollTop;
}

function makeMessage() {
  const row = {
    element: make("li", "message"),
    author: make("span", "author"),
    time: make("time", "quiet"),
    body: make("div", "body"),
    actions: make("span", "actions"),
    read: make("span", "read quiet", "read"),
    drawn: undefined,
  };
  const head = make("div", "message-head");
  head.append(row.author, row.time, row.actions);
  row.element.append(head, row.body, row.read);
  return row;
}

function drawMessage(row, message, view) {
  const mayTakeBack = mayRecall(message, view.side, view.user, view.now);
  if (row.actions.childElementCount > 0 !== mayTakeBack) {
    const take = () => button("Take back", "recall", { seq: message.seq }, "", false);
    row.actions.replaceChildren(...(mayTakeBack ? [take()] : []));
  }
  if (row.drawn === message) return;
  row.drawn = message;
  const automatic = message.from.by === "faq" || message.from.by === "bot";
  row.element.className = [
    "message", sideOf(message) === view.side ? "own" : "other", automatic ? "automatic" : "",
  ].join(" ").trim();
  setText(row.author, authorText(message, view.side, view.user));
  setText(row.time, timeText(message.at, view.now));
  row.body.replaceChildren(bodyOf(message.content, view));
}

function bodyOf(content, view) {
  if (!content) return make("span", "quiet", "taken back");
  switch (content.kind) {
    case "image":
      return shown(content, view, make("img"));
    case "video":
      return shown(content, view, make("video"));
    case "emoji":
      return make("span", "emoji", content.emoji);
    case "product":
    case "order":
    case "coupon":
      return make("span", "chat-card", view.describe?.(content) ?? contentText(content));
    case "question":
      return make("span", "text question", content.text);
    default:
      return make("span", "text", contentText(content));
  }
}

/** A picture or a video: its address is good for minutes only, so it is asked for when needed. */
function shown(content, view, element) {
  const frame = make("span", "media", `${contentText(content)} …`);
  element.setAttribute(content.kind === "image" ? "alt" : "aria-label", contentText(content));
  if (content.kind === "video") element.controls = true;
  const sorry = (error) => setText(frame, `${contentText(content)}: ${error.message}`);
  view.address(content.url).then((address) => {
    element.src = address;
    element.onload = () => follow(frame.closest(".messages"));
    element.onloadedmetadata = element.onload;
    element.onerror = () => sorry({ message: "it cannot be shown" });
    frame.replaceChildren(element);
  }, sorry);
  return frame;
}

/** It has its size now: the end stays in sight if it was. */
function follow(list) {
  if (list?.dataset.follows !== "true") return;
  list.scrollTop = list.scrollHeight;
  list.dataset.top = list.scrollTop;
}

/** Who types, as long as that is news. */
export function drawTyping(element, chat, side, now) {
  const { typing } = chat;
  const types = typing && typing.side !== side && typing.until > now;
  const who = side === "staff" ? "The buyer" : "Somebody of the shop";
  setText(element, types ? `${who} is typing …` : "");
}
