"use strict";
(() => {
  const opened = () => document.querySelectorAll("details").forEach((each) => { each.open = true; });
  addEventListener("beforeprint", opened);
  const reveal = () => {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const folded = target && target.closest("details");
    if (folded) { folded.open = true; target.scrollIntoView(); }
  };
  addEventListener("hashchange", reveal);
  reveal();

  const table = document.querySelector("#people table");
  if (!table) return;
  const body = table.tBodies[0], rows = Array.from(body.rows), heads = Array.from(table.tHead.rows[0].cells);
  const tools = document.querySelector("#people form"), said = document.querySelector("#people [role=status]");
  const search = tools.querySelector("input"), filters = Array.from(tools.querySelectorAll("select"));
  const key = (row, at) => row.cells[at].dataset.key;

  const show = () => {
    const wanted = search.value.trim().toLowerCase();
    let count = 0;
    for (const row of rows) {
      const fits = filters.every((each) => !each.value || key(row, each.dataset.column) === each.value);
      row.hidden = !(fits && row.textContent.toLowerCase().includes(wanted));
      count += row.hidden ? 0 : 1;
    }
    said.textContent = said.dataset.said.replace("{n}", count).replace("{all}", rows.length);
  };

  const sort = (at, isText) => {
    const was = heads[at].getAttribute("aria-sort");
    const up = was ? was === "descending" : isText;
    heads.forEach((each) => each.removeAttribute("aria-sort"));
    heads[at].setAttribute("aria-sort", up ? "ascending" : "descending");
    const order = (a, b) => {
      const [x, y] = [key(a, at), key(b, at)];
      if (x === "" || y === "") return (x === "") - (y === "");
      const by = isText ? x.localeCompare(y, undefined, { numeric: true }) : x - y;
      return up ? by : -by;
    };
    body.append(...rows.sort(order));
  };

  heads.forEach((head, at) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => sort(at, head.dataset.kind === "text"));
  });
  tools.hidden = false;
  tools.addEventListener("submit", (event) => event.preventDefault());
  tools.addEventListener("input", show);
  tools.addEventListener("reset", () => setTimeout(show));
  show();
})();
