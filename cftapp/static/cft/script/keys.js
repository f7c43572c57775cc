/* Keys press visible buttons and links that carry them in data-key. */

import { $, $$ } from "./page.js";
import { isBusy } from "./swaps.js";

const KEYS_OFF = "cft-keys-off";

function isTyping(target) {
  return Boolean(target.closest("input, textarea, select, [contenteditable]"));
}

function isUsable(element) {
  return !element.disabled && element.getAttribute("aria-disabled") !== "true" && element.checkVisibility();
}

function usable(key, root) {
  return $$("[data-key]", root).find((element) => element.dataset.key.toLowerCase() === key && isUsable(element));
}

function move(step) {
  const rows = $$(".queue .row[href]");
  const at = rows.findIndex((row) => row.hasAttribute("aria-current"));
  const row = rows[at < 0 ? 0 : at + step];
  if (row) {
    row.scrollIntoView({ block: "nearest" });
    row.click();
  }
}

function onKey(event) {
  if (event.repeat || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const key = event.key.toLowerCase();
  const dialog = $("dialog[open]");
  if (isTyping(event.target) || isBusy()) return;
  if (key === "?" && !dialog) {
    event.preventDefault();
    showKeys();
    return;
  }
  if (localStorage.getItem(KEYS_OFF)) return;
  const button = usable(key, dialog ?? document);
  if (button) {
    event.preventDefault();
    button.focus();
    button.click();
  } else if (!dialog && (key === "j" || key === "k")) {
    move(key === "j" ? 1 : -1);
  }
}

function showKeys() {
  const rows = $$("[data-key]").filter((element) => isUsable(element) && !element.closest("dialog"));
  const named = rows.map((element) => [element.dataset.key, element.dataset.keyName ?? labelOf(element)]);
  if ($(".queue .row[href]")) named.push(["J", "Next in the queue"], ["K", "Previous in the queue"]);
  named.push(["?", "This list"]);
  $("#keys dl").replaceChildren(...named.flatMap(([key, name]) => [keyTerm(key), nameOf(name)]));
  $("#keys-on").checked = !localStorage.getItem(KEYS_OFF);
  $("#keys").showModal();
}

function labelOf(element) {
  const copy = element.cloneNode(true);
  $$("kbd", copy).forEach((kbd) => kbd.remove());
  return copy.textContent.trim();
}

function keyTerm(key) {
  const term = document.createElement("dt");
  const kbd = document.createElement("kbd");
  kbd.textContent = key;
  term.append(kbd);
  return term;
}

function nameOf(name) {
  const description = document.createElement("dd");
  description.textContent = name;
  return description;
}

function onKeysSwitch(event) {
  if (event.target.checked) localStorage.removeItem(KEYS_OFF);
  else localStorage.setItem(KEYS_OFF, "1");
}

document.addEventListener("keydown", onKey);
document.addEventListener("change", (event) => {
  if (event.target.id === "keys-on") onKeysSwitch(event);
});
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-dialog]")) showKeys();
});
