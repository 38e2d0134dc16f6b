// The page of a server of charts: the list, the search, and which chart is open. It reads -/tenants.json, -/charts.json and
// api/…, and keeps its state in the part of the address behind `#`: #/NAME/VERSION/TAB, with tenants #/TENANT/NAME/…. All it asks
// for is relative to its own address, so that it works below any path.
"use strict";

import { byId, fetchJson, make, marked, plural, say, tile } from "./dom.js";
import { chart, jump } from "./chart.js";

/** Charts that are drawn at once; more on request. */
const DRAWN = 100;
/** Up to so many tenants are shown together. */
const TOGETHER = 50;

const list = byId("list"), detail = byId("detail"), query = byId("query"), count = byId("count"), chooser = byId("tenant");
const layout = document.querySelector(".layout");
const wide = matchMedia("(min-width: 56rem)");
let charts = [], server = { name: "local", url: "", depth: 0, tenants: [""] }, chosen = "", shown = "", drawn = DRAWN, entering = false;

const parts = (...all) => all.filter(Boolean).map(encodeURIComponent).join("/");
const path = (tenant, ...rest) => parts(...(tenant ? tenant.split("/") : []), ...rest);
const api = (tenant, ...rest) => "api/" + path(tenant, "charts", ...rest);
const hash = (tenant, ...rest) => "#/" + parts(server.depth ? tenant : "", ...rest);

function route() {
  const all = location.hash.replace(/^#\/?/, "").split("/").map((part) => {
    try { return decodeURIComponent(part); } catch { return part; }
  });
  const tenant = server.depth ? all.shift() || "" : "";
  return { tenant, name: all[0] || "", version: all[1] || "", tab: all[2] || "", section: all[3] || "" };
}

/** What is searched in a chart, in the order of its weight; made once, since every key that is typed asks for it. */
function prepare(data, tenant) {
  return data.charts.map((one) => ({ ...one, tenant, fields: [one.name, (one.keywords || []).join(" "), tenant, one.description || ""].map((text) => text.toLowerCase()) }));
}

/** The charts that have every word, best first: in the name, the keywords, the tenant, the description. */
function matches(words) {
  const here = chosen ? charts.filter((one) => one.tenant === chosen) : charts;
  if (!words.length) return here;
  const scored = [];
  for (const one of here) {
    let score = 0;
    for (const word of words) {
      const field = one.fields.findIndex((text) => text.includes(word));
      if (field < 0) { score = -1; break; }
      score += field * 2 + (field === 0 && !one.fields[0].startsWith(word) ? 1 : 0);
    }
    if (score >= 0) scored.push([score, one]);
  }
  return scored.sort((a, b) => a[0] - b[0] || (a[1].name < b[1].name ? -1 : 1)).map((pair) => pair[1]);
}

function item(one, words, current) {
  return make("li", null, make("a",
    { class: "item", href: hash(one.tenant, one.name), "aria-current": one.name === current.name && one.tenant === current.tenant ? "true" : undefined },
    tile(one.name),
    make("span", { class: "name" }, marked(one.name, words), make("span", { class: "version" }, one.version),
      one.tenant && !chosen && make("span", { class: "tag" }, marked(one.tenant, words)),
      one.deprecated && make("span", { class: "tag warn" }, "deprecated")),
    make("span", { class: "about" }, marked(one.description || (one.library ? "Library chart" : "No description"), words))));
}

function drawList() {
  const words = query.value.toLowerCase().split(/\s+/).filter(Boolean);
  const found = matches(words), current = route();
  count.textContent = words.length ? `${plural(found.length, "chart")} of ${charts.length.toLocaleString()}` : plural(found.length, "chart");
  list.replaceChildren(...found.slice(0, drawn).map((one) => item(one, words, current)));
  if (!found.length && !words.length) {
    list.replaceChildren(make("li", { class: "empty" }, "There are no charts here yet. What is made with ",
      make("code", null, "bowline package"), " and put or pushed here shows up by itself."));
  } else if (!found.length) {
    list.replaceChildren(make("li", { class: "empty" }, `No chart matches “${query.value.trim()}”.`));
  } else if (found.length > drawn) {
    list.append(make("li", null, make("button", { type: "button", class: "plain more", onclick: () => {
      const at = drawn;
      drawn += DRAWN;
      drawList();
      list.querySelectorAll(".item")[at]?.focus();
    } }, `Show more of ${found.length.toLocaleString()}`)));
  }
}

function drawCurrent({ tenant, name }) {
  for (const one of list.querySelectorAll(".item")) {
    if (one.hash === hash(tenant, name)) one.setAttribute("aria-current", "true");
    else one.removeAttribute("aria-current");
  }
}

