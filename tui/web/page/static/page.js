// Focus the terminal as soon as it is connected, so that keys work without a click.
window.addEventListener("load", () => {
  const keys = document.querySelector(".xterm-helper-textarea");
  const focus = () => document.body.classList.contains("-loaded") && keys.focus();
  new MutationObserver(focus).observe(document.body, { attributeFilter: ["class"] });
  window.addEventListener("focus", focus);
});
