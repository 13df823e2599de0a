{% load static %}// Shows the offline page when a page cannot be reached; touches nothing else.

const OFFLINE_PAGE = "{% url 'offline' %}";
const OFFLINE_FILES = [
  OFFLINE_PAGE,
  "{% static 'css/tokens.css' %}",
  "{% static 'css/fonts.css' %}",
  "{% static 'css/base.css' %}",
  "{% static 'css/chrome.css' %}",
  "{% static 'css/controls.css' %}",
  "{% static 'css/cards.css' %}",
  "{% static 'css/pages.css' %}",
  "{% static 'js/theme-early.js' %}",
  "{% static 'fonts/source-serif-4-latin-wght-normal.woff2' %}",
  "{% static 'fonts/inter-latin-wght-normal.woff2' %}",
  "{% static 'favicon.svg' %}",
];
const CACHE = "offline";

self.addEventListener("install", (event) => {
  event.waitUntil(keepOfflineFiles().then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(self.clients.claim());
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.mode === "navigate" && request.method === "GET") {
    event.respondWith(fetch(request).catch(() => offlineCopy(OFFLINE_PAGE)));
  } else if (request.method === "GET" && OFFLINE_FILES.includes(new URL(request.url).pathname)) {
    event.respondWith(fetch(request).catch(() => offlineCopy(request)));
  }
});

async function keepOfflineFiles() {
  const cache = await caches.open(CACHE);
  const stale = (await cache.keys()).filter((kept) => !OFFLINE_FILES.includes(new URL(kept.url).pathname));
  await cache.addAll(OFFLINE_FILES.map((file) => new Request(file, { cache: "reload" })));
  await Promise.all(stale.map((kept) => cache.delete(kept)));
}

async function offlineCopy(request) {
  return (await caches.match(request)) ?? Response.error();
}
