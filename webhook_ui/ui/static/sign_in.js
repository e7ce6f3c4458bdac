// The eye beside the password. Without this script the button stays hidden.
const password = document.getElementById("password");
const show = document.getElementById("show-password");
if (password && show) {
  show.hidden = false;
  show.addEventListener("click", () => {
    const shown = password.type === "password";
    password.type = shown ? "text" : "password";
    show.setAttribute("aria-pressed", String(shown));
  });
  password.form.addEventListener("submit", () => { password.type = "password"; });
}
// The dashboard writes days and times as they are where the reader is.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone) document.cookie = `webhook_ui_tz=${zone}; path=${document.documentElement.dataset.root || "/"}; max-age=31536000; samesite=lax`;
