// Events that wait to be sent, kept in this browser: a key each, so that two tabs never overwrite one another's.

import { newId } from "./ids.js";

const PREFIX = "event ";
const KEPT = 1000;
const LONGEST = 2000;
const GOOD_FOR_MS = 48 * 3600 * 1000; // as long as the token of a card

// Where storage is denied or full; these are lost with the page.
const inMemory = new Map();

// `event` is {kind, token or item, value?}; it happened just now.
export function enqueue(event) {
  const kept = { ...event, id: newId(), moment: Date.now() };
  try {
    localStorage.setItem(PREFIX + kept.id, JSON.stringify(kept));
    if (localStorage.length > KEPT) waiting();
  } catch {
    inMemory.set(kept.id, kept);
  }
}

// All that waits, oldest first. What is too old to be accepted, or one too many, is dropped here: the oldest go.
export function waiting() {
  const events = [...stored(), ...inMemory.values()].sort((one, other) => one.moment - other.moment);
  const oldest = Date.now() - GOOD_FOR_MS;
  const kept = events.slice(-KEPT).filter(({ moment }) => moment >= oldest);
  const keptIds = new Set(kept.map(({ id }) => id));
  forget(events.map(({ id }) => id).filter((id) => !keptIds.has(id)));
  return kept;
}

export function forget(ids) {
  for (const id of ids) {
    inMemory.delete(id);
    try {
      localStorage.removeItem(PREFIX + id);
    } catch {
      // Denied: it was never there.
    }
  }
}

function stored() {
  try {
    const keys = Object.keys(localStorage).filter((key) => key.startsWith(PREFIX));
    return keys.map(read).filter((event) => event !== null);
  } catch {
    return [];
  }
}

function read(key) {
  const text = localStorage.getItem(key) ?? "";
  try {
    const event = JSON.parse(text);
    if (text.length <= LONGEST && PREFIX + event.id === key && Number.isFinite(event.moment)) return event;
  } catch {
    // Cut short, or sent by another tab meanwhile.
  }
  localStorage.removeItem(key);
  return null;
}
