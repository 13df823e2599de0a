// How long a piece was read: its text on screen, in a tab that is in front, by somebody who moved within half a minute.

import { deliverNow, deliverSoon } from "./delivery.js";
import { enqueue } from "./event-queue.js";

const IDLE_MS = 30_000;
const REPORT_EVERY_MS = 15_000;
const SIGNS_OF_LIFE = ["scroll", "wheel", "pointermove", "pointerdown", "touchmove", "keydown"];

export function startReading() {
  const story = document.querySelector("[data-reading]");
  if (!story) return;
  countReading(story);
  reportLeaving(story);
}

// What was read is reported piece by piece, so that nothing is lost with the page; the sum is what counts.
function countReading(story) {
  let isOnScreen = false;
  let wasInFront = isInFront();
  let readMs = 0;
  let countedUntil = performance.now();
  let lastSign = countedUntil;

  // To be called before anything changes: adds the time since the last call, if it was reading.
  function count() {
    const now = performance.now();
    const until = Math.min(now, lastSign + IDLE_MS);
    if (isOnScreen && wasInFront) readMs += Math.max(0, until - countedUntil);
    countedUntil = now;
    wasInFront = isInFront();
  }

  function report() {
    count();
    const value = Math.floor(readMs);
    if (value === 0) return;
    readMs -= value;
    enqueue({ kind: "dwell", value, ...subject(story) });
    deliverSoon();
  }

  new IntersectionObserver((entries) => {
    count();
    isOnScreen = entries.at(-1).isIntersecting;
  }).observe(story.querySelector("[data-reading-body]") ?? story);
  for (const sign of SIGNS_OF_LIFE) {
    addEventListener(
      sign,
      () => {
        count();
        lastSign = performance.now();
      },
      { passive: true, capture: true },
    );
  }
  setInterval(report, REPORT_EVERY_MS);
  addEventListener("pagehide", report);
  addEventListener("pageshow", count);
  document.addEventListener("visibilitychange", () => {
    if (isInFront()) {
      count();
      lastSign = performance.now();
    } else {
      report();
    }
  });
}

// A link that leads to the source, also when it is opened in a new tab.
function reportLeaving(story) {
  const leave = ({ target }) => {
    if (!target.closest?.("a[data-outbound]")) return;
    enqueue({ kind: "outbound", ...subject(story) });
    deliverNow();
  };
  story.addEventListener("click", leave);
  story.addEventListener("auxclick", (event) => {
    if (event.button === 1) leave(event);
  });
}

// The card that led here, or the piece itself for whoever came another way.
function subject({ dataset: { token, item } }) {
  return token ? { token } : { item: Number(item) };
}

function isInFront() {
  return document.visibilityState === "visible";
}
