// Where each topic stands: epoch and seq, what to resume, and whether something was missed.

import { RESUME_TOPICS_MAX } from "./types.gen.js";
import type { Push, Resumed, ResumeAt } from "./types.gen.js";

interface Place {
  epoch: string;
  seq: number;
  presence?: string;
}

/** What an answer or a snapshot says of its topic: it contains the pushes up to `seq`. */
interface Stand {
  topic: string;
  epoch: string;
  seq: number;
}

/** What to do with a push: show it, leave it, or get the present state because one is missing. */
export type Verdict = "show" | "skip" | "gap";

const EARLY_MAX = 1_000;
/** Conversations never restart. */
const CONVERSATION_EPOCH = "1";

export class Topics {
  /** The one that was heard of last stands last. */
  readonly #places = new Map<string, Place>();
  /** Pushes that overtook the reply which opens their topic. */
  readonly #early = new Map<string, Push[]>();
  /** Conversations that are heard whoever serves them. */
  readonly #watched = new Set<string>();

  awaitOpening(topic: string): void {
    if (!this.#early.has(topic)) this.#early.set(topic, []);
  }

  /** The pushes that came before the reply and are not in what it contains. */
  opened(stand: Stand, presence?: string): Push[] {
    this.snapshot(stand, presence);
    return this.release(stand.topic);
  }

  /** The pushes that came while the opening was awaited. */
  release(topic: string): Push[] {
    const early = this.#early.get(topic) ?? [];
    this.#early.delete(topic);
    return early;
  }

  snapshot(stand: Stand, presence?: string): void {
    const kept = presence ?? this.#places.get(stand.topic)?.presence;
    const place: Place = { epoch: stand.epoch, seq: stand.seq };
    if (kept !== undefined) place.presence = kept;
    this.#places.set(stand.topic, place);
  }

  /** From here on its pushes come; what is known of it already is not skipped. */
  watch(stand: Stand): void {
    this.#watched.add(stand.topic);
    if (!this.has(stand.topic)) this.snapshot(stand);
  }

  /** Takes over what a resume says besides its pushes. */
  resumed(resumed: Resumed): void {
    if (resumed.error) {
      this.leave(resumed.topic);
      return;
    }
    if (resumed.snapshot) this.snapshot(resumed.snapshot);
    const place = this.#places.get(resumed.topic);
    if (!place) return;
    place.epoch = resumed.epoch;
    if (resumed.presence !== undefined) place.presence = resumed.presence;
  }

  leave(topic: string): void {
    this.#places.delete(topic);
    this.#early.delete(topic);
    this.#watched.delete(topic);
  }

  /** Somebody else serves it now. */
  unassigned(topic: string): void {
    if (!this.#watched.has(topic)) this.leave(topic);
  }

  /** Leaves a desk and what was heard there; `own` is the user's own conversation. */
  leaveDesk(shop: string, own: string): void {
    this.leave(`desk:${shop}`);
    for (const topic of [...this.#places.keys()]) {
      if (topic.startsWith(`conversation:${shop}/`) && topic !== own) this.leave(topic);
    }
  }

  has(topic: string): boolean {
    return this.#places.has(topic);
  }

  /**
   * For `hello.resume`: rooms and desks, then the conversations heard of last. The place of one
   * that does not fit is kept: its next push shows the gap.
   */
  resume(): ResumeAt[] {
    const all = [...this.#places].map(([topic, place]) => ({ topic, ...place }));
    const chats = all.filter(({ topic }) => isConversation(topic)).reverse();
    const others = all.filter(({ topic }) => !isConversation(topic));
    return [...others, ...chats].slice(0, RESUME_TOPICS_MAX);
  }

  take(push: Push): Verdict {
    if (!("topic" in push)) return "show";
    const waiting = this.#early.get(push.topic);
    if (waiting) {
      if (waiting.length < EARLY_MAX) waiting.push(push);
      return "skip";
    }
    const known = this.#places.get(push.topic);
    // The conversations that one serves come without being asked for.
    if (!known && !isConversation(push.topic)) return "skip";
    if (!("seq" in push)) return "show";
    const place = known ?? { epoch: CONVERSATION_EPOCH, seq: push.seq - 1 };
    if (push.seq <= place.seq) return "skip";
    if (push.seq > place.seq + 1) return "gap";
    place.seq = push.seq;
    this.#places.delete(push.topic);
    this.#places.set(push.topic, place);
    return "show";
  }
}

function isConversation(topic: string): boolean {
  return topic.startsWith("conversation:");
}
