// Where a message is written: text, a picture or a video. Owns the form; an attempt that was not
// answered goes out again under the same command id, so that nobody reads it twice.

import { toast } from "./elements.js";
import { uuidv7 } from "./link.js";

const TYPING_EVERY_MS = 3_000;
/** The server did not say no: the same words may have been said already. */
const UNKNOWN = new Set(["no_answer", "closed", "connection_lost"]);

export class Composer {
  #form;
  #input;
  #options;
  #typedAt = 0;
  /** What was sent last without an answer, and its command id. */
  #unanswered = null;

  /** `send(content, command_id)`, `upload(file)` and `typing()`; the first two bring promises. */
  constructor(form, options) {
    this.#form = form;
    this.#options = options;
    this.#input = form.querySelector("textarea");
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#input.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.#submit();
    });
    this.#input.addEventListener("input", () => this.#onInput());
    const file = form.querySelector("input[type=file]");
    file.addEventListener("change", () => this.#attach(file));
  }

  clear() {
    this.#input.value = "";
    this.#unanswered = null;
  }

  focus() {
    this.#input.focus();
  }

  /** Says what is in the text field, or another content that was chosen. */
  async say(content) {
    const words = JSON.stringify(content);
    if (this.#unanswered?.words !== words) this.#unanswered = { words, id: uuidv7() };
    this.#form.setAttribute("aria-busy", "true");
    try {
      await this.#options.send(content, this.#unanswered.id);
      this.#unanswered = null;
      return true;
    } catch (error) {
      if (!UNKNOWN.has(error.code)) this.#unanswered = null;
      toast(error.code ?? error.name, error.message);
      return false;
    } finally {
      this.#form.removeAttribute("aria-busy");
    }
  }

  async #submit() {
    const text = this.#input.value.trim();
    if (text === "" || this.#form.getAttribute("aria-busy") === "true") return;
    const said = await this.say({ kind: "text", text });
    if (said && this.#input.value.trim() === text) this.#input.value = "";
  }

  #onInput() {
    if (this.#input.value === "" || Date.now() - this.#typedAt < TYPING_EVERY_MS) return;
    this.#typedAt = Date.now();
    this.#options.typing();
  }

  async #attach(field) {
    const file = field.files[0];
    field.value = "";
    if (!file) return;
    this.#form.setAttribute("aria-busy", "true");
    try {
      await this.say(await this.#options.upload(file));
    } catch (error) {
      toast(error.code ?? error.name, error.message);
    } finally {
      this.#form.removeAttribute("aria-busy");
    }
  }
}
