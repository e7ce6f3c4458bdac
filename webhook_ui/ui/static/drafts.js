/* Webhook UI: what stands in a form outlives a page that has to be loaded anew, as after a restart of the server. What is
   secret does not: whatever is written here stands in the browser's storage (`kept_forms.py` says what that is). */
"use strict";
(() => {
  const DRAFTS = "webhook_ui_drafts";
  const DRAFTS_MS = 3600e3;
  const BY_ADDRESS = /^(filters|order) /; // another address says something else of these
  const SECRET = "[data-never-kept], input[type='password']";

  const person = () => document.querySelector(".w-account")?.getAttribute("aria-label") || "";

  function valueOf(element) {
    if (element.matches(SECRET) || element.querySelector(SECRET)) return undefined;
    if (["switch", "checkbox"].includes(element.getAttribute("role"))) return element.getAttribute("aria-checked") === "true";
    if (element.dataset.draft === "headers") return String(element.querySelectorAll(".w-header-row").length || "");
    if (element.matches(".w-seg")) return element.querySelector("[aria-pressed='true']")?.dataset.choice;
    const select = element.matches(".q-select") ? element : element.querySelector(".q-select");
    if (select?.matches(".q-select--multiple")) {
      return [...select.querySelectorAll(".q-chip__content")].map((chip) => chip.textContent.trim());
    }
    const choice = select?.querySelector(".q-field__native > span"); // what it shows stands beside its input
    if (choice) return choice.textContent.trim();
    return (element.matches("textarea, input") ? element : element.querySelector("textarea, input"))?.value ?? "";
  }

  function draftOf(form) {
    // of parts that stand for one another, only the one on the screen
    const seen = [...form.querySelectorAll("[data-draft]")].filter((one) => !one.closest("[data-draft-part].hidden"));
    return { form: form.dataset.draftForm, values: Object.fromEntries(seen.map((one) => [one.dataset.draft, valueOf(one)])) };
  }

  /* what is on its way back into forms that are not open yet: kept once more if the page is left before they are */
  let coming = [];
  let asked = false; // what was kept before belongs to this page until it has asked for it
  const COMING_MS = 10e3;
  const formOf = ({ form }) => form.split(" ").slice(0, 2).join(" "); // without its version

  function settle() {
    const open = [...document.querySelectorAll("[data-draft-form]")].map((one) => formOf({ form: one.dataset.draftForm }));
    coming = coming.filter((one) => !open.includes(formOf(one)));
    if (!coming.length) arrival.disconnect();
  }

  const arrival = new MutationObserver(settle);

  /* when a page is left, and only then: nothing is written while somebody types */
  function keep() {
    const drafts = [...document.querySelectorAll("[data-draft-form]")].map(draftOf);
    drafts.push(...coming);
    // who came back by the browser's memory may have left one, and have closed its form since
    if (!drafts.length) return asked && sessionStorage.removeItem(DRAFTS);
    const { pathname: path, search } = location;
    sessionStorage.setItem(DRAFTS, JSON.stringify({ drafts, path, search, person: person(), at: Date.now() }));
  }

  function restore() {
    asked = true;
    const text = sessionStorage.getItem(DRAFTS);
    sessionStorage.removeItem(DRAFTS);
    if (!text) return;
    const { drafts, path, search, person: whose, at } = JSON.parse(text);
    if (path !== location.pathname || whose !== person() || Date.now() - at >= DRAFTS_MS) return;
    // loaded anew is what was left, also where its address became another one at the last moment
    const isSame = search === location.search || performance.getEntriesByType("navigation")[0]?.type === "reload";
    coming = drafts.filter(({ form }) => isSame || !BY_ADDRESS.test(form));
    for (const draft of coming) emitEvent("draft", draft);
    arrival.observe(document.body, { childList: true, subtree: true });
    setTimeout(() => (coming = []), COMING_MS); // a form that may not be opened any more
    settle();
  }

  const waiting = setInterval(() => {
    if (!window.did_handshake) return;
    clearInterval(waiting);
    restore();
  }, 50);
  addEventListener("pagehide", keep);
})();
