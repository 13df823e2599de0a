// The staff pages: charts and tables that sort. Both are there without this, as tables in the order of the server.

import { startCharts } from "./staff-charts.js";
import { startTables } from "./staff-tables.js";

document.addEventListener("DOMContentLoaded", () => {
  startCharts();
  startTables();
});
