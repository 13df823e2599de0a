// Which cards were seen: at least half of a card on screen for a second without a break, in a tab that is in front. When
// the tab is hidden or the card leaves, the second begins anew.

import { deliverSoon } from "./delivery.js";
import { enqueue } from "./event-queue.js";

const LONG_ENOUGH_MS = 1000;
const HALF = 0.5;
const STEPS = Array.from({ length: 21 }, (_, step) => step / 20);

const reported = new Set();
const onScreen = new Set();
const timers = new Map();
let observer;

export function startViews() {
  observer = new IntersectionObserver(notice, { threshold: STEPS, rootMargin: coveredEdges() });
  observe(document);
  document.body.addEventListener("htmx:load", ({ detail }) => observe(detail.elt));
  document.addEventListener("visibilitychange", setTimers);
}

function observe(part) {
  for (const card of part.querySelectorAll(".card[data-token]:not([data-token=''])")) observer.observe(card);
}

// What lies under the masthead, or under the bar at the foot of a phone, is not seen.
function coveredEdges() {
  const [top, bottom] = [
    [".masthead", "sticky"],
    [".nav", "fixed"],
  ].map(([selector, position]) => {
    const bar = document.querySelector(selector);
    return bar && getComputedStyle(bar).position === position ? bar.offsetHeight : 0;
  });
  return `-${top}px 0px -${bottom}px 0px`;
}

function notice(entries) {
  for (const entry of entries) {
    if (isEnough(entry)) onScreen.add(entry.target);
    else onScreen.delete(entry.target);
  }
  setTimers();
}

// Half of the card; of a card more than twice as tall as the screen no half is ever on it, and half a screen will do.
function isEnough({ isIntersecting, intersectionRatio, intersectionRect, boundingClientRect, rootBounds }) {
  if (!isIntersecting) return false;
  const isTall = boundingClientRect.height > rootBounds.height / HALF;
  return isTall ? intersectionRect.height >= HALF * rootBounds.height : intersectionRatio >= HALF;
}

function setTimers() {
  const isLooking = document.visibilityState === "visible";
  for (const [card, timer] of timers) {
    if (isLooking && onScreen.has(card)) continue;
    clearTimeout(timer);
    timers.delete(card);
  }
  if (!isLooking) return;
  for (const card of onScreen) {
    if (!timers.has(card)) timers.set(card, setTimeout(see, LONG_ENOUGH_MS, card));
  }
}

function see(card) {
  timers.delete(card);
  if (card.querySelector(":scope > .card-gone")) return;
  onScreen.delete(card);
  observer.unobserve(card);
  const { token } = card.dataset;
  if (reported.has(token)) return;
  reported.add(token);
  enqueue({ kind: "view", token });
  deliverSoon();
}
