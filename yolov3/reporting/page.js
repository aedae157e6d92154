// A click on the head of a table sorts it. The page says everything without this.
for (const table of document.querySelectorAll("table.numbers")) {
  table.classList.add("sortable");
  table.querySelectorAll("thead th").forEach((head, column) => {
    head.setAttribute("role", "button");
    head.tabIndex = 0;
    const sort = () => {
      const body = table.tBodies[0];
      const up = head.getAttribute("aria-sort") === "descending";
      table.querySelectorAll("thead th").forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const value = (row) => {
        const text = row.cells[column].textContent.trim();
        const number = parseFloat(text);
        return Number.isNaN(number) ? text : number;
      };
      const compare = (one, two) => {
        if (typeof one === "number" && typeof two === "number") return one - two;
        if (typeof one === "number") return 1;
        if (typeof two === "number") return -1;
        return two.localeCompare(one);
      };
      [...body.rows].sort((one, two) => compare(value(one), value(two)) * (up ? 1 : -1)).forEach((row) => body.append(row));
    };
    head.addEventListener("click", sort);
    head.addEventListener("keydown", (event) => { if (event.key === "Enter") sort(); });
  });
}
