// The light-or-dark switch: like the device, light, or dark; kept in this browser.

const root = document.documentElement;

export function startTheme() {
  const boxes = document.querySelectorAll("input[name=theme]");
  const chosen = root.dataset.theme ?? "system";
  for (const box of boxes) {
    box.checked = box.value === chosen;
    box.addEventListener("change", () => choose(box.value));
  }
  colourBrowserBars();
  addEventListener("storage", (event) => {
    if (event.key === "theme") apply(event.newValue ?? "system");
  });
}

function choose(theme) {
  apply(theme);
  try {
    if (theme === "system") localStorage.removeItem("theme");
    else localStorage.setItem("theme", theme);
  } catch {
    // Without storage the choice holds for this page.
  }
}

function apply(theme) {
  if (theme === "system") delete root.dataset.theme;
  else root.dataset.theme = theme;
  colourBrowserBars();
}

function colourBrowserBars() {
  if (!root.dataset.theme) return;
  const paper = getComputedStyle(root).backgroundColor;
  for (const meta of document.querySelectorAll("meta[name=theme-color]")) meta.content = paper;
}
