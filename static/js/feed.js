// Endless scrolling, and coming back to the same cards at the same place.

import { newId } from "./ids.js";
import { cameBack } from "./toggles.js";

const NEAR = "1200px 0px";
const KEPT_FEEDS = 5;
const INDEX = "feeds";

export function startFeed() {
  const feed = document.querySelector("[data-feed]");
  if (!feed) return;
  history.scrollRestoration = "manual";
  restore(feed);
  watchForMore(feed);
  addEventListener("pagehide", () => keep(feed));
}

// --- endless scrolling ---

function watchForMore(feed) {
  const observer = new IntersectionObserver(
    (entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting) continue;
        observer.unobserve(target);
        htmx.trigger(target.querySelector(".more"), "near");
      }
    },
    { rootMargin: NEAR },
  );
  const observe = () => {
    const more = feed.querySelector(".feed-more:not(.has-failed)");
    if (more) observer.observe(more);
  };
  observe();
  feed.addEventListener("htmx:load", observe);
  feed.addEventListener("htmx:beforeRequest", ({ target }) => showFailure(target, false));
  for (const failure of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
    feed.addEventListener(failure, ({ target }) => showFailure(target, true));
  }
}

function showFailure(target, failed) {
  const more = target.closest(".feed-more");
  if (!more) return;
  more.classList.toggle("has-failed", failed);
  more.querySelector(".feed-failed").hidden = !failed;
}

// --- coming back ---

// The browser's own cache of whole pages often does this; when it did not, the cards come from what this tab kept.
function restore(feed) {
  const kept = cameBack() ? read(history.state?.feed) : null;
  if (kept?.page === thisPage()) {
    feed.innerHTML = kept.html;
    refreshTokens(feed);
    htmx.process(feed);
    scrollTo({ top: kept.top, behavior: "instant" });
  } else {
    history.replaceState({ ...history.state, feed: newId() }, "");
  }
}

// The address and who is reading: cards kept for somebody else, or for another page, are not put back.
function thisPage() {
  return `${location.pathname}${location.search} ${document.body.dataset.reader}`;
}

function keep(feed) {
  const key = history.state?.feed;
  if (!key) return;
  for (const busy of feed.querySelectorAll(".htmx-request")) busy.classList.remove("htmx-request");
  for (const menu of feed.querySelectorAll("details[data-menu][open]")) menu.open = false;
  write(key, { page: thisPage(), top: scrollY, html: feed.innerHTML });
}

// Forms among the kept cards carry the token of the page they came with; logging in or out may have changed it since.
function refreshTokens(feed) {
  const { "X-CSRFToken": token } = JSON.parse(document.body.getAttribute("hx-headers"));
  for (const field of feed.querySelectorAll("input[name=csrfmiddlewaretoken]")) field.value = token;
}

function read(key) {
  try {
    return JSON.parse(sessionStorage.getItem(`feed ${key}`));
  } catch {
    return null;
  }
}

// Keeps the newest few feeds of this tab. Without storage, or without room in it, coming back shows the first page.
function write(key, feed) {
  try {
    const others = (JSON.parse(sessionStorage.getItem(INDEX)) ?? []).filter((other) => other !== key);
    for (const old of others.slice(KEPT_FEEDS - 1)) sessionStorage.removeItem(`feed ${old}`);
    sessionStorage.setItem(INDEX, JSON.stringify([key, ...others.slice(0, KEPT_FEEDS - 1)]));
    sessionStorage.setItem(`feed ${key}`, JSON.stringify(feed));
  } catch {
    forget(key);
  }
}

function forget(key) {
  try {
    sessionStorage.removeItem(`feed ${key}`);
  } catch {
    // Storage is denied altogether.
  }
}
