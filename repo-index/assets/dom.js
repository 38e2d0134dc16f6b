// Elements, texts and the clipboard: what both halves of the page are made with. Nothing here makes markup out of a text.
"use strict";

export const byId = (id) => document.getElementById(id);

/** Makes an element: attributes by name, `on…` as listeners, children as text or elements. */
export function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export const plural = (n, one) => `${n.toLocaleString()} ${one}${n === 1 ? "" : "s"}`;

/** A link when the address is one that people can follow safely, else text. */
export function link(url, text) {
  if (!/^(https?:\/\/|mailto:)/i.test(url)) return text || url;
  return make("a", { href: url, rel: "noopener noreferrer", target: "_blank" }, text || url);
}

export function tile(name) {
  let sum = 0;
  for (const c of name) sum = (sum * 31 + c.codePointAt(0)) % 9973;
  return make("span", { class: `tile hue${sum % 8}`, "aria-hidden": "true" }, [...name][0] || "?");
}

export function day(text) {
  const date = new Date(text);
  return Number.isNaN(date.getTime()) ? "" : date.toLocaleDateString(undefined, { year: "numeric", month: "short", day: "numeric" });
}

/** Text with the places marked where the words of the search are. */
export function marked(text, words) {
  const lower = text.toLowerCase(), out = [];
  let at = 0;
  // Lower case may be longer than the text for a few letters; then nothing is marked.
  while (words.length && lower.length === text.length) {
    let best = -1, length = 0;
    for (const word of words) {
      const found = lower.indexOf(word, at);
      if (found >= 0 && (best < 0 || found < best)) { best = found; length = word.length; }
    }
    if (best < 0) break;
    out.push(text.slice(at, best), make("mark", null, text.slice(best, best + length)));
    at = best + length;
  }
  out.push(text.slice(at));
  return out;
}

/** Tells people who listen to the page what just happened. */
export function say(text) {
  byId("said").textContent = text;
}

/** Fetches a JSON text of this server. */
export async function fetchJson(path) {
  const answer = await fetch(path, { headers: { Accept: "application/json" } });
  if (answer.ok) return answer.json();
  if (answer.status === 404) throw new Error("There is no such chart here.");
  if (answer.status === 503) throw new Error("The charts cannot be read just now. Try again in a moment.");
  throw new Error(`The server answered ${answer.status}.`);
}

async function copy(text, what, button) {
  let done = true;
  try { await navigator.clipboard.writeText(text); } catch {
    // Without TLS browsers lend no clipboard; the old way still works.
    const area = make("textarea", { "aria-hidden": "true" });
    area.value = text;
    document.body.append(area);
    area.select();
    done = document.execCommand("copy");
    area.remove();
    button.focus();
  }
  button.textContent = done ? "Copied" : "Failed";
  say(done ? `Copied ${what}` : `Could not copy ${what}`);
  setTimeout(() => { button.textContent = "Copy"; }, 1500);
}

export function copyButton(text, what) {
  return make("button", { class: "copy", type: "button", "aria-label": `Copy ${what}`, onclick: (event) => copy(text, what, event.currentTarget) }, "Copy");
}

/** YAML or JSON with comments and keys coloured; each line is text. */
export function code(text, what) {
  const lines = make("code");
  for (const line of text.replace(/\n$/, "").split("\n").slice(0, 5000)) {
    const comment = /^\s*#/.test(line), key = !comment && /^(\s*(?:- )?)("?[A-Za-z0-9_.\/$-]+"?)(:(?:\s.*)?)$/.exec(line);
    if (comment) lines.append(make("span", { class: "c" }, line), "\n");
    else if (key) lines.append(key[1], make("span", { class: "k" }, key[2]), key[3], "\n");
    else lines.append(line, "\n");
  }
  return make("div", { class: "code" }, make("pre", { tabindex: "0", role: "region", "aria-label": what }, lines), copyButton(text, what));
}

/** A table that scrolls by itself on narrow screens. */
export function table(heads, rows) {
  return make("div", { class: "scroll" }, make("table", null,
    make("thead", null, make("tr", null, heads.map((name) => make("th", { scope: "col" }, name)))),
    make("tbody", null, rows.map((cells) => make("tr", null, cells.map((cell) => make("td", null, ...[cell].flat())))))));
}
