/* Webhook UI: between press and release nothing changes under the pointer. What the server says meanwhile waits.
   Else a press is lost whenever what is pressed is written anew, or moves, before it is let go. Of what is done as often
   as it is pressed (data-once), two clicks are one. */
"use strict";
(() => {
  const LONGEST_MS = 3000; // who holds longer drags or selects, and sees what is new
  const CLICK_MS = 30; // a finger's click comes some time after it was lifted
  let waiting = null; // what was said since the press
  let timer = 0;

  function hold() {
    const socket = window.socket;
    if (typeof socket?.onevent !== "function") return;
    clearTimeout(timer);
    timer = setTimeout(letGo, LONGEST_MS);
    if (waiting) return;
    waiting = [];
    socket.onevent = (packet) => waiting.push(packet);
  }

  function letGo() {
    clearTimeout(timer);
    if (!waiting) return;
    const said = waiting;
    waiting = null;
    delete window.socket.onevent; // the socket's own hears again
    for (const packet of said) window.socket.onevent(packet);
  }

  function letGoSoon() {
    if (!waiting) return;
    clearTimeout(timer);
    timer = setTimeout(letGo, CLICK_MS);
  }

  /* Space presses as a mouse does: what it does is done when it is let go */
  const isSpace = (event) => event.key === " " && event.target.matches?.("button, [role='button'], input[type='checkbox']");

  /* `detail` counts the clicks in a row */
  function takeOnce(event) {
    if (event.detail < 2 || !event.target.closest?.("[data-once]")) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  }

  addEventListener("click", takeOnce, true);
  addEventListener("pointerdown", (event) => event.button === 0 && hold(), true);
  addEventListener("pointerup", letGoSoon, true);
  addEventListener("pointercancel", letGo, true);
  addEventListener("keydown", (event) => isSpace(event) && !event.repeat && hold(), true);
  addEventListener("keyup", letGoSoon, true);
  addEventListener("blur", letGo);
})();
