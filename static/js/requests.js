// What htmx leaves to the page: keeping the focus where the hand was, and saying what could not be done.

import { say } from "./notices.js";

let focusIsMoving = false;

export function startRequests() {
  document.body.addEventListener("htmx:beforeSwap", ({ detail }) => {
    focusIsMoving = detail.shouldSwap && detail.target.contains(document.activeElement);
  });
  document.body.addEventListener("htmx:load", ({ detail }) => {
    if (focusIsMoving) restoreFocus(detail.elt);
  });
  document.body.addEventListener("htmx:sendError", ({ detail }) => explain(detail.elt, "offline"));
  document.body.addEventListener("htmx:timeout", ({ detail }) => explain(detail.elt, "offline"));
  document.body.addEventListener("htmx:responseError", ({ detail }) => explain(detail.elt, detail.xhr.status));
  addEventListener("offline", () => say("You are offline. What is on this page stays readable."));
  addEventListener("online", () => say("You are back online."));
}

// A swap throws away the element that had the focus; the first thing to press in its successor gets it.
function restoreFocus(element) {
  const successor = element.querySelector?.(".card-title a, button:not([hidden])");
  if (!successor) return;
  focusIsMoving = false;
  successor.focus({ preventScroll: true });
}

function explain(element, reason) {
  if (element.matches("[data-quiet-errors]")) return;
  const retry = { label: "Try again", act: () => element.requestSubmit?.() };
  say(wordsFor(reason), { warning: true, actions: element.matches("form") && reason !== 403 ? [retry] : [reload()] });
}

function wordsFor(reason) {
  if (reason === "offline") return "We could not save that. Are you online?";
  if (reason === 403) return "We could not save that. This page was open too long; load it again.";
  if (reason === 429) return "That was a little fast. Please try again in a moment.";
  return "We could not save that. It is our fault, and trying again may help.";
}

function reload() {
  return { label: "Load again", act: () => location.reload() };
}
