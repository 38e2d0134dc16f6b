// The page of a chart repository. Reads /-/charts.json and /api/charts/…, keeps its state in the part of the address
// behind `#` (#/NAME/VERSION/TAB), and never builds markup out of what a chart says, but for the README, which the
// server renders and makes safe.
"use strict";

const byId = (id) => document.getElementById(id);
const list = byId("list"), detail = byId("detail"), query = byId("query"), count = byId("count");
const layout = document.querySelector(".layout");
const wide = matchMedia("(min-width: 56rem)");
let charts = [], repository = { name: "local", url: location.origin }, shown = "", client = "bowline";
try { client = localStorage.getItem("client") || client; } catch { /* storage may be switched off */ }

/** Makes an element: attributes by name, `on…` as listeners, children as text or elements. */
function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const hash = (...parts) => "#/" + parts.filter(Boolean).map(encodeURIComponent).join("/");
const plural = (n, one) => `${n.toLocaleString()} ${one}${n === 1 ? "" : "s"}`;
const safeLink = (url) => /^(https?|mailto):/i.test(url);

function link(url, text) {
  return safeLink(url) ? make("a", { href: url, rel: "noopener noreferrer", target: "_blank" }, text || url) : text || url;
}

function tile(name) {
  let sum = 0;
  for (const c of name) sum = (sum * 31 + c.codePointAt(0)) % 9973;
  return make("span", { class: `tile hue${sum % 8}`, "aria-hidden": "true" }, [...name][0] || "?");
}

function day(text) {
  const date = new Date(text);
  return Number.isNaN(date.getTime()) ? "" : date.toLocaleDateString(undefined, { year: "numeric", month: "short", day: "numeric" });
}

/** Text with the places marked where the words of the search are. */
function marked(text, words) {
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

/** The charts that have every word, best first: in the name, in the keywords, in the description. */
function matches(words) {
  if (!words.length) return charts;
  const scored = [];
  for (const chart of charts) {
    const fields = [chart.name.toLowerCase(), (chart.keywords || []).join(" ").toLowerCase(), (chart.description || "").toLowerCase()];
    let score = 0;
    for (const word of words) {
      const field = fields.findIndex((text) => text.includes(word));
      if (field < 0) { score = -1; break; }
      score += field * 2 + (field === 0 && !fields[0].startsWith(word) ? 1 : 0);
    }
    if (score >= 0) scored.push([score, chart]);
  }
  return scored.sort((a, b) => a[0] - b[0] || a[1].name.localeCompare(b[1].name)).map((pair) => pair[1]);
}

function drawList() {
  const words = query.value.toLowerCase().split(/\s+/).filter(Boolean);
  const found = matches(words), current = route().name;
  count.textContent = words.length ? `${plural(found.length, "chart")} of ${charts.length.toLocaleString()}` : plural(charts.length, "chart");
  list.replaceChildren(...found.slice(0, 500).map((chart) => make("li", null, make("a",
    { class: "item", href: hash(chart.name), "aria-current": chart.name === current ? "true" : undefined },
    tile(chart.name),
    make("span", { class: "name" }, marked(chart.name, words), make("span", { class: "version" }, chart.version),
      chart.deprecated && make("span", { class: "tag warn" }, "deprecated")),
    make("span", { class: "about" }, marked(chart.description || (chart.library ? "Library chart" : "No description"), words))))));
  if (!charts.length) {
    list.replaceChildren(make("li", { class: "empty" }, "There are no charts here yet. Put archives made with ",
      make("code", null, "bowline package"), " into the folder that is served; they show up by themselves."));
  } else if (!found.length) {
    list.replaceChildren(make("li", { class: "empty" }, `No chart matches “${query.value.trim()}”.`));
  } else if (found.length > 500) {
    list.append(make("li", { class: "empty" }, "The first 500 are shown. Type more to narrow the list."));
  }
}

function route() {
  const parts = location.hash.replace(/^#\/?/, "").split("/").map((part) => {
    try { return decodeURIComponent(part); } catch { return part; }
  });
  return { name: parts[0] || "", version: parts[1] || "", tab: parts[2] || "" };
}

