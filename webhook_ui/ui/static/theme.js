/* Webhook UI: the theme that was chosen, before anything is painted. Loaded in the head and waited for; without a
   choice the style sheets follow the system. */
"use strict";
(() => {
  const chosen = /(?:^|; )webhook_ui_theme=(light|dark)(?:;|$)/.exec(document.cookie)?.[1];
  if (chosen) document.documentElement.dataset.theme = chosen;
})();
