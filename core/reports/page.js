"use strict";
for (const table of document.querySelectorAll("table")) {
  const heads = Array.from(table.tHead.rows[0].cells);
  const body = table.tBodies[0];
  const key = (row, column) => {
    const text = row.cells[column].dataset.key;
    const isNumber = heads[column].classList.contains("number");
    return isNumber ? (text === "" ? NaN : Number(text)) : text;
  };
  const compare = (one, other) => {
    // What is not known comes last, whichever way.
    const lacks = (value) => value === "" || Number.isNaN(value);
    if (lacks(one) || lacks(other)) return Number(lacks(one)) - Number(lacks(other));
    return null;
  };
  heads.forEach((head, column) => {
    head.querySelector("button").addEventListener("click", () => {
      const isDown = head.getAttribute("aria-sort") === "ascending";
      const rows = Array.from(body.rows).map((row) => [key(row, column), row]);
      rows.sort(([one], [other]) => {
        const known = compare(one, other);
        if (known !== null) return known;
        const way = typeof one === "number" ? one - other : one.localeCompare(other);
        return isDown ? -way : way;
      });
      body.append(...rows.map(([, row]) => row));
      for (const each of heads) each.setAttribute("aria-sort", "none");
      head.setAttribute("aria-sort", isDown ? "descending" : "ascending");
    });
  });
}
