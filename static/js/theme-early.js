// Runs before the first paint, so that a page never flashes in the other theme. A classic script on purpose.
(() => {
  const root = document.documentElement;
  root.setAttribute("data-js", "");
  try {
    const chosen = localStorage.getItem("theme");
    if (chosen === "light" || chosen === "dark") root.setAttribute("data-theme", chosen);
  } catch {
    // Storage may be switched off; then the page follows the device.
  }
})();
