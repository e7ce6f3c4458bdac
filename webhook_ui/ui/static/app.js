/* Webhook UI: what the browser does by itself. Times go on counting, menus hear arrow keys, copying needs no server. */
"use strict";
(() => {
  const WEEK = 7 * 86400e3;
  /* what scripts say, in the language of the page; `reader.prepare` gives it */
  const words = JSON.parse(document.getElementById("webhook-ui-words")?.textContent || "{}");
  const say = (name, values = {}) => (words[name] || "").replace(/{(\w+)}/g, (_, key) => values[key]);
  // where the dashboard stands, for its cookies: this file is known by its place in it
  const ROOT = new URL(document.currentScript.src).pathname.replace(/\/_static\/.*$/, "") || "/";

  function span(seconds, parts) {
    const whole = Math.floor(Math.abs(seconds));
    if (whole < 60) return `${whole} s`;
    if (whole < 3600) return `${Math.floor(whole / 60)} min`;
    const days = whole >= 86400;
    const [big, small] = days ? [86400, 3600] : [3600, 60];
    const [bigName, smallName] = days ? ["d", "h"] : ["h", "min"];
    const rest = Math.floor((whole % big) / small);
    const text = `${Math.floor(whole / big)} ${bigName}`;
    return parts > 1 && rest ? `${text} ${rest} ${smallName}` : text;
  }

  /* the same words as formats.relative */
  function relative(at, now) {
    const seconds = (at - now) / 1000;
    if (Math.abs(seconds) < 1) return say("now");
    return seconds > 0 ? say("in", { span: span(seconds, 2) }) : say("ago", { span: span(seconds, 1) });
  }

  function tick() {
    const now = Date.now();
    for (const element of document.querySelectorAll("time[data-at]")) {
      const at = Number(element.dataset.at);
      // the text node itself is changed: the framework goes on writing to it
      const node = element.firstChild;
      if (node === null || Math.abs(at - now) >= WEEK) continue;
      const past = at <= now ? element.dataset.past : "";
      const text = past || (element.dataset.prefix || "") + relative(at, now);
      if (node.nodeValue !== text) node.nodeValue = text;
    }
  }

  function entries(menu) {
    return [...menu.querySelectorAll('[role^="menuitem"]:not([aria-disabled="true"])')];
  }

  function moveInMenu(event) {
    const menu = event.target.closest?.('[role="menu"]');
    if (!menu) return;
    const items = entries(menu);
    const at = items.indexOf(document.activeElement);
    const goal = {
      ArrowDown: (at + 1) % items.length,
      ArrowUp: at <= 0 ? items.length - 1 : at - 1,
      Home: 0,
      End: items.length - 1,
    }[event.key];
    if (goal === undefined || !items.length) return;
    event.preventDefault();
    items[goal].focus();
  }

  /* bars that lead somewhere are one stop for the Tab key */
  function moveInPlot(event) {
    const way = event.target.closest?.(".w-plot-way");
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!way || !step) return;
    event.preventDefault();
    const ways = [...way.closest("svg").querySelectorAll(".w-plot-way")];
    const goal = ways[ways.indexOf(way) + step];
    if (!goal) return;
    way.setAttribute("tabindex", "-1");
    goal.setAttribute("tabindex", "0");
    goal.focus();
  }

  async function copy(event) {
    const button = event.target.closest?.("[data-copy]");
    if (!button) return;
    const text = button.dataset.copy;
    if (!(await copyText(text))) {  // not over plain HTTP, or not allowed: the old way
      const area = document.createElement("textarea");
      area.value = text;
      area.className = "w-hidden";
      button.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    button.dataset.copied = say("copied");
    button.classList.add("w-copied");
    setTimeout(() => button.classList.remove("w-copied"), 1500);
  }

  /* what the server hands over after a press; some browsers refuse it then */
  async function copyText(text) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      return false;
    }
  }

  /* a card or a row opens by its title's link, wherever it is clicked, and its text can still be selected */
  function openByTitle(event) {
    const place = event.target.closest?.(".w-opens");
    if (!place || event.target.closest("a, button, input, .q-menu") || getSelection().toString()) return;
    const { ctrlKey, metaKey, shiftKey, altKey } = event;
    const how = { bubbles: true, cancelable: true, ctrlKey, metaKey, shiftKey, altKey };
    place.querySelector("a[href]")?.dispatchEvent(new MouseEvent("click", how));
  }

  /* the server writes days and times as they are where the reader is; what it knew before was another zone */
  function tellZone() {
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    const told = () => document.cookie.split("; ").includes(`webhook_ui_tz=${zone}`);
    if (!zone || told()) return;
    document.cookie = `webhook_ui_tz=${zone}; path=${ROOT}; max-age=31536000; samesite=lax`;
    const ready = setInterval(() => {
      if (!window.did_handshake) return;
      clearInterval(ready);
      emitEvent("zone", zone);
    }, 50);
  }

  tellZone();
  /* a dialog and a panel beside the page leave Escape to whatever lies above them */
  function closeByEscape(event) {
    if (event.key !== "Escape" || document.querySelector(".q-menu, dialog[open]")) return;
    const dialog = document.querySelector(".w-dialog");
    if (!dialog && document.querySelector(".q-dialog__backdrop")) return;
    const head = dialog ? dialog.querySelector(".w-dialog-head") : document.querySelector(".w-panel-head");
    head?.querySelector(`.w-btn[aria-label="${say("close")}"]`)?.click();
  }

  document.addEventListener("keydown", moveInMenu);
  document.addEventListener("keydown", moveInPlot);
  document.addEventListener("keydown", closeByEscape);
  document.addEventListener("click", openByTitle);
  document.addEventListener("click", copy);
  setInterval(tick, 1000);
  Object.assign((window.webhookUi ??= {}), { relative, copyText, say });
})();
