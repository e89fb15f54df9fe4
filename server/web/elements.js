// Elements and how they are kept in step with what is known. Owns no state but which row belongs to
// which key. Whatever comes from others is set as text, never as markup.

const TOAST_MS = 5_000;

export const byId = (id) => document.getElementById(id);

/** The rows of each list that is kept in step with an array. */
const lists = new WeakMap();

/** Keeps the children of `parent` in step with `things`; an element stays with its key. */
export function keyed(parent, things, keyOf, makeRow, update) {
  const before = lists.get(parent) ?? new Map();
  const rows = new Map();
  for (const thing of things) {
    const key = keyOf(thing);
    const row = before.get(key) ?? makeRow(thing);
    update(row, thing);
    rows.set(key, row);
  }
  for (const [key, row] of before) if (!rows.has(key)) row.element.remove();
  let place = parent.firstElementChild;
  for (const { element } of rows.values()) {
    if (element === place) place = element.nextElementSibling;
    else parent.insertBefore(element, place);
  }
  lists.set(parent, rows);
}

export function make(tag, className = "", text = "") {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text) element.textContent = text;
  return element;
}

/** A button that asks for `request` about what is in `of`. */
export function button(text, request, of, label = "", main = false) {
  const element = make("button", main ? "main" : "", text);
  element.type = "button";
  if (label) element.setAttribute("aria-label", label);
  Object.assign(element.dataset, of, { request });
  return element;
}

export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Replaces the buttons when what they stand for has changed. */
export function setActions(actions, key, buttons) {
  if (actions.dataset.key === key) return;
  actions.dataset.key = key;
  actions.replaceChildren(...buttons());
}

let toastOver;

/** A line where the reader looks, for a moment. */
export function toast(code, message) {
  const element = byId("toast");
  element.replaceChildren(make("code", "", code), ` ${message}`);
  element.hidden = false;
  clearTimeout(toastOver);
  toastOver = setTimeout(() => (element.hidden = true), TOAST_MS);
}

/** A date and time, or only the time if it is today. */
export function timeText(ms, now = Date.now()) {
  const [at, today] = [new Date(ms), new Date(now)];
  const time = at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  return at.toDateString() === today.toDateString() ? time : `${at.toLocaleDateString()} ${time}`;
}
