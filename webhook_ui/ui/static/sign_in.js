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
