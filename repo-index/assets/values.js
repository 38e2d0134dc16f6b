// The values of a chart as a tree that opens and closes: names, types, defaults and descriptions, as the server found them in
// values.yaml and values.schema.json. Branches are drawn when they are opened, so that a tree of thousands is quick.
"use strict";

import { code, make, marked, plural, say } from "./dom.js";

/** Trees up to this size are open from the start. */
const OPEN = 40;
/** Most results of a search. */
const MOST = 200;

const size = (nodes) => nodes.reduce((sum, node) => sum + 1 + size(node.children || []), 0);

function facts(node, words) {
  return [
    node.type && make("span", { class: "type" }, node.type),
    node.required && make("span", { class: "tag warn" }, "required"),
    node.default !== undefined && make("code", { class: "default" }, node.default),
    node.choices && make("span", { class: "choices" }, "one of ", node.choices.flatMap((choice, at) => [at ? ", " : null, make("code", null, choice)])),
    node.description && make("span", { class: "what" }, marked(node.description, words || [])),
  ];
}

function branch(node, open) {
  const name = make("code", { class: "key" }, node.key);
  if (!node.children) return make("li", { class: "leaf" }, name, facts(node));
  const inside = make("ul", { class: "tree" });
  const draw = () => { if (!inside.firstChild) inside.append(...node.children.map((child) => branch(child, open))); };
  if (open) draw();
  return make("li", null, make("details", { open, ontoggle: (event) => { if (event.target.open) draw(); } },
    make("summary", null, name, facts(node)), inside));
}

function* flat(nodes, before) {
  for (const node of nodes) {
    const path = before ? `${before}.${node.key}` : node.key;
    yield [path, node];
    if (node.children) yield* flat(node.children, path);
  }
}

function found(nodes, words) {
  const results = [];
  for (const [path, node] of flat(nodes, "")) {
    const text = `${path} ${node.description || ""}`.toLowerCase();
    if (words.every((word) => text.includes(word))) results.push([path, node]);
    if (results.length === MOST) break;
  }
  return results;
}

/** The tree, a search in it, and the file itself. */
export function values(entry) {
  const nodes = entry.tree || [], all = size(nodes);
  const body = make("div");
  let asFile = !nodes.length;
  const search = make("input", { type: "search", class: "small", placeholder: "Search values", "aria-label": "Search values by name or description",
    autocomplete: "off", spellcheck: "false", oninput: () => draw() });
  const toggle = make("button", { type: "button", class: "plain", onclick: () => { asFile = !asFile; draw(); } });
  const expand = (open) => make("button", { type: "button", class: "plain", onclick: () => {
    body.replaceChildren(make("ul", { class: "tree top" }, nodes.map((node) => branch(node, open))));
    say(open ? "All values are open" : "All values are closed");
  } }, open ? "Open all" : "Close all");
  const whole = [expand(true), expand(false)];
  function draw() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    toggle.textContent = asFile ? "Show as tree" : "Show the file";
    toggle.hidden = !nodes.length || !entry.values;
    search.hidden = asFile;
    for (const button of whole) button.hidden = asFile || words.length > 0;
    if (asFile) {
      body.replaceChildren(code(entry.values, "the values"));
    } else if (words.length) {
      const results = found(nodes, words);
      say(plural(results.length, "value"));
      body.replaceChildren(results.length
        ? make("ul", { class: "tree top" }, results.map(([path, node]) => make("li", { class: "leaf" }, make("code", { class: "key" }, marked(path, words)), facts(node, words))))
        : make("p", { class: "empty" }, `No value matches “${search.value.trim()}”.`));
    } else {
      body.replaceChildren(make("ul", { class: "tree top" }, nodes.map((node) => branch(node, all <= OPEN))));
    }
  }
  draw();
  return make("div", null, make("div", { class: "tools" }, search, make("span", { class: "buttons" }, whole, toggle)), body);
}
