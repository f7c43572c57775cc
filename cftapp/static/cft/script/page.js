/* What every behaviour stands on: finding elements, and saying something to those who do not see. */

export const $ = (selector, root = document) => root.querySelector(selector);
export const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

/* The live region lies outside of every swapped node. */
export function announce(words) {
  const live = $("#live");
  live.textContent = "";
  requestAnimationFrame(() => {
    live.textContent = words;
  });
}

document.addEventListener("announce", (event) => announce(event.detail.value));
