// Keeps the offline page at hand: see templates/sw.js.

export function keepOfflinePage() {
  if (!("serviceWorker" in navigator)) return;
  addEventListener("load", () => {
    navigator.serviceWorker.register("/sw.js").catch(() => {
      // Private windows and some settings refuse it; the site then simply has no offline page.
    });
  });
}
