"use strict";
// What a reader can do with the page: open and close blocks, search, sort, point, choose a layer. The page is whole
// without it. It writes no markup: what stands in names stays text.
document.documentElement.classList.add("scripted");
document.addEventListener("DOMContentLoaded", () => {
  for (const part of document.querySelectorAll(".network")) network(part);
  document.documentElement.classList.add("ready");
});
let unfolded = [];
addEventListener("beforeprint", () => {
  unfolded = [...document.querySelectorAll("details:not([open])")];
  for (const details of unfolded) details.open = true;
});
addEventListener("afterprint", () => {
  for (const details of unfolded) details.open = false;
});

function network(part) {
  const table = part.querySelector("table.layers"), body = table.tBodies[0];
  const FIRST = Number(table.dataset.first), MORE = 1000; // rows at first, and whenever the reader asks for more
  const data = JSON.parse(part.querySelector("script.data").textContent);
  const controls = part.querySelector(".controls"), search = controls.querySelector("input");
  const status = controls.querySelector("[role=status]"), more = part.querySelector(".more");
  const number = part.dataset.network;
  const figures = [...part.querySelectorAll(".drawn > svg")];
  const rows = [...body.rows].map(read);
  const byNode = new Map(rows.filter((row) => !row.block).map((row) => [row.first, row]));
  const opened = new Set(), shut = new Set(); // blocks; those that were closed among what a search found
  let found = null, sorted = null, most = FIRST, panel = null, glyphs = null, lit = [];

  // Rows

  function read(element, index) {
    const block = element.classList.contains("block");
    const [first, last] = (block ? element.dataset.span : element.dataset.at).split(" ").map(Number);
    const deep = Number(/\bd(\d+)/.exec(element.className)?.[1] ?? 0);
    return { element, index, block, deep, first, last: last ?? first, parent: null, button: null, shown: true };
  }

  function grow() { // a row lies in the last block before it that has not ended
    const around = [];
    for (const row of rows) {
      while (around.length && around.at(-1).last < row.first) around.pop();
      row.parent = around.at(-1) ?? null;
      if (row.block) around.push(row);
    }
  }

  function words(row) {
    row.words ??= `${row.element.cells[0].textContent} ${row.element.cells[1].textContent}`.toLowerCase();
    return row.words;
  }

  function name(row) { return row.element.cells[0].textContent; }

  function buttons() { // the names become buttons
    for (const row of rows) {
      if (row.element.classList.contains("source")) continue;
      const cell = row.element.cells[0], button = document.createElement("button");
      button.type = "button";
      button.append(...cell.childNodes);
      button.setAttribute("aria-expanded", "false");
      cell.append(button);
      row.button = button;
    }
  }

  // What is shown: the tree, what was found in it, or all layers in another order

  function isOpen(row) { return found ? !shut.has(row) : opened.has(row); }

  function order() {
    if (sorted) return found ? sorted.rows.filter((row) => found.has(row)) : sorted.rows;
    const list = [];
    for (const row of rows) {
      row.within = !row.parent || (row.parent.within && isOpen(row.parent));
      if (row.within && (!found || found.has(row))) list.push(row);
    }
    return list;
  }

  function show() {
    const list = order();
    const shown = new Set(list.length > most + 20 ? list.slice(0, most) : list);
    for (const row of rows) {
      if (row.shown !== shown.has(row)) {
        row.shown = !row.shown;
        row.element.classList.toggle("away", !row.shown);
      }
      if (row.block && row.shown) row.button.setAttribute("aria-expanded", isOpen(row));
    }
    more.hidden = shown.size === list.length;
    const rest = list.length - shown.size;
    more.firstChild.textContent = `Show ${count(Math.min(MORE, rest))} more of ${count(rest)} rows`;
    table.classList.toggle("flat", Boolean(sorted));
    table.classList.toggle("printable", !sorted && !found && rows.length <= FIRST); // then all of it is printed
    if (panel) panel.classList.toggle("away", !panel.row.shown);
  }

  function toggle(row) {
    const set = found ? shut : opened;
    if (!set.delete(row)) set.add(row);
    show();
  }

  function all(open) {
    opened.clear();
    shut.clear();
    for (const row of rows) if (row.block) (open ? opened : shut).add(row);
    if (!found) shut.clear();
    show();
  }

  function find() {
    const wanted = search.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    shut.clear();
    most = FIRST;
    found = null;
    let many = 0;
    if (wanted.length) {
      found = new Set();
      for (const row of rows) {
        if (!wanted.every((word) => words(row).includes(word))) continue;
        if (!row.block && row.button) many += 1;
        for (let one = row; one && !found.has(one); one = one.parent) found.add(one);
      }
    }
    show();
    const layers = rows.filter((row) => !row.block && row.button).length;
    status.textContent = found ? `${count(many)} of ${count(layers)} layers` : "";
  }

  // Sorting: whole numbers are compared by their digits, so that none is too large to be exact

  const collator = new Intl.Collator("en", { numeric: true });
  const comparing = {
    text: (a, b) => collator.compare(a, b),
    number: (a, b) => a.length - b.length || (a < b ? -1 : a > b ? 1 : 0),
    shape: (a, b) => (a < b ? -1 : a > b ? 1 : 0),
  };

  function key(row, column, kind) {
    const text = row.element.cells[column].textContent;
    if (kind === "text") return text;
    if (kind === "number") return text.replace(/\D/g, "").replace(/^0+/, "");
    if (text === "whole") return 1n << 200n;
    const factors = text.split(",")[0].match(/\d+/g) ?? ["0"];
    return factors.reduce((product, factor) => product * BigInt(factor), 1n);
  }

  function sort(column, descending) {
    const kind = table.tHead.rows[0].cells[column].dataset.sort;
    const layers = rows.filter((row) => !row.block);
    const keys = new Map(layers.map((row) => [row, key(row, column, kind)]));
    const compare = comparing[kind], sign = descending ? -1 : 1;
    layers.sort((a, b) => sign * compare(keys.get(a), keys.get(b)) || a.index - b.index);
    sorted = { column, descending, rows: layers };
    place([...layers, ...rows.filter((row) => row.block)]);
  }

  function unsort() {
    sorted = null;
    place(rows);
  }

  function place(list) {
    most = FIRST;
    const elements = list.flatMap((row) => (panel?.row === row ? [row.element, panel.element] : [row.element]));
    body.replaceChildren(...elements);
    for (const cell of table.tHead.rows[0].cells) {
      const isIt = sorted && cell.cellIndex === sorted.column;
      if (isIt) cell.setAttribute("aria-sort", sorted.descending ? "descending" : "ascending");
      else cell.removeAttribute("aria-sort");
    }
    controls.querySelector("[data-do=tree]").hidden = !sorted;
    show();
  }

  function head() {
    for (const cell of table.tHead.rows[0].cells) {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...cell.childNodes);
      cell.append(button);
      make("span", "printed", cell, button.textContent); // a button is not repeated at the head of every page
      button.addEventListener("click", () => {
        const first = cell.dataset.sort !== "text", again = sorted?.column === cell.cellIndex;
        if (again && sorted.descending !== first) unsort();
        else sort(cell.cellIndex, again ? !first : first);
      });
    }
  }

  // A layer that was chosen: its arithmetic and what it sees, in a row of its own

  function choose(row) {
    const was = panel?.row;
    if (panel) {
      panel.element.remove();
      panel.row.button.setAttribute("aria-expanded", "false");
      panel.row.button.removeAttribute("aria-controls");
      panel.row.element.classList.remove("chosen");
      panel = null;
    }
    if (was === row) return;
    const element = document.createElement("tr"), cell = make("td", "", element);
    element.className = "panel";
    element.id = `panel${number}`;
    cell.colSpan = row.element.cells.length;
    explanation(row, make("div", "explanation", cell));
    row.element.after(element);
    row.element.classList.add("chosen");
    row.button.setAttribute("aria-expanded", "true");
    row.button.setAttribute("aria-controls", element.id);
    panel = { row, element, classList: element.classList };
  }

  function reach(row) { // opens what it lies in
    if (!row.shown) {
      if (found && !found.has(row)) {
        search.value = "";
        find();
      }
      for (let one = row.parent; one; one = one.parent) {
        shut.delete(one);
        opened.add(one);
      }
      show();
      if (!row.shown) {
        most = order().indexOf(row) + FIRST;
        show();
      }
    }
    row.button.focus({ preventScroll: true });
    row.element.scrollIntoView({ block: "center", behavior: calm() ? "auto" : "smooth" });
  }

  function calm() { return matchMedia("(prefers-reduced-motion: reduce)").matches; }

  function explanation(row, place) {
    const [at, fields] = data.layers[row.first], [arrives, note, steps] = data.explanations[at];
    const cells = row.element.cells, told = make("div", "told", place);
    const head = make("p", "what", told);
    make("b", "", head, name(row));
    head.append(`: ${cells[1].textContent}, ${arrives} → ${cells[2].textContent}`);
    if (note) make("p", "note", told, note);
    if (!steps.length) make("p", "note", told, "There are no weights and nothing to compute but what its place says.");
    const list = steps.length ? make("dl", "steps", told) : null;
    for (const step of steps) {
      const [quantity, terms, value, remark] = data.steps[step], pair = make("div", "", list);
      make("dt", "", pair, quantity);
      const working = make("dd", "", pair);
      for (const term of terms) {
        const math = maths("math", working);
        math.append(set(data.terms[term]));
        working.append(" = ");
      }
      make("b", "", working, value);
      if (remark) make("span", "remark", working, ` (${remark})`);
    }
    for (const one of fields) drawing(data.fields[one], place);
  }

  function drawing([input, text, drawn], place) {
    const figure = make("figure", "field", place);
    if (drawn.length) {
      const copy = part.querySelectorAll("template.over")[input].content.cloneNode(true);
      const sides = ["x", "y", "width", "height"];
      sides.forEach((side, index) => copy.querySelector(".field").setAttribute(side, drawn[index]));
      sides.forEach((side, index) => copy.querySelector(".seen").setAttribute(side, drawn[4 + index]));
      ["cx", "cy"].forEach((side, index) => copy.querySelector(".centre").setAttribute(side, drawn[8 + index]));
      copy.querySelector("title").textContent = text;
      figure.append(copy);
    }
    make("figcaption", "", figure, `${text}.`);
  }

  function set(term) { // a term as MathML
    if (typeof term === "string") return maths("mn", null, term);
    const [what, ...rest] = term;
    if (what === "w") return raised(word(rest[0]), rest[1]);
    if (what === "/") {
      const over = maths("mfrac");
      over.append(...rest.map(set));
      return over;
    }
    const line = maths("mrow");
    if (what) line.append(maths("mo", null, what[0]), set(rest[0]), maths("mo", null, what[1]));
    else line.append(...rest.map((one, index) => (index % 2 ? maths("mo", null, one) : set(one))));
    return what ? raised(line, rest[1]) : line;
  }

  function word(text) { // an identifier: next to mtext, which counts as space, operators would lose theirs
    const name = maths("mi", null, text);
    if (text.length === 1) name.setAttribute("mathvariant", "normal");
    return name;
  }

  function raised(base, power) {
    if (!power) return base;
    const both = maths("msup");
    both.append(base, maths("mn", null, power));
    return both;
  }

  // The figures and the table: what is pointed at in one is lit in all

  function marks() {
    if (glyphs) return glyphs;
    glyphs = new Map();
    for (const figure of figures) {
      for (const element of figure.querySelectorAll("[data-at]")) {
        for (const at of element.dataset.at.split(" ")) {
          const one = Number(at);
          if (glyphs.has(one)) glyphs.get(one).push(element);
          else glyphs.set(one, [element]);
        }
      }
    }
    return glyphs;
  }

  function light(nodes) {
    for (const element of lit) element.classList.remove("lit");
    const found = new Set();
    for (const node of nodes) {
      for (const element of marks().get(node) ?? []) found.add(element);
      let row = byNode.get(node);
      while (row && !row.shown && !sorted) row = row.parent;
      if (row) found.add(row.element);
    }
    for (const element of found) element.classList.add("lit");
    lit = [...found];
  }

  function nodesOf(target) {
    const mark = target.closest?.(".drawn [data-at]");
    if (mark) return mark.dataset.at.split(" ").map(Number);
    const element = target.closest?.("table.layers tbody tr:not(.panel)");
    if (!element) return [];
    const [first, last] = (element.dataset.span ?? element.dataset.at).split(" ").map(Number);
    return Array.from({ length: (last ?? first) - first + 1 }, (_, index) => first + index);
  }

  let pointed = null, waiting = 0;
  function point(target) { // at most once in a frame
    pointed = target;
    waiting ||= requestAnimationFrame(() => {
      waiting = 0;
      light(nodesOf(pointed));
    });
  }

  // Figures by keyboard: one stop each, arrows go from layer to layer

  function reachable(figure) {
    const every = [...figure.querySelectorAll("[data-at]")];
    if (!every.length) return;
    figure.setAttribute("role", "group");
    figure.setAttribute("aria-label", figure.querySelector("title")?.textContent ?? "figure");
    let at = 0;
    const ready = (element) => {
      element.setAttribute("tabindex", "0");
      element.setAttribute("role", "button");
      const seen = [...element.querySelectorAll("text")].map((one) => one.textContent).join(" ");
      const told = element.querySelector("title")?.textContent ?? "layer";
      element.setAttribute("aria-label", seen ? `${seen}: ${told}` : told);
    };
    ready(every[0]);
    figure.addEventListener("keydown", (event) => {
      const moves = { ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0, End: every.length - 1 };
      if (event.key in moves && !event.altKey && !event.ctrlKey && !event.metaKey) {
        event.preventDefault();
        every[at].setAttribute("tabindex", "-1");
        at = Math.min(Math.max(moves[event.key], 0), every.length - 1);
        ready(every[at]);
        every[at].focus();
      } else if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        follow(every[at]);
      }
    });
  }

  function follow(mark) {
    const row = nodesOf(mark).map((node) => byNode.get(node)).find((one) => one?.button);
    if (!row) return;
    if (panel?.row !== row) choose(row);
    reach(row);
  }

  // Events

  grow();
  buttons();
  head();
  figures.forEach(reachable);
  controls.hidden = false;
  show();
  let typing = 0;
  search.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(find, 120);
  });
  const byElement = new Map(rows.map((row) => [row.element, row]));
  body.addEventListener("click", (event) => {
    const element = event.target.closest("tr"), row = byElement.get(element);
    if (!row?.button || String(getSelection()) !== "") return;
    if (row.block) toggle(row);
    else choose(row);
  });
  body.addEventListener("keydown", (event) => {
    const row = byElement.get(event.target.closest("tr"));
    if (!row || event.target !== row.button || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const step = event.key === "ArrowDown" ? "nextElementSibling" : "previousElementSibling";
      let next = row.element[step];
      while (next && (next.classList.contains("away") || !byElement.get(next)?.button)) next = next[step];
      byElement.get(next)?.button.focus();
    } else if (row.block && ((event.key === "ArrowRight" && !isOpen(row)) || (event.key === "ArrowLeft" && isOpen(row)))) {
      event.preventDefault();
      toggle(row);
    }
  });
  controls.addEventListener("click", (event) => {
    const doing = { open: () => all(true), close: () => all(false), tree: unsort }[event.target.dataset?.do];
    doing?.();
  });
  more.addEventListener("click", () => {
    const next = order()[most];
    most += MORE;
    show();
    next?.button?.focus();
  });
  part.addEventListener("click", (event) => {
    const mark = event.target.closest(".drawn [data-at]");
    if (mark) follow(mark);
  });
  part.addEventListener("pointerover", (event) => point(event.target));
  part.addEventListener("pointerleave", () => point(document));
  part.addEventListener("focusin", (event) => point(event.target));
}

function count(number) {
  return number.toLocaleString("en");
}

function make(tag, class_, place, text) {
  const element = document.createElement(tag);
  if (class_) element.className = class_;
  if (text) element.textContent = text;
  place?.append(element);
  return element;
}

function maths(tag, place, text) {
  const element = document.createElementNS("http://www.w3.org/1998/Math/MathML", tag);
  if (text) element.textContent = text;
  place?.append(element);
  return element;
}
