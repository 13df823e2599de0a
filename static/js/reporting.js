// What this page tells the site of itself: cards seen, time read, links followed, and how many columns stand side by side.

import { startDelivery } from "./delivery.js";
import { startReading } from "./reading.js";
import { startViews } from "./views.js";

const YEAR_S = 365 * 24 * 3600;
const COLUMNS_MAX = 12;

export function startReporting() {
  keepToken();
  noteColumns();
  addEventListener("resize", noteColumns);
  startViews();
  startReading();
  // Last, so that on leaving the others have said what they know when the rest is sent.
  startDelivery();
}

// Links that people copy must not carry the token of their own card. It moves from the address into this entry of the
// tab's history, where it survives a reload.
function keepToken() {
  const story = document.querySelector("[data-reading]");
  if (!story) return;
  const address = new URL(location.href);
  if (address.searchParams.has("s")) {
    address.searchParams.delete("s");
    history.replaceState({ ...history.state, token: story.dataset.token }, "", address);
  } else {
    story.dataset.token ||= history.state?.token ?? "";
    for (const field of story.querySelectorAll("input[name=token]")) field.value ||= story.dataset.token;
  }
}

// Position means little without it. A cookie, because the server lays out the next page before any script of it runs.
function noteColumns() {
  const feed = document.querySelector(".feed");
  if (!feed) return;
  const columns = Math.min(getComputedStyle(feed).gridTemplateColumns.split(" ").length, COLUMNS_MAX);
  const cookie = `columns=${columns}`;
  if (document.cookie.split("; ").includes(cookie)) return;
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `${cookie}; path=/; max-age=${YEAR_S}; SameSite=Lax${secure}`;
}
