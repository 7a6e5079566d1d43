// The keys go to the terminal without a click first, from when it is connected.
window.addEventListener("load", () => {
  const keys = document.querySelector(".xterm-helper-textarea");
  const focus = () => document.body.classList.contains("-loaded") && keys.focus();
  new MutationObserver(focus).observe(document.body, { attributeFilter: ["class"] });
  window.addEventListener("focus", focus);
});
