/* Webhook UI: whoever stands in a part of the page that is filled anew (`Part`, data-part) stays there. What goes away
   by what it does hands the keyboard on (data-then, a selector); a message gives it back to where it came from. */
"use strict";
(() => {
  const STOPS = "a[href], button, input, textarea, [tabindex='0']";
  const MESSAGES = ".w-toasts";
  const PATIENCE = 2000; // ms
  let at = null; // where the focus is: the element, its part, and its name there
  let before = null; // where it was before it went to a message

  /* figures in it may have become others */
  const nameOf = (element) => (element.getAttribute("aria-label") || element.textContent).replace(/\d[\d\s.,+]*/g, "#");

  function remember(event) {
    const part = event.target.closest?.("[data-part]");
    at = part && { element: event.target, part, name: nameOf(event.target) };
  }

  function goToMessage(event) {
    if (!event.target.closest?.(MESSAGES)) before = null; // somebody has gone on by himself
    else if (event.relatedTarget && !event.relatedTarget.closest(MESSAGES)) before = event.relatedTarget;
  }

  function comeBack() {
    if (!before || document.activeElement !== document.body) return;
    const goal = before;
    before = null;
    goal.focus({ preventScroll: true });
  }

  /* by a click beside it; what was taken away is not in the page any more */
  function forget(event) {
    const left = event.target;
    queueMicrotask(() => {
      if (left.closest?.(MESSAGES) && left.checkVisibility() && document.activeElement === document.body) before = null;
      if (at?.element === left && left.isConnected && document.activeElement !== left) at = null;
    });
  }

  function stay() {
    if (!at || at.element.isConnected || document.activeElement !== document.body) return;
    const { part, name } = at;
    at = null;
    if (!part.isConnected) return;
    [...part.querySelectorAll(STOPS)].find((one) => nameOf(one) === name)?.focus({ preventScroll: true });
  }

  function handOn(event) {
    const then = event.target.closest?.("[data-then]")?.dataset.then;
    if (then && event.detail === 0) document.querySelector(then)?.focus();  // by key, not by a finger
  }

  /* on the first of them that is seen, once nothing lies over it; unless the keyboard stands somewhere already */
  function standOn(...found) {
    const end = performance.now() + PATIENCE;
    (function look() {
      const goal = found.find((one) => one?.checkVisibility());
      const isFree = goal && !document.querySelector(".q-dialog");
      if (isFree && document.activeElement === document.body) goal.focus();
      else if (performance.now() < end) requestAnimationFrame(look);
    })();
  }

  document.addEventListener("click", handOn);
  document.addEventListener("focusin", remember);
  document.addEventListener("focusin", goToMessage);
  document.addEventListener("focusout", forget);
  document.addEventListener("DOMContentLoaded", () => {
    new MutationObserver(() => {
      stay();
      comeBack();
    }).observe(document.body, { childList: true, subtree: true });
  });
  Object.assign((window.webhookUi ??= {}), { standOn });
})();
