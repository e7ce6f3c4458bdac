/* Webhook UI: keys. The palette (Go to), the shortcuts of the table in ui/shortcuts.py, their help, the theme. */
"use strict";
(() => {
  const PREFIX_MS = 1500; // so long a first key (g) waits for its second
  const EARLY_MS = 10000; // so long a key waits for the page
  const TYPING_MS = 120; // the palette asks when typing rests so long
  const ROWS = ".w-content :is(.w-card, .w-table tbody tr:not(.w-group), [data-row])";
  const palette = () => document.querySelector("dialog.w-palette");
  const help = () => document.querySelector("dialog.w-keys-help");
  const isLeaving = (element) => Boolean(element.closest("[class*='-leave-active']"));
  const visible = (element) => element.checkVisibility({ visibilityProperty: true });

  /* --- what floats over the page --- */

  function open(dialog) {
    if (!dialog || dialog.open) return;
    const end = performance.now() + 1000;
    (function whenFree() {
      // a menu or the drawer on its way out would take the focus back; a form that is open stays in front
      const over = [...document.querySelectorAll(".q-dialog__backdrop, .q-menu")];
      if (!over.length) {
        dialog.showModal();
        if (dialog === palette()) begin();
      } else if (performance.now() < end || over.every(isLeaving)) requestAnimationFrame(whenFree);
    })();
  }

  function closeOver(event) {
    const dialog = event.target.closest?.("dialog.w-over");
    if (dialog && (event.target === dialog || event.target.closest("[data-close]"))) dialog.close();
  }

  function openOver(event) {
    const opener = event.target.closest?.("[data-open]");
    if (opener) open(opener.dataset.open === "palette" ? palette() : help());
  }

  /* --- the palette --- */

  const field = () => palette().querySelector("input");
  const options = () => [...palette().querySelectorAll('[role="option"]')];
  let asking = 0;
  let watched = null;

  function begin() {
    const list = palette().querySelector('[role="listbox"]');
    if (watched !== list) {
      watched = list;
      // what is found comes by itself, and its first is the one that Enter takes
      new MutationObserver(() => {
        if (!options().some((one) => one.getAttribute("aria-selected") === "true")) choose(options()[0]);
      }).observe(list, { childList: true, subtree: true });
    }
    field().value = "";
    emitEvent("palette", "");
  }

  function choose(option) {
    for (const one of options()) one.setAttribute("aria-selected", String(one === option));
    if (option) {
      field().setAttribute("aria-activedescendant", option.id);
      option.scrollIntoView({ block: "nearest" });
    } else field().removeAttribute("aria-activedescendant");
  }

  function ask() {
    clearTimeout(asking);
    asking = setTimeout(() => emitEvent("palette", field().value), TYPING_MS);
  }

  function keyInPalette(event) {
    if (event.isComposing) return;
    const all = options();
    const at = all.findIndex((one) => one.getAttribute("aria-selected") === "true");
    const goal = {
      ArrowDown: (at + 1) % all.length,
      ArrowUp: at <= 0 ? all.length - 1 : at - 1,
      PageDown: Math.min(at + 5, all.length - 1),
      PageUp: Math.max(at - 5, 0),
    }[event.key];
    if (goal !== undefined && all.length) {
      event.preventDefault();
      choose(all[goal]);
    } else if (event.key === "Enter") {
      event.preventDefault();
      all[at]?.click();
    }
  }

  const inPalette = (event) => event.target.matches?.(".w-palette-field") && palette().open;
  const optionAt = (event) => event.target.closest?.('.w-palette [role="option"]');

  function leavePalette(event) {
    // after the link or the button itself was heard
    if (optionAt(event) && !event.ctrlKey && !event.metaKey) setTimeout(() => palette().close());
  }

  function pointAt(event) {
    const option = optionAt(event);
    if (option && option.getAttribute("aria-selected") !== "true") choose(option);
  }

  /* --- shortcuts --- */

  let prefix = "";
  let prefixEnds = 0;

  const TYPED = 'input, textarea, select, [contenteditable="true"], [role="textbox"], [role="combobox"]';

  /* into a tick nobody types; what was typed into and is closed keeps the focus until the next frame */
  function isTyping(target) {
    if (target.matches?.('input[type="checkbox"]')) return false;
    const field = target.closest?.(TYPED);
    return Boolean(field) && visible(field) && !isLeaving(field);
  }

  const isCovered = () =>
    [...document.querySelectorAll("dialog[open], .q-dialog__backdrop, .q-menu, .w-dialog")].some((one) => !isLeaving(one));

  function focusIn(row) {
    const goal = row?.querySelector(".w-card-title, .w-row-title, .w-open, a[href], button");
    goal?.focus();
    return Boolean(goal);
  }

  const inPanel = () => document.activeElement?.closest(".w-panel");

  function move(step) {
    const next = inPanel()?.querySelector(`.w-btn[aria-label="${webhookUi.say(step > 0 ? "older" : "newer")}"]`);
    if (next) return next.click();
    const rows = [...document.querySelectorAll(ROWS)].filter(visible);
    const at = rows.findIndex((row) => row.contains(document.activeElement));
    if (at < 0) return focusIn(rows[step > 0 ? 0 : rows.length - 1]);
    return focusIn(rows[at + step]);
  }

  function menu() {
    const row = document.activeElement?.closest(ROWS);
    const openers = '[aria-haspopup="menu"][data-more]';
    const near = row?.querySelector(openers) || inPanel()?.querySelector(openers);
    (near || document.querySelector(`.w-content .w-acts ${openers}`))?.click();
  }

  const acts = {
    go: (path) => document.querySelector(`.w-side a[href="${window.path_prefix || ""}${path}"]`)?.click(),
    focus: (what) => {
      const found = [...document.querySelectorAll(what)].find(visible);
      if (!found) open(palette());
      else {
        found.focus();
        found.select?.();
      }
    },
    press: (what) => [...document.querySelectorAll(what)].find(visible)?.click(),
    move: (step) => move(Number(step)),
    menu,
    undo: () => [...document.querySelectorAll(".w-toasts .w-undo")].filter(visible).pop()?.click(),
    help: () => open(help()),
  };

  const early = []; // keys that were pressed before the page stood there

  function keepEarly(event) {
    if (callsPalette(event)) event.preventDefault(); // the browser's own way with it is not meant
    if (early.push(event) > 1) return;
    const end = performance.now() + EARLY_MS;
    (function whenThere() {
      if (help()) early.splice(0).forEach(pressed);
      else if (performance.now() < end) requestAnimationFrame(whenThere);
      else early.length = 0;
    })();
  }

  const callsPalette = (event) =>
    (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "k";

  function pressed(event) {
    const isPlain = !(event.ctrlKey || event.metaKey || event.altKey);
    if (!help() && (isPlain || callsPalette(event))) return keepEarly(event);
    if (callsPalette(event)) {
      event.preventDefault();
      if (palette()?.open) palette().close();
      else if (!document.querySelector(".q-dialog__backdrop, dialog[open]")) open(palette());
      return;
    }
    if (event.defaultPrevented || event.isComposing || !isPlain) return;
    if (help()?.dataset.on !== "true" || isTyping(event.target) || isCovered()) return;
    const table = JSON.parse(help().dataset.keys);
    const begun = performance.now() < prefixEnds ? prefix : "";
    prefix = "";
    const inRow = document.activeElement?.closest(ROWS);
    const found = table.find(({ keys, also }) =>
      begun ? keys.length === 2 && keys[0] === begun && keys[1] === event.key
            : (keys.length === 1 && keys[0] === event.key) || (inRow && also === event.key));
    if (found) {
      event.preventDefault();
      acts[found.act]?.(found.on);
    } else if (!begun && table.some(({ keys }) => keys.length === 2 && keys[0] === event.key)) {
      prefix = event.key;
      prefixEnds = performance.now() + PREFIX_MS;
    }
  }

  /* Ctrl Enter, wherever one is in a form, does what its first button does */
  function finish(event) {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.isComposing) return;
    const form = event.target.closest?.(".w-dialog, .w-panel");
    const button = form?.querySelector(":scope > :is(.w-dialog-foot, .w-panel-foot) .w-primary:not(.disabled)");
    if (!button) return;
    event.preventDefault();
    event.stopImmediatePropagation(); // whatever has the focus would be pressed, too
    button.focus(); // what was typed last is taken over when its field is left
    button.click();
  }

  /* --- the theme, and what lies over the focus --- */

  function theme(name) {
    if (name === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = name;
    setDark(name === "system" ? null : name === "dark");
  }

  /* what a toast or the bar at the top would cover is brought out from under it */
  function uncover(event) {
    // what a pointer has reached is not covered, and must not move away from under it
    if (!event.target.matches?.(":focus-visible") || event.target.closest(".w-toasts, dialog, .q-dialog, .q-menu")) return;
    const focus = event.target.getBoundingClientRect?.();
    if (!focus) return;
    for (const toast of document.querySelectorAll(".w-toast")) {
      const over = toast.getBoundingClientRect();
      const apart = over.bottom <= focus.top || over.top >= focus.bottom || over.right <= focus.left || over.left >= focus.right;
      if (!apart) scrollBy({ top: focus.bottom - over.top + 12 });
    }
  }

  document.addEventListener("keydown", pressed);
  document.addEventListener("keydown", finish, true); // before a button hears it
  document.addEventListener("click", closeOver);
  document.addEventListener("click", openOver);
  document.addEventListener("focusin", uncover);
  document.addEventListener("input", (event) => inPalette(event) && ask());
  document.addEventListener("keydown", (event) => inPalette(event) && keyInPalette(event));
  document.addEventListener("click", leavePalette);
  document.addEventListener("pointermove", pointAt);
  if (/Mac|iPhone|iPad/.test(navigator.platform)) document.documentElement.classList.add("w-mac");
  Object.assign(window.webhookUi ??= {}, { theme, help: () => open(help()) });
})();
