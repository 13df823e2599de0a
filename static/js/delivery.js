// Sends what waits in the queue. An event leaves the queue only when the server answered for its id: accepted, seen
// before, or refused, all are final. At worst it is delivered twice, and the server counts it once.

import { forget, waiting } from "./event-queue.js";

const ADDRESS = "/api/v1/events";
const BATCH = 50;
const SOON_MS = 1000;
const FIRST_PAUSE_MS = 2000;
const LONGEST_PAUSE_MS = 5 * 60 * 1000;
const LONGEST_RETRY_AFTER_MS = 3600 * 1000;
const PATIENCE_MS = 15_000;

// The batch as such is what the server cannot take: too large, or one event in it spoils the rest.
const UNREADABLE = new Set([400, 413, 415, 422]);

let batchSize = BATCH;
let failures = 0;
let notBefore = 0;
let wasAnswered = true;
let timer;
let due = Infinity;
let sending = Promise.resolve();
const beaconed = new Set();

export function startDelivery() {
  addEventListener("online", () => {
    if (!wasAnswered) notBefore = failures = 0;
    deliverNow();
  });
  addEventListener("pageshow", ({ persisted }) => {
    if (persisted) deliverNow();
  });
  addEventListener("pagehide", beacon);
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden") beacon();
    deliverSoon();
  });
  deliverNow();
}

export function deliverSoon() {
  schedule(SOON_MS);
}

export function deliverNow() {
  schedule(0);
}

// The earliest of all wishes counts, but never before the server may be asked again.
function schedule(delayMs) {
  const at = Math.max(Date.now() + delayMs, notBefore);
  if (at >= due) return;
  clearTimeout(timer);
  due = at;
  timer = setTimeout(run, at - Date.now());
}

function run() {
  due = Infinity;
  sending = sending.then(() => exclusively(drain)).catch(() => pause(null));
}

// One tab of this browser sends at a time: another would send the same events. It may still, when the storage that it
// sees is a moment old; then the server counts them once.
function exclusively(work) {
  return navigator.locks ? navigator.locks.request("events", work) : work();
}

async function drain() {
  // Offline nothing is tried: "online" begins again.
  while (navigator.onLine && Date.now() >= notBefore) {
    const batch = waiting().slice(0, batchSize);
    if (batch.length === 0) return;
    await settle(batch, await post(batch));
  }
}

async function post(batch) {
  try {
    return await fetch(ADDRESS, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      credentials: "same-origin",
      keepalive: true,
      body: bodyOf(batch),
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
  } catch {
    return null;
  }
}

async function settle(batch, response) {
  if (response?.ok) {
    const answered = await idsAnswered(response);
    forget(answered);
    if (!batch.some(({ id }) => answered.includes(id))) return pause(response);
    failures = 0;
    batchSize = Math.min(BATCH, 2 * batchSize);
  } else if (UNREADABLE.has(response?.status)) {
    // Ever smaller batches find the one event that spoils the rest; it alone is given up.
    if (batch.length === 1) forget([batch[0].id]);
    batchSize = Math.max(1, Math.floor(batch.length / 2));
  } else {
    pause(response);
  }
}

async function idsAnswered(response) {
  try {
    return (await response.json()).results.map(({ id }) => id);
  } catch {
    return [];
  }
}

// Twice as long after every failure, a little different in every browser; `response` is null when there was none.
function pause(response) {
  wasAnswered = response !== null;
  const longest = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** failures);
  failures += 1;
  const pauseMs = Math.max(longest * (0.5 + Math.random() / 2), retryAfterMs(response));
  notBefore = Date.now() + pauseMs;
  clearTimeout(timer);
  due = Infinity;
  schedule(pauseMs);
}

// Retry-After is a number of seconds or a date.
function retryAfterMs(response) {
  const given = response?.headers.get("Retry-After");
  if (!given) return 0;
  const ms = Number.isNaN(Number(given)) ? Date.parse(given) - Date.now() : 1000 * Number(given);
  return Math.min(Math.max(ms, 0), LONGEST_RETRY_AFTER_MS) || 0;
}

// An extra for a page that may not live to see the answer. It proves nothing: offline it reports success and loses the
// data. So everything stays in the queue.
function beacon() {
  if (!navigator.onLine || Date.now() < notBefore) return;
  const events = waiting().filter(({ id }) => !beaconed.has(id)).slice(-BATCH);
  if (events.length === 0) return;
  for (const { id } of events) beaconed.add(id);
  navigator.sendBeacon?.(ADDRESS, new Blob([bodyOf(events)], { type: "application/json" }));
}

// The age is true whatever this device's clock says: the server counts back from its own.
function bodyOf(events) {
  const now = Date.now();
  return JSON.stringify({
    events: events.map(({ moment, ...event }) => ({ ...event, age_ms: Math.max(0, now - moment) })),
  });
}
