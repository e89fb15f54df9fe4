// What a page knows of one conversation, and how each message changes it. Serves both sides; owns
// the rules by which copies merge, and never touches the page, the socket or the clock.

export const MESSAGES_MAX = 1_000;
/** Typing is shown for so long after the last word of it. */
const TYPING_SHOWN_MS = 5_000;
/** A message may be taken back for so long. */
export const RECALL_MS = 120_000;

/** Before it is opened. */
export function emptyChat() {
  return {
    topic: "", messages: [], more: false, conversation: null, session: null, card: [],
    holiday: false, typing: null,
  };
}

/** As `chat.open` or `desk.open` has it; what was said before it stays. */
export function withOpened(chat, opened) {
  const same = chat.topic === opened.topic ? chat : emptyChat();
  const first = opened.messages[0]?.seq ?? 1;
  // Between what was known and what was opened something may be missing.
  const joins = same.messages.length > 0 && same.messages.at(-1).seq >= first - 1;
  const kept = joins ? same : { ...same, messages: [], more: first > 1 };
  const next = {
    ...kept,
    topic: opened.topic,
    card: opened.card ?? [],
    holiday: opened.holiday ?? false,
    session: newest(same.session, opened.session ?? null),
  };
  return withMarks(withMessages(next, opened.messages), opened.conversation);
}

/** An older page, in front of what is there. */
export function withPage(chat, page) {
  return { ...withMessages(chat, page.messages, false), more: page.more };
}

/** One message has one place, however often it comes; what was taken back stays so. */
export function withMessages(chat, messages, cut = true) {
  if (messages.length === 0) return chat;
  const bySeq = new Map(chat.messages.map((message) => [message.seq, message]));
  for (const message of messages) {
    const known = bySeq.get(message.seq);
    if (!known || known.content) bySeq.set(message.seq, message);
  }
  const all = [...bySeq.values()].sort((a, b) => a.seq - b.seq);
  const shown = cut ? all.slice(-MESSAGES_MAX) : all;
  return { ...chat, messages: shown, more: chat.more || shown.length < all.length };
}

const PUSHES = {
  "chat.message": (chat, { message }) => {
    const said = withMessages(chat, [message]);
    return chat.typing?.side === sideOf(message) ? { ...said, typing: null } : said;
  },
  "chat.recalled": (chat, { message_seq: seq }) => withRecalled(chat, seq),
  "chat.read": (chat, { conversation }) => withMarks(chat, conversation),
  "chat.typing": (chat, { side, user }, now) => {
    return { ...chat, typing: { side, user, until: now + TYPING_SHOWN_MS } };
  },
  "chat.session": (chat, { session }) => ({ ...chat, session: newest(chat.session, session) }),
  "chat.position": (chat, { session, position }) => {
    const known = chat.session;
    if (known?.session !== session || !isBetter(position, known.position)) return chat;
    return { ...chat, session: { ...known, position } };
  },
};

/** The conversation after a push of its topic; one of an unknown type changes nothing. */
export function withChatPush(chat, push, now) {
  const change = Object.hasOwn(PUSHES, push.type) ? PUSHES[push.type] : undefined;
  return change ? change(chat, push, now) : chat;
}

/** It keeps its place, without its words. */
export function withRecalled(chat, seq) {
  const messages = chat.messages.map((message) => {
    return message.seq === seq ? { ...message, content: undefined } : message;
  });
  return { ...chat, messages };
}

export function withSession(chat, session) {
  return { ...chat, session: newest(chat.session, session) };
}

/** Marks only grow; the rest counts as it comes. */
export function withMarks(chat, conversation) {
  if (!conversation) return chat;
  const grown = (side) => ({
    delivered: Math.max(conversation[side].delivered, chat.conversation?.[side].delivered ?? 0),
    read: Math.max(conversation[side].read, chat.conversation?.[side].read ?? 0),
  });
  const marks = { buyer_marks: grown("buyer_marks"), staff_marks: grown("staff_marks") };
  return { ...chat, conversation: { ...conversation, ...marks } };
}

/** Of two copies of a session the newer one; of two sessions the later one. */
function newest(known, session) {
  if (!known || !session) return known ?? session;
  if (known.session !== session.session) return known.session > session.session ? known : session;
  return known.version > session.version ? known : session;
}

function isBetter(position, known) {
  if (!known) return true;
  const rank = (it) => it.place + (it.kind === "beyond" ? 1 : 0);
  return rank(position) <= rank(known);
}

// --- what the page shows of it

export function sideOf(message) {
  return message.from.by === "buyer" ? "buyer" : "staff";
}

/** Who says it, as `side` reads it. */
export function authorText(message, side, user) {
  const { by, user: who } = message.from;
  if (by === "buyer") return side === "buyer" ? "You" : "Buyer";
  if (by === "agent") return who === user ? "You" : side === "buyer" ? "Shop" : who;
  return by === "faq" ? "Automatic reply" : side === "buyer" ? "Shop" : `${who} (automatic)`;
}

/** The last own message that the other side has read, or 0. */
export function lastReadOwn(chat, side) {
  const marks = chat.conversation?.[side === "buyer" ? "staff_marks" : "buyer_marks"];
  const read = marks?.read ?? 0;
  return chat.messages.findLast((it) => sideOf(it) === side && it.seq <= read)?.seq ?? 0;
}

/** Whether `user` may still take it back. */
export function mayRecall(message, side, user, now) {
  if (!message.content || message.content.kind === "question") return false;
  const own = side === "buyer" ? message.from.by === "buyer" : message.from.user === user;
  return own && now - message.at < RECALL_MS;
}

/** One line that tells what a message is about. */
export function contentText(content) {
  if (!content) return "taken back";
  const texts = {
    text: () => content.text,
    emoji: () => content.emoji,
    question: () => content.text,
    image: () => "a picture",
    video: () => "a video",
    product: () => `product ${content.product}`,
    order: () => `order ${content.order}`,
    coupon: () => `coupon ${content.coupon}`,
  };
  return Object.hasOwn(texts, content.kind) ? texts[content.kind]() : "a message";
}

export function placeText(position) {
  if (!position) return "";
  return position.kind === "exact" ? String(position.place) : `${position.place}+`;
}

/** How the buyer's session stands, in a sentence for him. */
export function sessionText(session, holiday) {
  if (!session) return holiday ? "The shop is on holiday: an answer may take longer." : "";
  const later = holiday ? " The shop is on holiday: it may take longer." : "";
  const texts = {
    self_served: "Answered from the questions. Write if you need more.",
    waiting: session.position
      ? `You are number ${placeText(session.position)} in the queue.${later}`
      : `Somebody will answer you here.${later}`,
    assigned: "Somebody of the shop is with you.",
    closed: "This chat is closed. Write again whenever you like.",
  };
  return texts[session.state] ?? "";
}
