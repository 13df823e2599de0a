// Everything that pages do beyond links and forms. htmx comes first (it is deferred, and stands before this in the head).

import { startFeed } from "./feed.js";
import { startMenus } from "./menu.js";
import { keepOfflinePage } from "./offline-page.js";
import { startPictures } from "./pictures.js";
import { startReporting } from "./reporting.js";
import { startRequests } from "./requests.js";
import { startSearch } from "./search.js";
import { startTheme } from "./theme.js";
import { startToggles } from "./toggles.js";

document.addEventListener("DOMContentLoaded", () => {
  startTheme();
  startRequests();
  startMenus();
  startSearch();
  startFeed();
  startToggles();
  startPictures();
  startReporting();
  keepOfflinePage();
});
