// One chart: what it is, how to install it, its README, values, schema, dependencies and versions.
"use strict";

import { byId, code, copyButton, day, link, make, table, tile } from "./dom.js";
import { values } from "./values.js";

let client = "bowline";
try { client = localStorage.getItem("client") || client; } catch { /* storage may be switched off */ }

function command(what, text) {
  return make("div", { class: "command" }, make("p", null, what),
    make("div", { class: "line" }, make("code", { tabindex: "0" },
      text.split(" ").flatMap((word, at) => [at ? " " : null, make("span", { class: "word" }, word)])), copyButton(text, `the command: ${what}`)));
}

/** A word for the shell: quoted when it holds anything that a shell might read in its own way. */
const quoted = (word) => (/^[A-Za-z0-9_.,:=@%+/-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

/** The address for registries, as options of a command: that of the server itself, if it is at the root, where they ask. */
function registry(place, entry) {
  const base = new URL(place.base);
  const plain = base.protocol === "http:" ? " --plain-http" : "";
  return quoted(`oci://${base.host}/charts/${place.tenant ? `${place.tenant}/` : ""}${entry.name}`) + ` --version ${quoted(entry.version)}${plain}`;
}

function commands(entry, place) {
  const release = entry.name.toLowerCase().replace(/[^a-z0-9-]+/g, "-").slice(0, 53).replace(/^-+|-+$/g, "") || "my-release";
  const reference = quoted(`${place.name}/${entry.name}`), version = quoted(entry.version);
  const library = entry.type === "library";
  const box = make("section", { class: "card", "aria-labelledby": "install" });
  // Helm knows no other template language than its own.
  const both = !entry.engine || entry.engine === "gotpl";
  const draw = () => {
    const by = both ? client : "bowline";
    const verb = library ? "pull" : `install ${quoted(release)}`;
    const pick = (value) => make("button", { type: "button", "aria-pressed": String(client === value), onclick: () => {
      client = value;
      try { localStorage.setItem("client", value); } catch { /* storage may be switched off */ }
      draw();
      box.querySelector(`button[aria-pressed="true"]`).focus();
    } }, value);
    box.replaceChildren(
      make("div", { class: "tools" }, make("h2", { id: "install" }, library ? "Use" : "Install"),
        both ? make("div", { class: "switch", role: "group", "aria-label": "Client" }, pick("bowline"), pick("helm")) : null),
      command("Add this repository, once", `${by} repo add ${quoted(place.name)} ${quoted(place.url)}`),
      command(library ? "Fetch the archive" : "Install the chart", `${by} ${verb} ${reference} --version ${version}`),
      command("See its values", `${by} show values ${reference} --version ${version}`),
      new URL(place.base).pathname === "/" ? command("Or straight from the registry", `${by} ${verb} ${registry(place, entry)}`) : "");
  };
  draw();
  return box;
}

function facts(entry, versions, place) {
  const fact = (name, ...value) => make("div", null, make("dt", null, name), make("dd", null, ...value));
  const long = (name, ...value) => make("div", { class: "long" }, make("dt", null, name), make("dd", null, ...value));
  const choose = make("select", { "aria-label": "Version", onchange: (event) => { location.hash = place.hash(entry.name, event.target.value, place.tab()); } },
    versions.map((other) => make("option", { value: other.version, selected: other.version === entry.version }, other.version)));
  const people = (entry.maintainers || []).flatMap((person, at) => [at ? ", " : null,
    person.url ? link(person.url, person.name || person.url) : person.email ? link(`mailto:${person.email}`, person.name || person.email) : person.name]);
  const sources = [entry.home, ...(entry.sources || [])].filter((url, at, all) => url && all.indexOf(url) === at);
  const file = entry.archive && place.path(...entry.archive.split("/"));
  return make("dl", { class: "facts" },
    fact(versions.length > 1 ? `Version (${versions.length})` : "Version", versions.length > 1 ? choose : entry.version),
    place.tenant && fact("Repository", place.tenant),
    entry.appVersion && fact("App version", entry.appVersion),
    entry.created && day(entry.created) && fact("Created", make("time", { datetime: entry.created }, day(entry.created))),
    entry.kubeVersion && fact("Kubernetes", entry.kubeVersion),
    entry.engine && fact("Templates", entry.engine),
    people.length > 0 && fact("Maintainers", people),
    sources.length > 0 && long("Links", sources.flatMap((url, at) => [at ? make("br") : null, link(url, url.replace(/^https?:\/\//, ""))])),
    file && long("Download", make("a", { href: file, download: true }, entry.archive),
      entry.provenance && [make("br"), make("a", { href: `${file}.prov`, download: true }, "Provenance file")],
      !entry.provenance && [make("br"), make("span", { class: "soft" }, "Not signed")],
      entry.digest && [make("br"), make("code", { class: "digest soft" }, `sha256:${entry.digest}`)]));
}

function dependencies(entry, place) {
  return table(["Name", "Version", "Repository"], entry.dependencies.map((one) => [
    [place.has(one.name) ? make("a", { href: place.hash(one.name) }, one.name) : one.name, one.alias && ` as ${one.alias}`,
      one.condition && make("span", { class: "soft" }, ` if ${one.condition}`)],
    one.version || "any",
    one.repository ? link(one.repository) : "in the chart"]));
}

function versionsTable(entry, versions, place) {
  return table(["Version", "App version", "Created"], versions.map((one) => [
    [make("a", { href: place.hash(entry.name, one.version), "aria-current": one.version === entry.version ? "true" : undefined }, one.version), " ",
      one.version.includes("-") && make("span", { class: "tag" }, "prerelease"),
      one.deprecated && make("span", { class: "tag warn" }, "deprecated")],
    one.appVersion || "", day(one.created)]));
}

/** Shows a part of the README, by the name of its heading. */
export function jump(section) {
  const heading = section && byId(`readme-${section}`);
  if (!heading) return;
  heading.tabIndex = -1;
  heading.scrollIntoView();
  heading.focus({ preventScroll: true });
}

function readme(entry, place) {
  const prose = make("div", { class: "prose" });
  prose.innerHTML = entry.readmeHtml; // Rendered by the server without any markup of the author.
  for (const anchor of prose.querySelectorAll("a")) {
    if (anchor.getAttribute("href").startsWith("#readme-")) {
      const section = decodeURIComponent(anchor.hash.slice("#readme-".length));
      // What is behind `#` belongs to the page; the part of the text comes after the tab.
      anchor.href = place.hash(entry.name, entry.version, "readme", section);
      anchor.addEventListener("click", (event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey) return;
        event.preventDefault();
        history.replaceState(null, "", anchor.href);
        jump(section);
      });
    } else {
      anchor.rel = "noopener noreferrer";
      anchor.target = "_blank";
    }
  }
  for (const wide of prose.querySelectorAll("pre, table")) wide.tabIndex = 0;
  return prose;
}

function tabs(entry, versions, place) {
  const all = [
    ["readme", "Readme", entry.readmeHtml, () => readme(entry, place)],
    ["values", "Values", entry.values || entry.tree, () => values(entry)],
    ["schema", "Schema", entry.schema, () => code(entry.schema, "the schema")],
    ["dependencies", "Dependencies", (entry.dependencies || []).length, () => dependencies(entry, place)],
    ["versions", "Versions", true, () => versionsTable(entry, versions, place)],
  ].filter((tab) => tab[2]);
  let current = all.find((tab) => tab[0] === place.tab()) || all[0];
  const panel = make("div", { role: "tabpanel", id: "panel", tabindex: "0" });
  const buttons = all.map((tab) => make("button", { type: "button", role: "tab", id: `tab-${tab[0]}`, "aria-controls": "panel", onclick: () => {
    history.replaceState(null, "", place.hash(entry.name, entry.version, tab[0]));
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
  const to = (at) => { buttons[at].click(); buttons[at].focus(); };
  const row = make("div", { class: "tabs", role: "tablist", "aria-label": "About the chart", onkeydown: (event) => {
    const last = all.length - 1, at = all.indexOf(current);
    const next = { ArrowRight: at === last ? 0 : at + 1, ArrowLeft: at === 0 ? last : at - 1, Home: 0, End: last }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    to(next);
  } }, buttons);
  select(current);
  return make("section", { class: "card" }, row, panel);
}

/**
 * The parts of the page about one version of a chart. `place` says where it is: `name` and `url` of the repository, `base`, the
 * URL of the server, `tenant`,
 * `hash` and `path` for addresses, `tab` for what is to be open, `has` for whether a chart is there.
 */
export function chart(entry, versions, place) {
  const keywords = entry.keywords || [];
  return [
    make("section", { class: "card" },
      make("div", { class: "head" }, tile(entry.name), make("div", null, make("h1", { tabindex: "-1" }, entry.name),
        make("p", null, entry.description || "No description"))),
      entry.deprecated && make("p", { class: "notice" }, "This chart is deprecated."),
      facts(entry, versions, place),
      keywords.length > 0 && make("ul", { class: "tags", "aria-label": "Keywords" }, keywords.map((word) => make("li", { class: "tag" }, word)))),
    commands(entry, place), tabs(entry, versions, place)];
}
