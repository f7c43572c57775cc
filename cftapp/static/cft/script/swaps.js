/* htmx: count what is in flight, put the focus on the heading of what came, say what it is, keep open what was open. */

import { $, $$, announce } from "./page.js";

let inFlight = 0;

export function isBusy() {
  return inFlight > 0;
}

/* Polling asks by itself: it is not waited for, takes no focus and says nothing. */
export function isQuiet(event) {
  return Boolean(event.detail.elt?.closest("[data-quiet]"));
}

function onRequest(event) {
  if (!isQuiet(event)) inFlight += 1;
}

function onAnswered(event) {
  if (!isQuiet(event)) inFlight = Math.max(0, inFlight - 1);
}

function onSettled(event) {
  const swapped = event.detail.target?.isConnected ? event.detail.target : document;
  if (isQuiet(event)) return;
  const heading = swapped.matches?.("[data-focus]") ? swapped : $("[data-focus]", swapped);
  if (heading) {
    heading.tabIndex = -1;
    heading.focus({ preventScroll: true });
    heading.closest(".case")?.scrollTo(0, 0);
  }
  const words = swapped.dataset?.announce ?? $("[data-announce]", swapped)?.dataset.announce;
  if (words) announce(words);
}

/* What a reader opened outlives the swap of a polled node. */

let kept = null;

function onBeforeSwap(event) {
  const { target } = event.detail;
  if (!isQuiet(event) || !target?.id) return;
  kept = { id: target.id, open: $$("details", target).map((one) => one.open) };
}

function onSwapped() {
  const node = kept && document.getElementById(kept.id);
  if (!node) return;
  const { open } = kept;
  kept = null;
  $$("details", node).forEach((one, index) => {
    one.open = open[index] ?? one.open;
  });
}

/* Listeners, once and on the document: swapped nodes need none of their own. */

document.addEventListener("htmx:beforeRequest", onRequest);
document.addEventListener("htmx:afterRequest", onAnswered);
document.addEventListener("htmx:beforeSwap", onBeforeSwap);
document.addEventListener("htmx:afterSwap", onSwapped);
document.addEventListener("htmx:afterSettle", onSettled);