/** Where a chart of a tenant is, for the part of the page that shows it. */
function placeOf(tenant) {
  const base = new URL(server.url || ".", location.href).href.replace(/\/$/, "");
  return {
    tenant,
    base,
    name: tenant ? tenant.replaceAll("/", "-") : server.name,
    url: tenant ? `${base}/${path(tenant)}` : base,
    hash: (...rest) => hash(tenant, ...rest),
    path: (...rest) => path(tenant, ...rest),
    tab: () => route().tab,
    has: (name) => charts.some((one) => one.name === name && one.tenant === tenant),
  };
}

async function drawDetail() {
  const { tenant, name, version } = route();
  layout.classList.toggle("open", Boolean(name));
  document.title = name ? `${name} – ${server.name} charts` : `${server.name} charts`;
  drawCurrent({ tenant, name });
  // What had the focus is hidden on a narrow screen, and left behind by who came with the Enter key.
  if (name && (entering || !wide.matches)) detail.focus({ preventScroll: true });
  entering = false;
  if (!name) {
    shown = "";
    const first = matches([])[0];
    if (wide.matches && first) location.replace(hash(first.tenant, first.name));
    else detail.replaceChildren();
    return;
  }
  const key = `${tenant}/${name}/${version}`;
  if (shown === key) return;
  shown = key;
  const back = make("a", { class: "back", href: "#/" }, "← All charts");
  try {
    const versions = await fetchJson(api(tenant, name));
    const wanted = version || (versions.find((one) => !one.version.includes("-")) || versions[0] || {}).version;
    if (!wanted) throw new Error("This chart has no version that can be used.");
    const entry = await fetchJson(api(tenant, name, wanted));
    if (shown !== key) return;
    detail.replaceChildren(back, ...chart(entry, versions, placeOf(tenant)));
    say(`${entry.name} ${entry.version}`);
    if (!wide.matches) scrollTo(0, 0);
    jump(route().section);
  } catch (error) {
    if (shown !== key) return;
    shown = "";
    detail.replaceChildren(back, make("div", { class: "card empty", role: "alert" }, error.message));
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
  const active = document.activeElement, typing = /^(INPUT|TEXTAREA|SELECT)$/.test(active.tagName);
  if (event.key === "/" && !typing) { event.preventDefault(); query.focus(); query.select(); }
  else if (event.key === "Escape") {
    if (active === query && query.value) { query.value = ""; drawList(); }
    else if (!wide.matches && route().name) location.hash = "#/";
    else active.blur();
  } else if (event.key === "Enter" && active === query) {
    const first = list.querySelector(".item");
    if (first && first.hash === location.hash) detail.focus();
    else if (first) { entering = true; location.hash = first.hash; }
  } else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && (active === query || list.contains(active))) {
    event.preventDefault();
    step(event.key === "ArrowDown" ? 1 : -1);
  }
});
query.addEventListener("input", () => { drawn = DRAWN; drawList(); });
addEventListener("hashchange", drawDetail);
wide.addEventListener("change", drawDetail);

async function load(tenant) {
  const data = await fetchJson(path(tenant, "-", "charts.json"));
  server.url = data.url;
  return prepare(data, tenant);
}

/** Reads the charts of what is chosen; those of all tenants a few at a time. */
async function choose(tenant) {
  chosen = tenant;
  drawn = DRAWN;
  byId("index").href = path(tenant, "index.yaml");
  byId("index").hidden = server.depth > 0 && !tenant;
  const waiting = server.depth && tenant ? [tenant] : [...server.tenants];
  charts = [];
  while (waiting.length) {
    const some = await Promise.all(waiting.splice(0, 6).map(load));
    charts = charts.concat(...some);
  }
  if (!tenant && server.depth) charts.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.tenant < b.tenant ? -1 : 1));
  drawList();
  await drawDetail();
}

function offerTenants() {
  const together = server.tenants.length <= TOGETHER, asked = route().tenant;
  const first = server.tenants.includes(asked) && !together ? asked : together ? "" : server.tenants[0] || "";
  chooser.append(...(together ? [make("option", { value: "" }, "All")] : []), ...server.tenants.map((name) => make("option", { value: name }, name)));
  chooser.value = first;
  chooser.addEventListener("change", () => {
    location.hash = "#/";
    choose(chooser.value).catch(failed);
  });
  byId("tenants").hidden = false;
  query.setAttribute("aria-label", "Search charts by name, description, keyword or repository");
  return first;
}

function failed(error) {
  count.textContent = "";
  list.replaceChildren(make("li", { class: "card empty", role: "alert" }, `The list of charts could not be read. ${error.message}`));
}

(async () => {
  try {
    server = { url: "", ...await fetchJson("-/tenants.json") };
    byId("title").textContent = `${server.name} charts`;
    await choose(server.depth ? offerTenants() : "");
  } catch (error) {
    failed(error);
  }
})();
