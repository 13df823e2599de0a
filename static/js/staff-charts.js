// Charts from the page's JSON: lines with bands for their intervals, or bars from zero. Colours come from the tokens.

import uPlot from "../vendor/uplot/uplot.js";

const HEIGHT = 240;
const SERIES_COLOURS = 5;
const BAND_ALPHA = 0.16;
const LABEL_GAP = 6;
const CHARACTER = 7;
const VALUES_SIZE = 64;
const NAMES_SIZE = 24;

export function startCharts() {
  const plots = [...document.querySelectorAll("[data-chart]")].map((place) => new Plot(place));
  const redrawAll = () => plots.forEach((plot) => plot.draw());
  addEventListener("resize", redrawAll);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redrawAll);
  new MutationObserver(redrawAll).observe(document.documentElement, { attributeFilter: ["data-theme"] });
}

class Plot {
  constructor(place) {
    this.place = place;
    this.load();
  }

  async load() {
    try {
      const response = await fetch(this.place.dataset.chart, { headers: { Accept: "application/json" } });
      if (!response.ok) throw new Error(String(response.status));
      this.chart = await response.json();
      this.draw();
    } catch {
      this.place.textContent = "The chart could not be loaded. The table has its numbers.";
    }
  }

  draw() {
    if (!this.chart) return;
    this.drawn?.destroy();
    const { options, data } = plan(this.chart, this.place);
    this.drawn = new uPlot(options, data, this.place);
    this.place.dataset.drawn = this.chart.series.length;
  }
}

function plan(chart, place) {
  const colours = coloursOf(place);
  const x = chart.inTime ? chart.x : chart.x.map((_name, index) => index);
  const data = [x];
  const series = [{}];
  const bands = [];
  chart.series.forEach((one, index) => {
    const stroke = colours.series[index % SERIES_COLOURS];
    const dash = index < SERIES_COLOURS ? undefined : [6, 4];
    const paths = chart.kind === "bars" ? uPlot.paths.bars({ size: [0.6, 48] }) : undefined;
    const fill = chart.kind === "bars" ? stroke : undefined;
    series.push({ label: one.name, stroke, dash, width: 2, paths, fill, spanGaps: false, points: chart.kind === "bars" ? { show: false } : { size: 5 } });
    data.push(one.values);
    if (!one.lower.length || !one.upper.length) return;
    const at = data.length;
    data.push(one.upper, one.lower);
    const hidden = { stroke: "transparent", width: 0, points: { show: false }, label: "" };
    series.push({ ...hidden }, { ...hidden });
    bands.push({ series: [at, at + 1], fill: faint(stroke) });
  });
  const leaning = leaningNames(chart, place);
  const text = { stroke: colours.quiet, font: `12px ${colours.font}` };
  const grid = { grid: { stroke: colours.line, width: 1 }, ticks: { stroke: colours.line, width: 1 } };
  const options = {
    width: place.clientWidth || 600,
    height: HEIGHT + leaning,
    padding: [12, rightRoom(chart), 0, 0],
    series,
    bands,
    legend: { show: false },
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
    cursor: { drag: { x: false, y: false } },
    scales: { x: { time: chart.inTime, range: placesAcross(chart) }, y: { range: (_plot, low, high) => fromZero(low, high) } },
    axes: [
      { ...text, ...grid, ...namedPlaces(chart, leaning) },
      { ...text, ...grid, ...wholeSteps(chart), size: VALUES_SIZE, values: (_plot, ticks) => ticks.map((tick) => written(tick, chart.unit, ticks)) },
    ],
    hooks: { draw: [(plot) => drawLabels(plot, chart, colours), (plot) => tellAxis(plot, place)] },
  };
  return { options, data };
}

function fromZero(low, high) {
  if (low === null || high === null) return [0, 1];
  const bottom = Math.min(0, low);
  return [bottom, high > bottom ? high + (high - bottom) * 0.06 : bottom + 1];
}

// A single moment stands amid two days: uPlot would give it years.
function placesAcross(chart) {
  if (!chart.inTime) return [-0.6, chart.x.length - 0.4];
  const [moment] = chart.x;
  return chart.x.length === 1 ? [moment - DAY_S, moment + DAY_S] : (_plot, low, high) => [low, high];
}

function wholeSteps(chart) {
  if (chart.unit !== "count") return {};
  return { incrs: Array.from({ length: 12 }, (_unused, power) => [1, 2, 5].map((digit) => digit * 10 ** power)).flat() };
}

