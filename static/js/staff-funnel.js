// The funnel: pointing at an item, in the picture or in any table of the page, lights its way through every stage. It
// stays lit until another one is pointed at, because a table may be a screen away from the picture.

const LIT = "is-lit";

document.addEventListener("DOMContentLoaded", () => {
  for (const figure of document.querySelectorAll("[data-funnel]")) new Funnel(figure);
});

class Funnel {
  constructor(figure) {
    this.figure = figure;
    this.readout = figure.querySelector("[data-funnel-readout]");
    this.invitation = this.readout.textContent;
    this.ways = new Map([...figure.querySelectorAll("[data-url]")].map((way) => [way.dataset.url, way]));
    this.lit = null;
    this.rows = new Map();
    for (const link of document.querySelectorAll(".sheet a[href]")) {
      const url = link.getAttribute("href");
      if (this.ways.has(url)) this.rows.set(url, [...(this.rows.get(url) ?? []), link.closest("tr")]);
    }
    for (const kind of ["pointerover", "focusin"]) {
      document.addEventListener(kind, (event) => this.light(this.urlAt(event.target) ?? this.lit));
    }
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.light(null);
    });
  }

  // The item that an element stands for, in the picture or in a table's row.
  urlAt(element) {
    const way = element.closest?.("[data-url]");
    if (way && this.figure.contains(way)) return way.dataset.url;
    const links = element.closest?.(".sheet tbody tr")?.querySelectorAll("a[href]") ?? [];
    return [...links].map((link) => link.getAttribute("href")).find((url) => this.ways.has(url)) ?? null;
  }

  light(url) {
    if (url === this.lit) return;
    this.mark(this.lit, false);
    this.mark(url, true);
    this.lit = url;
    this.figure.classList.toggle("has-lit", Boolean(url));
    this.readout.textContent = url ? this.ways.get(url).dataset.words : this.invitation;
  }

  mark(url, isLit) {
    if (!url) return;
    this.ways.get(url).classList.toggle(LIT, isLit);
    for (const row of this.rows.get(url) ?? []) row.classList.toggle(LIT, isLit);
  }
}
