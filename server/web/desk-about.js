// How what is known of a buyer and a session reads. Pure: no page, no socket.

import { whyText } from "./desk.js";
import { spanText } from "./room.js";

const TAGS_MAX = 50;
const CLOSED_TEXT = {
  agent: "by its agent", idle: "nobody said a word for long", no_reply: "it needed no reply",
  blocked: "the buyer was blocked",
};

/** The tags in a line of them, each once. */
export function tagsOf(line) {
  const tags = line.split(",").map((tag) => tag.trim()).filter((tag) => tag !== "");
  return [...new Set(tags)].slice(0, TAGS_MAX);
}

/** What a session's facts are called, and their values. */
export function sessionPairs(session) {
  const pairs = [["Opened", new Date(session.opened_at).toLocaleString()]];
  const { kind, reason } = session.state;
  if (session.why && kind !== "waiting") pairs.push(["Why its agent", whyText(session.why)]);
  if (session.context) pairs.push(["Written from", contextText(session.context)]);
  if (kind === "closed") pairs.push(["Closed", CLOSED_TEXT[reason] ?? reason]);
  if (session.stars !== undefined) pairs.push(["Rated", `${session.stars} of 5 stars`]);
  if (session.excluded.length > 0) pairs.push(["Does not count", session.excluded.join(", ")]);
  if (session.answer.kind === "human") {
    const after = spanText(session.answer.at - session.opened_at);
    pairs.push(["First answer", `${session.answer.agent}, after ${after}`]);
  }
  return pairs;
}

function contextText({ room, live_ms, pinned }) {
  const shown = pinned ? `, ${pinned} on screen` : "";
  return `room ${room}, ${spanText(live_ms)} into the stream${shown}`;
}
