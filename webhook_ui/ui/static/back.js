/* Webhook UI: Back leads to where one was. A page that is built anew has its focus nowhere; by Back or Forward it stands
   on what was pressed there last (by its way or its name), or on the page's heading. */
"use strict";
(() => {
  const PAGE = ".w-content .w-page:not(.w-waiting)";
  const STOPS = "a[href], button";
  const KEPT = 50; // addresses
  const LONGEST = 10000; // ms that a page may take
  const CALM = 700;
  const SETTLED = 1500; // ms after which what is not there will not come
  const pressed = new Map(); // what was pressed last, by address
  let turn = 0;

  const here = () => location.pathname + location.search;
  const nameOf = (one) => (one.getAttribute("aria-label") || one.textContent).trim();
  const looseOf = (one) => nameOf(one).replace(/\d[\d\s.,+]*/g, "#"); // its figures may have become others
  const all = (page) => [...page.querySelectorAll(STOPS)].filter((one) => one.checkVisibility());

  function remember(event) {
    const one = event.target.closest?.(STOPS), page = one?.closest(PAGE);
    if (!page) return;
    const named = all(page).filter((other) => nameOf(other) === nameOf(one));
    pressed.delete(here()); // so that the eldest stays the first
    pressed.set(here(), {
      way: one.getAttribute("href"), name: nameOf(one), loose: looseOf(one), place: named.indexOf(one),
    });
    if (pressed.size > KEPT) pressed.delete(pressed.keys().next().value);
  }

  function find(page, { way, name, loose, place }) {
    const stops = all(page);
    const named = stops.filter((one) => nameOf(one) === name);
    return (
      (way && named.find((one) => one.getAttribute("href") === way)) ||
      (way ? named[0] : named[place]) ||
      stops.find((one) => looseOf(one) === loose)
    );
  }

  const headingOf = (page) => page?.querySelector("h1, [role=heading][aria-level='1']");

  function stand(page) {
    const heading = headingOf(page);
    heading.setAttribute("tabindex", "-1");
    heading.focus();
  }

  function comeBack() {
    const covers = () => document.querySelector(".q-dialog");
    const left = document.querySelector(PAGE), covered = covers(), wanted = pressed.get(here());
    const mine = ++turn, began = performance.now(), stood = document.activeElement;
    let seen = null, since = 0;
    (function look() {
      const now = performance.now(), page = document.querySelector(PAGE);
      const active = document.activeElement, isIn = active?.closest(PAGE);
      // somebody has gone on by himself; or the page stays, and what lay over it has given the focus back
      if (mine !== turn || now - began > LONGEST || (isIn && active !== stood)) return;
      if (headingOf(page) && !covers() && !isIn) { // where he stood may be about to go away with its page
        if (page !== seen) [seen, since] = [page, now];
        const goal = wanted && find(page, wanted), anew = page !== left;
        // the page that was left stands there until the other one comes
        const rests = now - since >= (anew ? 0 : CALM);
        if (goal && rests) return goal.focus({ preventScroll: !anew });
        if ((anew || covered) && (now - since > SETTLED || (!wanted && rests))) return stand(page);
      }
      requestAnimationFrame(look);
    })();
  }

  /* who stands on a tab stays among the tabs: on the one that is open now */
  function followTab() {
    const tab = document.activeElement?.closest?.("[role='tab']"), mine = turn, end = performance.now() + LONGEST;
    (function look() {
      if (!tab || mine !== turn || document.activeElement !== tab || performance.now() > end) return;
      if (tab.ariaSelected !== "false") return requestAnimationFrame(look);
      tab.closest("[role='tablist']")?.querySelector("[role='tab'][aria-selected='true']")?.focus();
    })();
  }

  const stop = () => { turn += 1; };

  document.addEventListener("click", remember, true); // before anybody takes it away
  document.addEventListener("keydown", stop);
  document.addEventListener("pointerdown", stop);
  addEventListener("popstate", comeBack);
  addEventListener("popstate", followTab);
})();
