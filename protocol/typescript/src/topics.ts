// Where each topic stands: epoch and seq, what to resume, and whether something was missed.

import type { Joined, Push, Resumed, ResumeAt, RoomSnapshot } from "./types.gen.js";

interface Place {
  epoch: string;
  seq: number;
  presence?: string;
}

/** What to do with a push: show it, leave it, or get a new snapshot because one is missing. */
export type Verdict = "show" | "skip" | "gap";

const EARLY_MAX = 1_000;

export class Topics {
  readonly #places = new Map<string, Place>();
  /** Pushes that overtook the reply of their join. */
  readonly #early = new Map<string, Push[]>();

  awaitJoin(topic: string): void {
    if (!this.#early.has(topic)) this.#early.set(topic, []);
  }

  /** The pushes that came before the reply and are not in the snapshot. */
  joined(joined: Joined): Push[] {
    this.snapshot(joined.snapshot, joined.presence);
    const early = this.#early.get(joined.snapshot.topic) ?? [];
    this.#early.delete(joined.snapshot.topic);
    return early;
  }

  joinFailed(topic: string): void {
    this.#early.delete(topic);
  }

  snapshot(snapshot: RoomSnapshot, presence?: string): void {
    const kept = presence ?? this.#places.get(snapshot.topic)?.presence;
    const place: Place = { epoch: snapshot.epoch, seq: snapshot.seq };
    if (kept !== undefined) place.presence = kept;
    this.#places.set(snapshot.topic, place);
  }

  /** Takes over what a resume says besides its pushes. */
  resumed(resumed: Resumed): void {
    if (resumed.error) {
      this.#places.delete(resumed.topic);
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
  }

  has(topic: string): boolean {
    return this.#places.has(topic);
  }

  /** For `hello.resume`. */
  resume(): ResumeAt[] {
    return [...this.#places].map(([topic, place]) => ({ topic, ...place }));
  }

  take(push: Push): Verdict {
    if (!("topic" in push)) return "show";
    const waiting = this.#early.get(push.topic);
    if (waiting) {
      if (waiting.length < EARLY_MAX) waiting.push(push);
      return "skip";
    }
    const place = this.#places.get(push.topic);
    if (!place) return "skip";
    if (!("seq" in push)) return "show";
    if (push.seq <= place.seq) return "skip";
    if (push.seq > place.seq + 1) return "gap";
    place.seq = push.seq;
    return "show";
  }
}
