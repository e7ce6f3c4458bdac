/* Webhook UI: a connection that is lost. The banner says so, and nothing is done that would come too late. */
"use strict";
(() => {
  const LATE_MS = 1000; // a shorter cut is not worth a word
  const BACK_MS = 3000; // so long it says that all is well again
  const WIFI_OFF = "M9 17Q10.3 15.8 12 15.8Q13.7 15.8 15 17L12 20ZM2 3 3.3 1.8 20.2 18.8 19 20 11.9 12.9Q10.7 12.9 9.3 13.5Q7.8 14.2 7 15L5 13V13Q6.8 11.2 9.4 10.5L7.2 8.2Q4.9 9.2 3 11L1 9Q2.8 7.2 5.1 6.1ZM19 13 18 14 14.5 10.5Q17.2 11.2 19 13ZM23 9 21 11Q17.1 7 11.3 7.3L8.9 4.8Q12.7 4 16.4 5.1Q20.1 6.1 23 9Z";
  let banner, words, again;
  let timer = 0;

  /* --- the banner --- */

  function build() {
    banner = document.createElement("div");
    banner.className = "w-offline";
    const icon = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    icon.setAttribute("viewBox", "0 0 24 24");
    icon.setAttribute("aria-hidden", "true");
    icon.append(document.createElementNS(icon.namespaceURI, "path"));
    icon.firstChild.setAttribute("d", WIFI_OFF);
    words = document.createElement("span");
    words.setAttribute("role", "status"); // there from the beginning, so that it is heard when it speaks
    again = document.createElement("button");
    again.type = "button";
    again.className = "w-jump";
    again.textContent = webhookUi.say("again");
    again.hidden = true;
    again.addEventListener("click", tryNow);
    banner.append(icon, words, again);
    document.body.append(banner);
  }

  function say(text, look) {
    words.textContent = text;
    banner.dataset.look = look;
    again.hidden = look !== "away";
    document.documentElement.style.setProperty("--offline", look ? `${banner.offsetHeight}px` : "0px");
  }

  function lost() {
    clearTimeout(timer);
    timer = setTimeout(() => say(webhookUi.say("lost"), "away"), LATE_MS);
  }

  function found() {
    clearTimeout(timer);
    if (banner.dataset.look !== "away") return;
    say(webhookUi.say("found"), "back");
    timer = setTimeout(() => say("", ""), BACK_MS);
  }

  function tryNow() {
    const socket = window.socket;
    if (!socket || socket.connected) return;
    socket.io.opts.query.next_message_id = window.nextMessageId; // from where the server goes on
    socket.disconnect().connect();
  }

  /* --- what is pressed meanwhile --- */

  const ACTS = ".w-btn:not([aria-haspopup], [data-copy]), .w-menu-item[role='menuitem']:not([data-copy])";

  /* it would be lost, or done long after, when nobody thinks of it any more */
  function refuse(event) {
    if (banner?.dataset.look !== "away") return;
    const entered = event.key === "Enter" && event.target.matches?.("input:not([role='combobox'])");
    if (event.type === "keydown" ? !entered : !event.target.closest?.(ACTS)) return;
    if (event.type === "click" && event.target.closest(".w-seg[data-draft]")) return; // a choice is kept like what is typed
    event.preventDefault();
    event.stopImmediatePropagation();
    words.textContent = "";
    say(webhookUi.say("refused"), "away");
  }

  function whenAlive(work) {
    const waiting = setInterval(() => {
      if (!window.did_handshake) return;
      clearInterval(waiting);
      work();
    }, 50);
  }

  /* --- a tab behind others --- */

  /* the server looks up nothing for it until somebody comes back */
  const tellSeen = () => window.did_handshake && emitEvent("seen", !document.hidden);

  document.addEventListener("DOMContentLoaded", () => {
    const popup = document.getElementById("popup"); // what the framework would show; it still says when
    if (!popup) return;
    build();
    let away = false;
    new MutationObserver(() => {
      const before = away;
      away = popup.ariaHidden === "false";
      if (away) return lost();
      found();
      if (before) tellSeen(); // what was said while it broke may have been lost
    }).observe(popup, { attributeFilter: ["aria-hidden"] });
    whenAlive(() => document.hidden && tellSeen());
  });
  document.addEventListener("visibilitychange", tellSeen);
  addEventListener("click", refuse, true);
  addEventListener("keydown", refuse, true);
  // who comes back by the browser's memory finds the page as it was
  addEventListener("pagehide", (event) => event.persisted || !window.did_handshake || emitEvent("left"));
  addEventListener("online", tryNow);
})();