async function fetchJson(path) {
  const answer = await fetch(path, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(answer.status === 404 ? "There is no such chart here." : `The server answered ${answer.status}.`);
  return answer.json();
}

async function copy(text, button) {
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
  setTimeout(() => { button.textContent = "Copy"; }, 1500);
}

function copyButton(text, what) {
  return make("button", { class: "copy", type: "button", "aria-label": `Copy ${what}`, onclick: (event) => copy(text, event.currentTarget) }, "Copy");
}

function command(what, text) {
  return make("div", { class: "command" }, make("p", null, what),
    make("div", { class: "line" }, make("code", { tabindex: "0" },
      text.split(" ").flatMap((word, at) => [at ? " " : null, make("span", { class: "word" }, word)])), copyButton(text, `the command: ${what}`)));
}

/** A word for the shell: quoted when it holds anything that a shell might read in its own way. */
const quoted = (word) => (/^[A-Za-z0-9_.,:=@%+/-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

function commands(entry) {
  const url = repository.url || location.origin, name = repository.name;
  const release = entry.name.toLowerCase().replace(/[^a-z0-9-]+/g, "-").slice(0, 53).replace(/^-+|-+$/g, "") || "my-release";
  const reference = quoted(`${name}/${entry.name}`), version = quoted(entry.version);
  const box = make("section", { class: "card", "aria-labelledby": "install" });
  // Helm knows no other template language than its own.
  const both = !entry.engine || entry.engine === "gotpl";
  const draw = () => {
    const by = both ? client : "bowline";
    const pick = (value) => make("button", { type: "button", "aria-pressed": String(client === value), onclick: () => {
      client = value;
      try { localStorage.setItem("client", value); } catch { /* storage may be switched off */ }
      draw();
      box.querySelector(`button[aria-pressed="true"]`).focus();
    } }, value);
    box.replaceChildren(
      make("div", { class: "tools" }, make("h2", { id: "install" }, entry.type === "library" ? "Use" : "Install"),
        both ? make("div", { class: "switch", role: "group", "aria-label": "Client" }, pick("bowline"), pick("helm")) : null),
      command("Add this repository, once", `${by} repo add ${quoted(name)} ${quoted(url)}`),
      entry.type === "library"
        ? command("Fetch the archive", `${by} pull ${reference} --version ${version}`)
        : command("Install the chart", `${by} install ${quoted(release)} ${reference} --version ${version}`),
      command("See its values", `${by} show values ${reference} --version ${version}`));
  };
  draw();
  return box;
}

function facts(entry, versions) {
  const fact = (name, ...value) => make("div", null, make("dt", null, name), make("dd", null, ...value));
  const long = (name, ...value) => make("div", { class: "long" }, make("dt", null, name), make("dd", null, ...value));
  const choose = make("select", { "aria-label": "Version", onchange: (event) => { location.hash = hash(entry.name, event.target.value, route().tab); } },
    versions.map((other) => make("option", { value: other.version, selected: other.version === entry.version }, other.version)));
  const people = (entry.maintainers || []).flatMap((person, at) => [at ? ", " : null,
    person.url ? link(person.url, person.name || person.url) : person.email ? link(`mailto:${person.email}`, person.name || person.email) : person.name]);
  const sources = [entry.home, ...(entry.sources || [])].filter((url, at, all) => url && all.indexOf(url) === at);
  return make("dl", { class: "facts" },
    fact(versions.length > 1 ? `Version (${versions.length})` : "Version", versions.length > 1 ? choose : entry.version),
    entry.appVersion && fact("App version", entry.appVersion),
    entry.created && day(entry.created) && fact("Created", make("time", { datetime: entry.created }, day(entry.created))),
    entry.kubeVersion && fact("Kubernetes", entry.kubeVersion),
    people.length > 0 && fact("Maintainers", people),
    sources.length > 0 && long("Links", sources.flatMap((url, at) => [at ? make("br") : null, link(url, url.replace(/^https?:\/\//, ""))])),
    entry.archive && long("Archive", make("a", { href: "/" + entry.archive.split("/").map(encodeURIComponent).join("/"), download: true }, entry.archive)));
}

/** YAML or JSON with comments and keys coloured; each line is text. */
function code(text, what) {
  const lines = make("code");
  for (const line of text.replace(/\n$/, "").split("\n").slice(0, 5000)) {
    const comment = /^\s*#/.test(line), key = !comment && /^(\s*(?:- )?)("?[A-Za-z0-9_.\/-]+"?)(:(?:\s.*)?)$/.exec(line);
    if (comment) lines.append(make("span", { class: "c" }, line), "\n");
    else if (key) lines.append(key[1], make("span", { class: "k" }, key[2]), key[3], "\n");
    else lines.append(line, "\n");
  }
  return make("div", { class: "code" }, make("pre", { tabindex: "0", "aria-label": what }, lines), copyButton(text, what));
}

function dependencies(entry) {
  return make("div", { class: "scroll" }, make("table", null,
    make("thead", null, make("tr", null, ["Name", "Version", "Repository"].map((name) => make("th", { scope: "col" }, name)))),
    make("tbody", null, entry.dependencies.map((one) => make("tr", null,
      make("td", null, charts.some((chart) => chart.name === one.name) ? make("a", { href: hash(one.name) }, one.name) : one.name,
        one.alias && ` as ${one.alias}`),
      make("td", null, one.version || "any"),
      make("td", null, one.repository ? link(one.repository) : "in the chart"))))));
}

function versionsTable(entry, versions) {
  return make("div", { class: "scroll" }, make("table", null,
    make("thead", null, make("tr", null, ["Version", "App version", "Created"].map((name) => make("th", { scope: "col" }, name)))),
    make("tbody", null, versions.map((one) => make("tr", null,
      make("td", null, make("a", { href: hash(entry.name, one.version), "aria-current": one.version === entry.version ? "true" : undefined }, one.version), " ",
        one.version.includes("-") && make("span", { class: "tag" }, "prerelease")),
      make("td", null, one.appVersion || ""),
      make("td", null, day(one.created)))))));
}

function tabs(entry, versions) {
  const readme = () => {
    const prose = make("div", { class: "prose" });
    prose.innerHTML = entry.readmeHtml; // Rendered by the server with all markup of the author escaped.
    for (const anchor of prose.querySelectorAll("a")) { anchor.rel = "noopener noreferrer"; anchor.target = "_blank"; }
    return prose;
  };
  const all = [
    ["readme", "Readme", entry.readmeHtml, readme],
    ["values", "Values", entry.values, () => code(entry.values, "the values")],
    ["schema", "Schema", entry.schema, () => code(entry.schema, "the schema")],
    ["dependencies", "Dependencies", (entry.dependencies || []).length, () => dependencies(entry)],
    ["versions", "Versions", true, () => versionsTable(entry, versions)],
  ].filter((tab) => tab[2]);
  let current = all.find((tab) => tab[0] === route().tab) || all[0];
  const panel = make("div", { role: "tabpanel", id: "panel", tabindex: "-1" });
  const buttons = all.map((tab) => make("button", { type: "button", role: "tab", id: `tab-${tab[0]}`, "aria-controls": "panel", onclick: () => {
    history.replaceState(null, "", hash(entry.name, entry.version, tab[0]));
    select(tab);
  } }, tab[1]));
  function select(tab) {
    current = tab;
    buttons.forEach((button, at) => {
      const on = all[at] === tab;
      button.setAttribute("aria-selected", String(on));
      button.tabIndex = on ? 0 : -1;
    });
    panel.setAttribute("aria-labelledby", `tab-${tab[0]}`);
    panel.replaceChildren(tab[3]());
  }
  const row = make("div", { class: "tabs", role: "tablist", "aria-label": "About the chart", onkeydown: (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const at = (all.indexOf(current) + step + all.length) % all.length;
    buttons[at].click();
    buttons[at].focus();
  } }, buttons);
  select(current);
  return make("section", { class: "card" }, row, panel);
}

async function drawDetail() {
  const { name, version } = route();
  layout.classList.toggle("open", Boolean(name));
  document.title = name ? `${name} – ${repository.name} charts` : `${repository.name} charts`;
  drawCurrent(name);
  if (!name) {
    shown = "";
    if (wide.matches && charts.length) location.replace(hash(charts[0].name));
    else detail.replaceChildren();
    return;
  }
  const key = `${name}/${version}`;
  if (shown === key) return;
  shown = key;
  try {
    const versions = await fetchJson(`/api/charts/${encodeURIComponent(name)}`);
    const wanted = version || (versions.find((one) => !one.version.includes("-")) || versions[0] || {}).version;
    if (!wanted) throw new Error("This chart has no version that can be used.");
    const entry = await fetchJson(`/api/charts/${encodeURIComponent(name)}/${encodeURIComponent(wanted)}`);
    if (shown !== key) return;
    const keywords = entry.keywords || [];
    detail.replaceChildren(
      make("a", { class: "back", href: "#/" }, "← All charts"),
      make("section", { class: "card" },
        make("div", { class: "head" }, tile(entry.name), make("div", null, make("h1", null, entry.name),
          make("p", null, entry.description || "No description"))),
        entry.deprecated && make("p", { class: "notice" }, "This chart is deprecated."),
        facts(entry, versions),
        keywords.length > 0 && make("ul", { class: "tags", "aria-label": "Keywords" }, keywords.map((word) => make("li", { class: "tag" }, word)))),
      commands(entry), tabs(entry, versions));
    if (!wide.matches) scrollTo(0, 0);
  } catch (error) {
    if (shown !== key) return;
    shown = "";
    detail.replaceChildren(make("a", { class: "back", href: "#/" }, "← All charts"),
      make("div", { class: "card empty", role: "alert" }, error.message));
  }
}

function drawCurrent(name) {
  for (const item of list.querySelectorAll(".item")) {
    if (item.hash === hash(name)) item.setAttribute("aria-current", "true");
    else item.removeAttribute("aria-current");
  }
}

/** Moves the focus along the list. */
function step(by) {
  const items = [...list.querySelectorAll(".item")];
  if (!items.length) return;
  const at = items.indexOf(document.activeElement);
  if (at + by < 0) query.focus();
  else items[Math.min(at + by, items.length - 1)].focus();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName);
  if (event.key === "/" && !typing) { event.preventDefault(); query.focus(); query.select(); }
  else if (event.key === "Escape") {
    if (document.activeElement === query && query.value) { query.value = ""; drawList(); }
    else if (!wide.matches && route().name) location.hash = "#/";
    else document.activeElement.blur();
  } else if (event.key === "Enter" && document.activeElement === query) {
    const first = list.querySelector(".item");
    if (first) { location.hash = first.hash; detail.focus(); }
  } else if ((event.key === "ArrowDown" || event.key === "ArrowUp")
    && (document.activeElement === query || list.contains(document.activeElement))) {
    event.preventDefault();
    step(event.key === "ArrowDown" ? 1 : -1);
  }
});
query.addEventListener("input", drawList);
addEventListener("hashchange", drawDetail);
wide.addEventListener("change", drawDetail);

(async () => {
  try {
    const data = await fetchJson("/-/charts.json");
    charts = data.charts;
    repository = { name: data.name, url: data.url || location.origin };
    byId("title").textContent = `${data.name} charts`;
    drawList();
    await drawDetail();
  } catch (error) {
    count.textContent = "";
    list.replaceChildren(make("li", { class: "card empty", role: "alert" }, `The list of charts could not be read. ${error.message}`));
  }
})();
