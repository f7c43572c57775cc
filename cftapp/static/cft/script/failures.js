/* A request that failed stays visible until one succeeds, with a button that tries it again. */

import { $, $$ } from "./page.js";
import { isQuiet } from "./swaps.js";

const UNREACHABLE = "The server cannot be reached.";
const OLD = "What you see may be out of date.";
const TWICE = "It may have been done all the same; to try again does nothing twice.";

let onButton = null;

function show(words, label, action) {
  const banner = $("#failure");
  onButton = action;
  $("button", banner).textContent = label;
  banner.hidden = false;
  if ($("p", banner).textContent !== words) $("p", banner).textContent = words;
}

function hide() {
  $("#failure").hidden = true;
  onButton = null;
}

/* Sends the same once more: the element may have changed meanwhile, so what it sent is kept here. */
function again({ requestConfig: { verb, path, elt, target, formData, triggeringEvent } }) {
  if (!elt.isConnected) return location.reload();
  const values = Object.fromEntries(formData);
  return htmx.ajax(verb, path, { source: elt, target, values, event: triggeringEvent }).catch(() => {});
}

function onUnanswered(event) {
  const consequence = event.detail.requestConfig.verb === "get" ? OLD : TWICE;
  show(`${UNREACHABLE} ${consequence}`, "Try again", () => again(event.detail));
}

function onRefused(event) {
  const { status } = event.detail.xhr;
  if (status >= 500 || status === 429) {
    show(`The server could not answer (${status}). Nothing was changed.`, "Try again", () => again(event.detail));
  } else {
    show(`This page is out of date (${status}). Nothing was changed.`, "Reload the page", () => location.reload());
  }
}

/* Polling finds that the session has ended: whoever is writing is told so before the page is left. */
function onAnswer(event) {
  const signIn = event.detail.xhr.getResponseHeader("HX-Redirect");
  if (!signIn || !isQuiet(event) || !isWriting()) return;
  event.preventDefault();
  show("Your session has ended. Copy what you wrote before you sign in again.", "Sign in", () => {
    location.href = signIn;
  });
}

function isWriting() {
  return $$("main textarea, main input:not([type=hidden])").some((field) => field.value !== field.defaultValue);
}

function onAnswered(event) {
  if (event.detail.successful && !event.detail.xhr.getResponseHeader("HX-Redirect")) hide();
}

document.addEventListener("htmx:sendError", onUnanswered);
document.addEventListener("htmx:timeout", onUnanswered);
document.addEventListener("htmx:responseError", onRefused);
document.addEventListener("htmx:beforeOnLoad", onAnswer);
document.addEventListener("htmx:afterRequest", onAnswered);
document.addEventListener("click", (event) => {
  if (event.target.closest("#failure button")) onButton?.();
});
