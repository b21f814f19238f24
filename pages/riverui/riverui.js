// The bar above River UI: back to Millrace and to the multiplication of a job, and what River UI does not say itself.

import { byId, clock, show } from "./site.js";

const bar = byId("millrace");
const config = JSON.parse(byId("config__json").textContent);
const id = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}";

// The addresses were relative to that of the page, which changes when River UI shows another one.
const root = new URL(byId("millrace-start").href);
for (const link of bar.querySelectorAll("a[href]")) link.href = link.href;

// River UI needs the path from the root of the server, which a proxy must tell.
if (!location.pathname.startsWith(`${config.base}/`)) {
  const path = root.pathname.replace(/\/$/, "");
  byId("millrace-path").append("River UI cannot be shown: a proxy serves this site below ", code(path),
    " and does not say so. Let it send the header ", code(`X-Forwarded-Prefix: ${path}`), " with each request.");
  byId("millrace-path").hidden = false;
}

function code(text) {
  const element = document.createElement("code");
  element.textContent = text;
  return element;
}

// multiplicationOf returns the id of the multiplication that the page is about: that of a job, or of which it lists the jobs.
async function multiplicationOf(location) {
  const job = location.pathname.match(/\/jobs\/(\d+)$/);
  if (!job) return new URLSearchParams(location.search).get("tags")?.match(new RegExp(`^${id}$`))?.[0];
  const response = await fetch(`${config.apiUrl}/jobs/${job[1]}`);
  return response.ok ? JSON.parse((await response.json()).args).multiplication_id : undefined;
}

let shown;

async function follow() {
  if (location.href === shown) return;
  const now = shown = location.href;
  const link = byId("millrace-multiplication");
  link.hidden = true;
  const found = await multiplicationOf(new URL(now)).catch(() => undefined);
  if (!found || now !== shown) return;
  link.href = new URL(`multiplications/${found}`, root);
  link.querySelector("code").textContent = found;
  link.hidden = false;
}

// River UI lists the jobs that run where it is not said which; the server chooses a list that is not empty. In the list of
// states such a link is that to the jobs that run.
addEventListener("click", (event) => {
  const link = event.target.closest?.("#root a[href]");
  const plain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
  if (!link || !plain || link.search || link.pathname !== `${config.base}/jobs`) return;
  if (link.closest("nav, ul")?.querySelector('a[href*="/jobs?state="]')) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  location.assign(link.href);
}, { capture: true });

// River UI shows what it last read although it cannot read any more. Each of its requests tells whether the server is there.
const request = window.fetch;
let seen = Date.now();

window.fetch = async (...args) => {
  let response;
  try {
    response = await request.apply(window, args);
  } catch (error) {
    if (error?.name !== "AbortError" && !args[1]?.signal?.aborted) lost(true);
    throw error;
  }
  lost(response.status === 502 || response.status === 503 || response.status === 504);
  return response;
};

function lost(is) {
  if (!is) seen = Date.now();
  document.documentElement.classList.toggle("millrace-lost", is);
  show(byId("millrace-lost"), is ? `The server cannot be reached. What is shown is of ${clock(seen)}.` : "");
}

new MutationObserver(follow).observe(byId("root"), { childList: true, subtree: true, characterData: true });
follow();
