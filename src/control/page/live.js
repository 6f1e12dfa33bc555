// Keeps the page up to date. Without it the page shows one moment, and its buttons work all the same.

const main = document.querySelector("main");
const mirrors = document.getElementById("mirrors");
const message = document.getElementById("message");
const connection = document.getElementById("connection");
const filter = document.getElementById("filter");

// The server's clock says what "3 h ago" is, however wrong the one here is.
const clockAhead = Date.now() - Number(main.dataset.now);
const REFRESH_MILLIS = 15_000;

// Puts the new version of a node in the place of an old one, and keeps what is the same: so do the keyboard's focus,
// a selection and what is folded open stay.
function update(old, now) {
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== now.data) old.data = now.data;
    return;
  }
  for (const { name } of [...old.attributes]) {
    if (name !== "open" && !now.hasAttribute(name)) old.removeAttribute(name);
  }
  for (const { name, value } of now.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  let rest = old.firstChild;
  for (const child of [...now.childNodes]) {
    let same = rest;
    while (same && kind(same) !== kind(child)) same = same.nextSibling;
    if (!same) {
      old.insertBefore(child, rest);
      continue;
    }
    while (rest !== same) rest = removed(rest);
    rest = same.nextSibling;
    update(same, child);
  }
  while (rest) rest = removed(rest);
}

function removed(node) {
  const next = node.nextSibling;
  node.remove();
  return next;
}

// Siblings of one kind stand for one another.
function kind(node) {
  return `${node.nodeName} ${node.classList?.[0] ?? ""}`;
}

// The server escapes whatever comes from elsewhere, as it does in the page itself.
function parsed(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content.firstElementChild;
}

// The words of `relative` in src/control/page/time.rs.
function relative(time) {
  const seconds = Math.trunc((time - (Date.now() - clockAhead)) / 1000);
  const distance = Math.abs(seconds);
  const rounded = (unit) => Math.floor((distance + unit / 2) / unit);
  if (distance < 45) return seconds > 0 ? "in a moment" : "just now";
  let span = `${rounded(86400)} days`;
  if (rounded(3600) < 48) span = `${rounded(3600)} h`;
  if (rounded(60) < 60) span = `${rounded(60)} min`;
  return seconds < 0 ? `${span} ago` : `in ${span}`;
}

function showTimes(root) {
  for (const element of root.querySelectorAll("time")) {
    const time = new Date(element.dateTime);
    const words = relative(time);
    if (element.textContent !== words) element.textContent = words;
    element.title = time.toLocaleString();
  }
}

function showFound(article) {
  const wanted = filter?.value.trim().toLowerCase() ?? "";
  const name = article.querySelector("h2").textContent.toLowerCase();
  const { health } = main.dataset;
  const isShown = name.includes(wanted) && (!health || article.classList.contains(health));
  if (article.hidden === isShown) article.hidden = !isShown;
}

function follow() {
  const address = new URL("events", document.baseURI);
  address.searchParams.set("since", main.dataset.since);
  if (main.dataset.mirror) address.searchParams.set("mirror", main.dataset.mirror);
  const events = new EventSource(address);

  events.addEventListener("open", () => {
    connection.textContent = "";
  });
  events.addEventListener("error", () => {
    const since = new Date().toLocaleTimeString();
    connection.textContent ||= `Not connected since ${since}: what you see may be out of date.`;
  });
  events.addEventListener("mirrors", ({ data }) => {
    const ids = new Set(JSON.parse(data));
    for (const article of [...mirrors.children]) {
      if (!ids.has(article.id)) article.remove();
    }
  });
  events.addEventListener("mirror", ({ data }) => {
    const { id, html } = JSON.parse(data);
    const now = parsed(html);
    const old = document.getElementById(id);
    if (old) update(old, now);
    else mirrors.append(now);
    const article = old ?? now;
    showTimes(article);
    showFound(article);
  });
  events.addEventListener("summary", ({ data }) => {
    const { title, html } = JSON.parse(data);
    document.title = title;
    update(document.getElementById("summary"), parsed(html));
  });
}

function say(text, kind) {
  message.className = kind;
  message.textContent = text;
}

async function ask(event) {
  event.preventDefault();
  const name = event.submitter?.value ?? "";
  const isCancel = event.submitter?.name === "cancel";
  const token = event.target.elements.token?.value;
  const address = new URL(isCancel ? "api/v1/cancel" : "api/v1/sync", document.baseURI);
  if (name) address.searchParams.set("mirror", name);
  try {
    const headers = token ? { Authorization: `Bearer ${token}` } : {};
    const response = await fetch(address, { method: "POST", headers });
    const who = name ? `${name} was` : "All mirrors were";
    if (response.ok) say(isCancel ? `${who} cancelled.` : `${who} asked to sync.`, "done");
    else say(`Nothing was done: ${(await response.json()).error}.`, "refused");
  } catch (error) {
    say(`Nothing was done: ${error.message}.`, "refused");
  }
}

document.getElementById("sync")?.addEventListener("submit", ask);
filter?.addEventListener("input", () => [...mirrors.children].forEach(showFound));
document.getElementById("find")?.removeAttribute("hidden");

// To load the page again asks nothing again.
const here = new URL(location.href);
if (here.searchParams.has("asked") || here.searchParams.has("cancelled")) {
  here.searchParams.delete("asked");
  here.searchParams.delete("cancelled");
  history.replaceState(null, "", here);
}

showTimes(document);
setInterval(() => showTimes(document), REFRESH_MILLIS);
follow();
