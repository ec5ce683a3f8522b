"use strict";
for (const chart of document.querySelectorAll(".chart")) {
  const figure = JSON.parse(chart.querySelector("script").textContent);
  Plotly.newPlot(chart.querySelector(".plot"), figure.data, figure.layout, {
    displayModeBar: false,
    responsive: true,
  });
}

const sortKey = (row, column) => {
  const cell = row.children[column];
  return "key" in cell.dataset ? Number(cell.dataset.key) : cell.textContent;
};

// What has no number stays last, whichever way one sorts.
const compare = (a, b, sign) => {
  if (typeof a === "string" || typeof b === "string") {
    return sign * String(a).localeCompare(String(b), "en", { numeric: true });
  }
  return Number.isNaN(a) - Number.isNaN(b) || sign * (a - b);
};

for (const table of document.querySelectorAll("table[data-sortable]")) {
  const headings = [...table.querySelectorAll("thead th")];
  headings.forEach((heading, column) => {
    heading.querySelector("button").addEventListener("click", () => {
      const descending = heading.getAttribute("aria-sort") === "ascending";
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
      const body = table.tBodies[0];
      const rows = [...body.rows];
      const sign = descending ? -1 : 1;
      rows.sort((a, b) => compare(sortKey(a, column), sortKey(b, column), sign));
      body.append(...rows);
    });
  });
}