// The site's pages tell times in UTC, so charts do too, whatever zone the browser is in.
function inUtc(options) {
  return new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", ...options });
}

const DAY_S = 86_400;
const dayOf = inUtc({ day: "numeric", month: "short" });
const hourOf = inUtc({ hour: "2-digit", minute: "2-digit" });

function whenWritten(_plot, ticks) {
  return ticks.map((tick) => (tick % DAY_S === 0 ? dayOf : hourOf).format(new Date(tick * 1000)));
}

function namedPlaces(chart, leaning) {
  if (chart.inTime) return { values: whenWritten };
  return {
    splits: () => chart.x.map((_name, index) => index),
    values: (_plot, ticks) => ticks.map((tick) => chart.x[tick] ?? ""),
    ...(leaning ? { rotate: -40, size: NAMES_SIZE + leaning } : {}),
  };
}

// How much deeper names reach that lean, because they have no room side by side.
function leaningNames(chart, place) {
  if (chart.inTime || !chart.x.length) return 0;
  const longest = Math.max(...chart.x.map((name) => name.length));
  const isCrowded = longest * CHARACTER * chart.x.length > (place.clientWidth || 600) - VALUES_SIZE;
  return isCrowded ? Math.round(longest * CHARACTER * 0.65) : 0;
}

function rightRoom(chart) {
  if (chart.kind === "bars") return 12;
  const longest = Math.max(...chart.series.map((one) => one.name.length));
  return Math.min(160, 16 + 7 * longest);
}

// A canvas can only be looked at: this is what tests read.
function tellAxis(plot, place) {
  place.dataset.axis = `${plot.scales.x.min} ${plot.scales.x.max}`;
}

// Each line's name stands at its end, moved apart where two would lie on each other.
function drawLabels(plot, chart, colours) {
  if (chart.kind === "bars" && chart.series.length === 1) return;
  const ratio = devicePixelRatio;
  const labels = chart.series.map((one, index) => {
    let last = one.values.length - 1;
    while (last >= 0 && one.values[last] === null) last -= 1;
    if (last < 0) return null;
    return {
      name: one.name,
      colour: colours.series[index % SERIES_COLOURS],
      x: plot.valToPos(plot.data[0][last], "x", true) + LABEL_GAP * ratio,
      y: plot.valToPos(one.values[last], "y", true),
    };
  });
  const shown = labels.filter(Boolean).sort((one, other) => one.y - other.y);
  const line = 14 * ratio;
  shown.forEach((label, index) => {
    if (index) label.y = Math.max(label.y, shown[index - 1].y + line);
  });
  let lowest = plot.bbox.top + plot.bbox.height;
  for (const label of [...shown].reverse()) {
    label.y = Math.min(label.y, lowest);
    lowest = label.y - line;
  }
  const { ctx } = plot;
  ctx.save();
  ctx.font = `${12 * ratio}px ${colours.font}`;
  ctx.textBaseline = "middle";
  ctx.textAlign = "left";
  for (const label of shown) {
    ctx.fillStyle = label.colour;
    ctx.fillText(label.name, label.x, label.y);
  }
  ctx.restore();
}

function written(value, unit, ticks) {
  if (unit === "share") {
    const step = Math.abs((ticks[1] ?? 1) - (ticks[0] ?? 0));
    return `${(value * 100).toFixed(step < 0.01 ? 1 : 0)}%`;
  }
  const words = value.toLocaleString("en-GB", { maximumFractionDigits: 4 });
  return unit === "ms" ? `${words} ms` : words;
}

// A token may be two colours, light and dark: only an element that wears it knows which one holds.
function coloursOf(place) {
  const probe = document.createElement("span");
  place.append(probe);
  const worn = (name) => {
    probe.className = name;
    return getComputedStyle(probe).color;
  };
  const series = Array.from({ length: SERIES_COLOURS }, (_unused, index) => worn(`series-${index + 1}`));
  const found = { series, quiet: worn("chart-quiet"), line: worn("chart-line"), font: getComputedStyle(place).fontFamily };
  probe.remove();
  return found;
}

function faint(colour) {
  const [red, green, blue] = colour.match(/[\d.]+/g);
  return `rgba(${red}, ${green}, ${blue}, ${BAND_ALPHA})`;
}
