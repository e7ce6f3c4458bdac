/* Webhook UI: days of a calendar by key, as in the pattern of the ARIA date picker. One day is a stop for the Tab key;
   arrows go by day and week, Home and End within the week, Page Up and Page Down by month, with Shift by year. */
"use strict";
(() => {
  const TURNED = 5000; // ms that another month may take
  const CALENDAR = ".w-calendar";
  const isShown = (one) => !one.closest("[class*='-leave-active']");
  const shown = (calendar) => [...calendar.querySelectorAll(".q-date__calendar-days")].find(isShown);
  const daysOf = (calendar) => [...(shown(calendar)?.querySelectorAll("button") ?? [])];
  const dayIn = (event) => event.target.closest?.(`${CALENDAR} .q-date__calendar-days button`);

  /* the day that is chosen, else today, else the first one */
  function first(days) {
    return days.find((one) => one.matches(".bg-primary")) || days.find((one) => one.matches(".q-date__today")) || days[0];
  }

  function rove(calendar, goal) {
    for (const day of daysOf(calendar)) {
      day.setAttribute("tabindex", day === goal ? "0" : "-1");
      day.toggleAttribute("aria-current", day.matches(".q-date__today"));
      if (day.matches(".q-date__today")) day.setAttribute("aria-current", "date");
      day.setAttribute("aria-pressed", String(day.matches(".bg-primary")));
    }
    calendar.querySelector(".q-date__navigation")?.setAttribute("aria-live", "polite");
  }

  function stand(calendar, goal) {
    rove(calendar, goal);
    goal?.focus();
  }

  /* once the month that is asked for stands there */
  function then(calendar, before, act) {
    const end = performance.now() + TURNED;
    (function look() {
      const days = daysOf(calendar);
      if (days.length && days[0] !== before) act(days);
      else if (performance.now() < end && calendar.isConnected) requestAnimationFrame(look);
    })();
  }

  /* `arrow` is 0 and 1 for a month back and on, 2 and 3 for a year; `choose` finds the day there */
  function turn(calendar, arrow, choose) {
    const before = daysOf(calendar)[0];
    calendar.querySelectorAll(".q-date__arrow button")[arrow]?.click();
    then(calendar, before, (days) => stand(calendar, choose(days)));
  }

  function step(calendar, number, by) {
    const days = daysOf(calendar), goal = number + by;
    if (goal < 1) turn(calendar, 0, (there) => there[there.length + goal - 1]);
    else if (goal > days.length) turn(calendar, 1, (there) => there[goal - days.length - 1]);
    else stand(calendar, days[goal - 1]);
  }

  function moveInCalendar(event) {
    const day = dayIn(event);
    if (!day || event.ctrlKey || event.metaKey || event.altKey) return;
    const calendar = day.closest(CALENDAR), number = daysOf(calendar).indexOf(day) + 1;
    const cell = day.closest(".q-date__calendar-item"), column = [...cell.parentElement.children].indexOf(cell) % 7;
    const onward = document.dir === "rtl" ? -1 : 1;
    const by = {
      ArrowLeft: -onward, ArrowRight: onward, ArrowUp: -7, ArrowDown: 7, Home: -column, End: 6 - column,
    }[event.key];
    const arrow = { PageUp: 0, PageDown: 1 }[event.key];
    if (by === undefined && arrow === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    if (by !== undefined) step(calendar, number, by);
    else turn(calendar, arrow + (event.shiftKey ? 2 : 0), (days) => days[Math.min(number, days.length) - 1]);
  }

  /* by the arrows of the month another one has come, or by a choice among months: one day of it is a stop again */
  function tidy(event) {
    const calendar = event.target.closest?.(CALENDAR);
    if (!calendar || dayIn(event)) return;
    then(calendar, daysOf(calendar)[0], (days) => rove(calendar, first(days)));
  }

  /* for the button that opens it: the field beside it opens it, too, and keeps the keyboard */
  function enter(name, opener) {
    const end = performance.now() + TURNED;
    function look() {
      const calendar = [...document.querySelectorAll(CALENDAR)].find((one) => one.ariaLabel === name && isShown(one));
      const days = calendar ? daysOf(calendar) : [];
      if (days.length) stand(calendar, first(days));
      else if (performance.now() < end && opener.isConnected) requestAnimationFrame(look);
    }
    requestAnimationFrame(look); // one that is being closed is known as such by then
  }

  document.addEventListener("keydown", moveInCalendar, true);
  document.addEventListener("click", tidy, true); // before the month is another one
  Object.assign((window.webhookUi ??= {}), { enterCalendar: enter });
})();
