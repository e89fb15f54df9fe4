// Pictures and videos of a chat: sends one, and brings addresses by which the browser may show
// them. Owns the tickets it was given; knows nothing of messages.

/** A ticket is not used in the last moments of its life: the browser has yet to fetch. */
const LEAD_MS = 30_000;

export class Uploads {
  #token;
  #now;
  #tickets = new Map();

  /** `token()` is the newest token, `now()` the server's clock. */
  constructor(token, now) {
    this.#token = token;
    this.#now = now;
  }

  /** What a message says that shows this file. */
  async send(shop, file) {
    const asked = new URLSearchParams({ shop });
    const headers = { ...this.#headers(), "Content-Type": file.type };
    const sent = await this.#ask(`/v1/uploads?${asked}`, { method: "POST", headers, body: file });
    const kind = sent.media_type.startsWith("video/") ? "video" : "image";
    return { kind, upload: sent.upload };
  }

  /** An address that needs no token, for some minutes. */
  address(url) {
    const known = this.#tickets.get(url);
    if (known && (known.expiresAt ?? Infinity) - LEAD_MS > this.#now()) return known.asked;
    const asked = this.#ask(`${url}/ticket`, { headers: this.#headers() });
    const ticket = { asked: asked.then((it) => it.url), expiresAt: undefined };
    this.#tickets.set(url, ticket);
    asked.then(
      (it) => (ticket.expiresAt = it.expires_at),
      () => this.#tickets.delete(url),
    );
    return ticket.asked;
  }

  #headers() {
    return { Authorization: `Bearer ${this.#token()}` };
  }

  async #ask(url, options) {
    const response = await fetch(url, options);
    const answer = await response.json().catch(() => ({}));
    if (response.ok) return answer;
    const { code = String(response.status), message = "it was refused" } = answer.error ?? answer;
    throw Object.assign(new Error(message), { code });
  }
}
