// Save and follow buttons that stand for the same thing agree: all over a page, and on a page that one comes back to.

const states = `toggles ${document.body.dataset.reader}`;

export function startToggles() {
  if (cameBack()) agree();
  else learn();
  addEventListener("pageshow", ({ persisted }) => {
    if (persisted) agree();
  });
  document.body.addEventListener("htmx:load", ({ detail }) => {
    if (!detail.elt.matches("form[data-toggle]")) return;
    write({ ...read(), [detail.elt.dataset.toggle]: isOn(detail.elt) });
    agree();
  });
}

export function cameBack() {
  return performance.getEntriesByType("navigation")[0]?.type === "back_forward";
}

// A page fresh from the server knows better than what this tab remembers.
function learn() {
  const known = read();
  for (const form of toggles()) {
    if (form.dataset.toggle in known) known[form.dataset.toggle] = isOn(form);
  }
  write(known);
}

function agree() {
  const known = read();
  for (const form of toggles()) {
    const on = known[form.dataset.toggle];
    if (on === undefined || on === isOn(form)) continue;
    form.querySelector("[aria-pressed]").setAttribute("aria-pressed", String(on));
    form.elements.undo.value = on ? "1" : "0";
  }
}

function toggles() {
  return document.querySelectorAll("form[data-toggle]");
}

function isOn(form) {
  return form.querySelector("[aria-pressed]").getAttribute("aria-pressed") === "true";
}

function read() {
  try {
    return JSON.parse(sessionStorage.getItem(states)) ?? {};
  } catch {
    return {};
  }
}

function write(known) {
  try {
    sessionStorage.setItem(states, JSON.stringify(known));
  } catch {
    // Without storage every button still tells the truth of when its page was made.
  }
}
