/* The triage bench: the queue marks the case that is open, and what opens to be filled in is filled in at once. */

import { $, $$ } from "../script/page.js";

function markRow() {
  const open = $("#case")?.dataset.current;
  $$(".queue [data-row]").forEach((row) => {
    if (row.dataset.row === open) row.setAttribute("aria-current", "true");
    else row.removeAttribute("aria-current");
  });
}

function onToggle(event) {
  if (event.target.open) $("[data-first]", event.target)?.focus();
}

document.addEventListener("htmx:afterSettle", markRow);
document.addEventListener("toggle", onToggle, true);
