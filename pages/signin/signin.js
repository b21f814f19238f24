"use strict";

const TIMEOUT_MS = 10000;

// A proxy may serve the site below a path of its own, so every URL is relative to this page.
const root = new URL("..", location.href);
const session = new URL("v1/session", root);

// The page that the browser was sent here from; anything that is not below this site is ignored.
function next() {
  const target = new URL(new URLSearchParams(location.search).get("next") ?? "", root);
  return target.origin === root.origin && target.pathname.startsWith(root.pathname) ? target : root;
}

function say(text) {
  const refused = document.getElementById("refused");
  refused.hidden = !text;
  refused.textContent = text;
}

const request = (options) => fetch(session, { signal: AbortSignal.timeout(TIMEOUT_MS), ...options });

// A browser that has a session, or needs none, goes on.
async function look() {
  try {
    const response = await request({ headers: { Accept: "application/json" } });
    if (response.ok) location.replace(next());
  } catch {
    say("The API cannot be reached.");
  }
}

async function signIn(event) {
  event.preventDefault();
  const key = document.getElementById("key");
  const button = event.target.querySelector("button");
  button.disabled = true;
  say("");
  try {
    const value = key.value.trim();
    if (!/^[!-~]+$/.test(value)) throw new Error("That is no key.");
    const response = await request({ method: "POST", headers: { Authorization: `Bearer ${value}` } }).catch(() => {
      throw new Error("The API cannot be reached.");
    });
    if (response.ok) {
      location.replace(next());
      return;
    }
    const problem = await response.json().catch(() => ({}));
    throw new Error(response.status === 401 ? `That key is not accepted: ${problem.detail}.`
      : `The API returned ${response.status}: ${problem.detail ?? response.statusText}`);
  } catch (error) {
    say(error.message);
    key.select();
  } finally {
    button.disabled = false;
  }
}

document.getElementById("signin").addEventListener("submit", signIn);
look();
