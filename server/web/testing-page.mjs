// As much of a document as the drawing needs, for tests without a browser. It knows elements and
// their texts, and has no way to read markup.

class FakeElement {
  children = [];
  dataset = {};
  attributes = {};
  className = "";
  hidden = false;
  scrollTop = 0;
  scrollHeight = 0;
  clientHeight = 0;
  #text = "";

  constructor(tag) {
    this.tag = tag;
  }

  get textContent() {
    return this.#text;
  }

  set textContent(text) {
    this.children = [];
    this.#text = text;
  }

  get childElementCount() {
    return this.children.length;
  }

  get firstElementChild() {
    return this.children[0] ?? null;
  }

  get nextElementSibling() {
    const { children } = this.parent;
    return children[children.indexOf(this) + 1] ?? null;
  }

  append(...children) {
    for (const child of children) this.insertBefore(child, null);
  }

  insertBefore(child, place) {
    child.parent = this;
    const at = place ? this.children.indexOf(place) : this.children.length;
    this.children.splice(at, 0, child);
  }

  replaceChildren(...children) {
    this.children = [];
    this.append(...children);
  }

  setAttribute(name, value) {
    this.attributes[name] = value;
  }

  /** Every text in it, in the order in which it is read. */
  texts() {
    const own = this.#text === "" ? [] : [this.#text];
    return [...own, ...this.children.flatMap((child) => child.texts())];
  }
}

export class FakeDocument {
  tags = [];

  createElement(tag) {
    this.tags.push(tag);
    return new FakeElement(tag);
  }
}
