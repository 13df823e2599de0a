// Tables that sort by a click on a head: first down for numbers and up for words, then the other way.

export function startTables() {
  for (const table of document.querySelectorAll("table[data-sortable]")) {
    table.querySelectorAll("thead th").forEach((head, place) => makeSortable(table, head, place));
  }
}

function makeSortable(table, head, place) {
  if (!head.textContent.trim()) return;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "sort";
  button.textContent = head.textContent;
  head.replaceChildren(button);
  button.addEventListener("click", () => sort(table, head, place));
}

function sort(table, head, place) {
  const isFigure = head.classList.contains("figure");
  const before = head.getAttribute("aria-sort");
  const direction = before ? (before === "ascending" ? "descending" : "ascending") : isFigure ? "descending" : "ascending";
  for (const other of table.querySelectorAll("thead th")) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", direction);
  const sign = direction === "ascending" ? 1 : -1;
  const body = table.tBodies[0];
  const rows = [...body.rows].map((row) => ({ row, key: keyOf(row.cells[place], isFigure) }));
  rows.sort((one, other) => compare(one.key, other.key, sign));
  body.append(...rows.map(({ row }) => row));
}

function keyOf(cell, isFigure) {
  const text = cell.dataset.sort ?? cell.textContent.trim();
  if (!isFigure) return text.toLocaleLowerCase();
  const number = Number.parseFloat(text);
  return Number.isNaN(number) ? null : number;
}

// What is not known stays at the end either way.
function compare(one, other, sign) {
  if (one === null || other === null) return (one === null) - (other === null);
  if (typeof one === "number") return sign * (one - other);
  return sign * one.localeCompare(other, undefined, { numeric: true });
}
