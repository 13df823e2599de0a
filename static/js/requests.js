// What htmx leaves to the page: keeping the focus where the hand was, and saying what could not be done.

import { say } from "./notices.js";

let focusIsMoving = false;

export function startRequests() {
  document.body.addEventListener("htmx:beforeSwap", ({ detail }) => {
    focusIsMoving = detail.shouldSwap && detail.target.contains(document.activeElement);
    if (focusIsMoving && detail.target.matches(".card-gone")) followBack(detail.target.closest(".card"));
  });
  document.body.addEventListener("htmx:load", ({ detail }) => {
    if (focusIsMoving) restoreFocus(detail.elt);
  });
  document.body.addEventListener("htmx:sendError", ({ detail }) => explain(detail, "offline"));
  document.body.addEventListener("htmx:timeout", ({ detail }) => explain(detail, "offline"));
  document.body.addEventListener("htmx:responseError", ({ detail }) => explain(detail, detail.xhr.status));
  addEventListener("offline", () => say("You are offline. This page stays readable, and what you read is noted here and sent later."));
  addEventListener("online", () => say("You are back online."));
}

// A swap throws away the element that had the focus; the first thing to press in its successor gets it.
function restoreFocus(element) {
  const successor = element.querySelector?.(".card-title a, button:not([hidden])");
  if (!successor) return;
  focusIsMoving = false;
  successor.focus({ preventScroll: true });
}

// Taking back what hid a card shows the card again: nothing is new, and its menu is where the hand was.
function followBack(card) {
  focusIsMoving = false;
  queueMicrotask(() => card.querySelector("details[data-menu] > summary").focus({ preventScroll: true }));
}

function explain(detail, reason) {
  const element = detail.elt;
  if (element.matches("[data-quiet-errors]")) return;
  // A form with several buttons says different things by each, so the same one is pressed again.
  const pressed = detail.requestConfig?.triggeringEvent?.submitter;
  const retry = { label: "Try again", act: () => (pressed ? pressed.click() : element.requestSubmit?.()) };
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
