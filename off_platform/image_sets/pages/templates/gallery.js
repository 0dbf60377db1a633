
(() => {
  "use strict";

  const one = (id) => document.getElementById(id);
  const number = new Intl.NumberFormat("en");
  const order = ["fetched", "missing", "refused", "corrupt", "failed"];
  const cards = Array.from(document.querySelectorAll(".card"));
  const words = new WeakMap();
  const viewer = one("viewer");
  let visible = cards;
  let status = "";
  let current = null;
  let opened = null;

  const photoOf = (card) => card.querySelector(".photo");

  const wordsOf = (card) => {
    if (!words.has(card)) {
      const parts = card.querySelectorAll(".title bdi, .details .key, .known dd, .text");
      words.set(card, Array.from(parts, (part) => part.textContent.toLowerCase()).join("\n"));
    }
    return words.get(card);
  };

  const stopAt = (card) => {
    if (current) photoOf(current).tabIndex = -1;
    current = card;
    if (card) photoOf(card).tabIndex = 0;
  };

  const show = () => {
    const sought = one("search").value.trim().toLowerCase();
    visible = cards.filter((card) => {
      const fits = (!status || card.dataset.status === status) && (!sought || wordsOf(card).includes(sought));
      card.hidden = !fits;
      return fits;
    });
    one("found").textContent = visible.length === cards.length ? "" : `${number.format(visible.length)} of ${number.format(cards.length)}`;
    one("nothing").hidden = visible.length > 0;
    stopAt(visible[0] ?? null);
  };

  const filterButton = (value, label, count) => {
    const button = document.createElement("button");
    const figure = document.createElement("b");
    figure.textContent = number.format(count);
    button.type = "button";
    button.className = value ? "chip" : "chip all";
    if (value) button.dataset.status = value;
    button.setAttribute("aria-pressed", String(value === status));
    button.append(label, " ", figure);
    button.addEventListener("click", () => {
      status = value;
      for (const each of one("filters").children) each.setAttribute("aria-pressed", String(each === button));
      show();
    });
    return button;
  };

  const addFilters = () => {
    const counts = new Map();
    for (const card of cards) counts.set(card.dataset.status, (counts.get(card.dataset.status) ?? 0) + 1);
    const place = (value) => (order.includes(value) ? order.indexOf(value) : order.length);
    const present = Array.from(counts.keys()).sort((left, right) => place(left) - place(right));
    one("filters").append(filterButton("", "all", cards.length));
    for (const value of present) one("filters").append(filterButton(value, value, counts.get(value)));
  };

  const fill = (card) => {
    opened = card;
    stopAt(card);
    const picture = photoOf(card).firstElementChild.cloneNode(true);
    picture.removeAttribute("loading");
    one("viewer-photo").replaceChildren(picture);
    one("viewer-title").textContent = card.querySelector(".title bdi").textContent;
    one("viewer-details").replaceChildren(...Array.from(card.querySelector(".details").children, (part) => part.cloneNode(true)));
    const place = visible.indexOf(card);
    one("previous").disabled = place <= 0;
    one("next").disabled = place === visible.length - 1;
  };

  const step = (by) => {
    const card = visible[visible.indexOf(current) + by];
    if (!card) return;
    if (viewer.open) {
      fill(card);
      return;
    }
    stopAt(card);
    photoOf(card).focus();
  };

  const columns = () => getComputedStyle(one("grid")).gridTemplateColumns.split(" ").length;

  one("grid").addEventListener("click", (event) => {
    const button = event.target.closest(".photo");
    if (!button) return;
    fill(button.closest(".card"));
    viewer.showModal();
  });
  one("grid").addEventListener("focusin", (event) => {
    const card = event.target.closest(".card");
    if (card && card !== current) stopAt(card);
  });
  // The browser puts the focus back on the photo that opened the viewer; the last one seen is meant.
  viewer.addEventListener("close", () => photoOf(opened).focus());
  viewer.addEventListener("click", (event) => event.target === viewer && viewer.close());
  one("close").addEventListener("click", () => viewer.close());
  one("previous").addEventListener("click", () => step(-1));
  one("next").addEventListener("click", () => step(1));

  let waiting = 0;
  one("search").addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(show, 120);
  });

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target === one("search");
    if (event.key === "/" && !typing && !viewer.open) {
      event.preventDefault();
      one("search").focus();
      return;
    }
    const across = { ArrowLeft: -1, ArrowRight: 1 }[event.key] ?? 0;
    const down = { ArrowUp: -1, ArrowDown: 1 }[event.key] ?? 0;
    if (typing && event.key === "ArrowDown" && visible.length) {
      event.preventDefault();
      photoOf(visible[0]).focus();
    } else if (viewer.open && across) {
      event.preventDefault();
      step(across);
    } else if (!typing && !viewer.open && document.activeElement.classList.contains("photo") && (across || down)) {
      event.preventDefault();
      step(across + down * columns());
    }
  });

  for (const card of cards) photoOf(card).tabIndex = -1;
  addFilters();
  show();
})();
