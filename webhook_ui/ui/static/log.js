/* Webhook UI: a log of deliveries. Choosing a window of time by mouse or keys, stepping by arrows beside the panel. */
"use strict";
(() => {
  let drag = null;
  const state = new WeakMap(); // by plot: where the keys are and where they began

  const plotOf = (event) => event.target.closest?.(".w-hist-plot");
  const count = (plot) => Number(plot.dataset.bars || 0);
  const pick = (plot, detail) => plot.dispatchEvent(new CustomEvent("pick", { detail }));

  function barAt(plot, x) {
    const place = plot.getBoundingClientRect();
    return Math.min(Math.max(Math.floor(((x - place.left) / place.width) * count(plot)), 0), count(plot) - 1);
  }

  /* the same element in which the server shows the window that is in force */
  function show(plot, from, to) {
    const [first, last] = from <= to ? [from, to] : [to, from];
    const chosen = plot.querySelector(".w-hist-window");
    const bars = count(plot);
    chosen.classList.remove("hidden");
    chosen.style.left = `${(first / bars) * 100}%`;
    chosen.style.width = `${((last - first + 1) / bars) * 100}%`;
    plot.querySelectorAll('[role="option"]').forEach((bar, number) => {
      bar.setAttribute("aria-selected", number >= first && number <= last ? "true" : "false");
    });
    return `${first}-${last}`;
  }

  function keep(plot) {
    const chosen = plot.querySelector(".w-hist-window");
    return { hidden: chosen.classList.contains("hidden"), left: chosen.style.left, width: chosen.style.width };
  }

  function restore(plot, before) {
    const chosen = plot.querySelector(".w-hist-window");
    chosen.classList.toggle("hidden", before.hidden);
    chosen.style.left = before.left;
    chosen.style.width = before.width;
  }

  function press(event) {
    const plot = plotOf(event);
    if (!plot || event.button !== 0 || !count(plot)) return;
    const bar = barAt(plot, event.clientX);
    drag = { plot, from: bar, to: bar, before: keep(plot) };
    state.delete(plot);
    plot.setPointerCapture?.(event.pointerId);
    show(plot, bar, bar);
  }

  function move(event) {
    if (!drag) return;
    drag.to = barAt(drag.plot, event.clientX);
    show(drag.plot, drag.from, drag.to);
  }

  function release() {
    if (!drag) return;
    const { plot, from, to } = drag;
    drag = null;
    pick(plot, show(plot, from, to));
  }

  function abandon() {
    if (drag) restore(drag.plot, drag.before);
    drag = null;
  }

  function step(event, plot) {
    const bars = count(plot);
    const at = state.get(plot) || { from: bars, to: bars, before: keep(plot) };
    const to = {
      ArrowLeft: Math.max(at.to - 1, 0),
      ArrowRight: Math.min(at.to + 1, bars - 1),
      ArrowUp: Math.max(at.to - 1, 0),
      ArrowDown: Math.min(at.to + 1, bars - 1),
      Home: 0,
      End: bars - 1,
    }[event.key];
    if (to === undefined || !bars) return;
    event.preventDefault();
    const from = event.shiftKey && at.from < bars ? at.from : to;
    state.set(plot, { from, to, before: at.before });
    show(plot, from, to);
    plot.setAttribute("aria-activedescendant", plot.querySelectorAll('[role="option"]')[to].id);
  }

  function decide(event, plot) {
    const at = state.get(plot);
    if ((event.key === "Enter" || event.key === " ") && at) {
      event.preventDefault();
      pick(plot, show(plot, at.from, at.to));
    } else if (event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      if (at) restore(plot, at.before);
      else abandon();
      pick(plot, "");
    } else return;
    state.delete(plot);
    plot.removeAttribute("aria-activedescendant");
  }

  /* while a delivery is open, the arrows go from one to the next, unless they have work where the focus is */
  function stepPanel(event) {
    const name = { ArrowUp: webhookUi.say("newer"), ArrowDown: webhookUi.say("older") }[event.key];
    if (!name || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || event.defaultPrevented) return;
    const busy =
      'input, textarea, select, pre, [contenteditable], [role="menu"], [role="listbox"], [role="combobox"], [role="tablist"]';
    if (event.target.closest?.(busy) || document.querySelector(".w-dialog, .q-menu")) return;
    const button = document.querySelector(`.w-panel .w-btn[aria-label="${name}"]`);
    if (!button) return;
    event.preventDefault();
    button.click();
  }

  function key(event) {
    const plot = plotOf(event);
    if (!plot) return;
    step(event, plot);
    decide(event, plot);
  }

  document.addEventListener("pointerdown", press);
  document.addEventListener("pointermove", move);
  document.addEventListener("pointerup", release);
  document.addEventListener("pointercancel", abandon);
  document.addEventListener("keydown", key, true);
  document.addEventListener("keydown", stepPanel);
})();
