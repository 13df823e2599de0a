// Quiet words at the foot of the window, read out by screen readers.

const SHOWN_FOR_MS = 8000;

let timer;

// `actions` is a list of {label, act}. A notice with an action stays until it is used or closed.
export function say(words, { warning = false, actions = [] } = {}) {
  const region = document.getElementById("notices");
  const notice = document.createElement("p");
  notice.className = warning ? "notice is-warning" : "notice";
  const text = document.createElement("span");
  text.textContent = words;
  notice.append(text);
  if (actions.length > 0) notice.append(buttons([...actions, { label: "Close", act: () => {} }]));
  region.classList.add("is-floating");
  region.replaceChildren(notice);
  clearTimeout(timer);
  if (actions.length === 0) timer = setTimeout(hush, SHOWN_FOR_MS);
}

export function hush() {
  clearTimeout(timer);
  const region = document.getElementById("notices");
  if (region.classList.contains("is-floating")) region.replaceChildren();
}

function buttons(actions) {
  const row = document.createElement("span");
  row.className = "notice-actions";
  for (const { label, act } of actions) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "button";
    button.textContent = label;
    button.addEventListener("click", () => {
      hush();
      act();
    });
    row.append(button);
  }
  return row;
}
