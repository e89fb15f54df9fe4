// Asks the reader something before the page goes on: a yes, a choice, a few fields. Owns the page's
// one dialog; what the answer is good for is its caller's business.

import { byId, make } from "./elements.js";

/** More stand in two columns where there is room. */
const FIELDS_OF_COLUMN = 7;

/**
 * What was filled in, by name; null when he would rather not. A field: `name`, `label`, `kind`
 * (text, area, number, datetime-local, select, check), `value`, and what its kind needs. `body` is
 * an element to read before.
 */
export function askFor({ title, text = "", body, yes = "OK", fields = [] }) {
  const dialog = byId("dialog");
  const form = make("form", fields.length > FIELDS_OF_COLUMN ? "many" : "");
  const inputs = fields.map((field) => [field, makeField(field)]);
  const rows = inputs.map(([field, input]) => labelled(field, input));
  const no = make("button", "", "Cancel");
  no.type = "button";
  const done = make("button", "main", yes);
  done.type = "submit";
  const row = make("div", "row end");
  row.append(no, done);
  const said = [...(text ? [make("p", "", text)] : []), ...(body ? [body] : [])];
  form.append(make("h2", "", title), ...said, ...rows, row);
  dialog.replaceChildren(form);
  return new Promise((resolve) => {
    const end = (answer) => {
      dialog.onclose = null;
      dialog.close();
      resolve(answer);
    };
    dialog.onclose = () => end(null);
    no.addEventListener("click", () => end(null));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      end(Object.fromEntries(inputs.map(([field, input]) => [field.name, valueOf(field, input)])));
    });
    dialog.showModal();
    (inputs[0]?.[1] ?? done).focus();
  });
}

function makeField({ kind, value, options = [], max, min, required = true }) {
  const tag = kind === "area" ? "textarea" : kind === "select" ? "select" : "input";
  const input = make(tag);
  if (tag === "input") input.type = kind === "check" ? "checkbox" : kind;
  if (kind === "check") {
    input.checked = value === true;
    return input;
  }
  for (const [option, text] of options) {
    const choice = make("option", "", text);
    choice.value = option;
    input.append(choice);
  }
  if (kind === "area") input.rows = 4;
  if (max !== undefined) input[kind === "number" ? "max" : "maxLength"] = max;
  if (min !== undefined) input.min = min;
  if (kind === "number") input.step = "any";
  input.required = required;
  if (value !== undefined) input.value = value;
  return input;
}

function labelled({ label, kind }, input) {
  const element = make("label", kind === "check" ? "field check" : "field");
  const text = make("span", "", label);
  element.append(...(kind === "check" ? [input, text] : [text, input]));
  return element;
}

function valueOf({ kind }, input) {
  if (kind === "check") return input.checked;
  if (kind === "number") return Number(input.value);
  return kind === "select" ? input.value : input.value.trim();
}
