// Where each topic stands that the page hears: its epoch and number, and what came before its
// opening was answered. Owns no socket; decides which pushes are shown.

const EARLY_MAX = 1_000;

/** Which topic a request opens. */
export function topicOf(request, user) {
  const { type, shop, room, buyer } = request;
  if (type.startsWith("room.")) return `room:${shop}/${room}`;
  if (type === "chat.open") return `conversation:${shop}/${user}`;
  return buyer === undefined ? `desk:${shop}` : `conversation:${shop}/${buyer}`;
}

/** What to do with a push at this place: `show` it, `skip` it, or a `gap` is before it. */
export function verdict(place, push) {
  if (push.topic === undefined) return "show";
  if (!place || push.topic !== place.topic) return "skip";
  if (push.seq === undefined) return "show";
  if (push.seq <= place.seq) return "skip";
  return push.seq === place.seq + 1 ? "show" : "gap";
}

export class Topics {
  #places = new Map();
  /** Pushes that came before the answer which opens their topic. */
  #early = new Map();

  has(topic) {
    return this.#places.has(topic);
  }

  /** What comes of it from now on waits for the answer. */
  awaitOpening(topic) {
    if (!this.#early.has(topic)) this.#early.set(topic, []);
  }

  isAwaited(topic) {
    return this.#early.has(topic);
  }

  /** What has come meanwhile. */
  release(topic) {
    const early = this.#early.get(topic) ?? [];
    this.#early.delete(topic);
    return early;
  }

  /** An answer or a snapshot contains every push of the topic up to its `seq`. */
  stand({ topic, epoch, seq }, presence = this.#places.get(topic)?.presence) {
    this.#places.set(topic, { topic, epoch, seq, presence });
  }

  resumed({ topic, epoch, presence }) {
    const place = this.#places.get(topic);
    this.#places.set(topic, { ...place, epoch, presence: presence ?? place.presence });
  }

  forget(isGone) {
    for (const topic of [...this.#places.keys()]) if (isGone(topic)) this.#places.delete(topic);
    for (const topic of [...this.#early.keys()]) if (isGone(topic)) this.#early.delete(topic);
  }

  /** For the next hello. */
  resume() {
    return [...this.#places.values()];
  }

  /** What to do with a push; one that is shown moves its topic on. */
  take(push) {
    const early = this.#early.get(push.topic);
    if (early) {
      if (early.length < EARLY_MAX) early.push(push);
      return "skip";
    }
    const place = this.#places.get(push.topic);
    // An agent hears every conversation that he serves; of those not opened here nothing is kept.
    if (!place && push.topic?.startsWith("conversation:")) return "show";
    const what = verdict(place, push);
    if (what === "show" && place && push.seq !== undefined) {
      this.#places.set(push.topic, { ...place, seq: push.seq });
    }
    return what;
  }
}
