"use strict";

/* Everything here is a convenience over forms and links that work without it. */

const $ = (selector, root = document) => root.querySelector(selector);
const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

/* Announcements: the live region lies outside of every swapped node. */

function announce(words) {
  const live = $("#live");
  live.textContent = "";
  requestAnimationFrame(() => {
    live.textContent = words;
  });
}

/* Keys press visible buttons and links that carry them in data-key. */

const KEYS_OFF = "cft-keys-off";
let inFlight = 0;

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
  if (isTyping(event.target) || inFlight > 0) return;
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

/* htmx: count what is in flight, put the focus on the heading of what came, say what it is. */

function isQuiet(event) {
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

/* What a reader opened and where the chart's cursor stands outlive the swap of a polled node. */

let kept = null;

function onBeforeSwap(event) {
  const { target } = event.detail;
  if (!isQuiet(event) || !target?.id) return;
  const areas = $$(".chart .area", target);
  kept = {
    id: target.id,
    open: $$("details", target).map((one) => one.open),
    cursors: areas.map((area) => (charts.get(area)?.cursor.isConnected ? charts.get(area).at : null)),
  };
}

function onSwapped() {
  const node = kept && document.getElementById(kept.id);
  if (!node) return;
  const { open, cursors } = kept;
  kept = null;
  $$("details", node).forEach((one, index) => {
    one.open = open[index] ?? one.open;
  });
  $$(".chart .area", node).forEach((area, index) => {
    if (cursors[index] != null) readAt(area, cursors[index]);
  });
}

function markRow() {
  const open = $("#case")?.dataset.current;
  $$(".queue [data-row]").forEach((row) => {
    if (row.dataset.row === open) row.setAttribute("aria-current", "true");
    else row.removeAttribute("aria-current");
  });
}

function onFailed() {
  announce("That did not reach the server. Nothing was changed; try again.");
}

/* What opens to be filled in is filled in at once. */

function onToggle(event) {
  if (event.target.open) $("[data-first]", event.target)?.focus();
}

document.addEventListener("toggle", onToggle, true);

/* Copy buttons. */

async function copy(button) {
  await navigator.clipboard.writeText(button.dataset.copy);
  button.classList.add("done");
  announce("Copied");
  setTimeout(() => button.classList.remove("done"), 1500);
}

/* Charts: a cursor that reads the lines at its place, by pointer or arrow keys. */

const charts = new WeakMap();

function chartOf(svg) {
  if (!charts.has(svg)) charts.set(svg, readChart(svg));
  return charts.get(svg);
}

function readChart(svg) {
  const figure = svg.closest("[data-chart]");
  const [xLow, xHigh, yLow, yHigh] = figure.dataset.domain.split(" ").map(Number);
  const lines = $$("polyline", svg).map((line) => ({
    name: line.dataset.name,
    points: line.getAttribute("points").trim().split(" ").map((pair) => pair.split(",").map(Number)),
  }));
  const cursor = document.createElementNS("http://www.w3.org/2000/svg", "line");
  cursor.setAttribute("class", "cursor");
  cursor.setAttribute("y1", "0");
  cursor.setAttribute("y2", "1000");
  return { lines, cursor, xLow, xHigh, yLow, yHigh, x: figure.dataset.x, out: $(".readout", figure), at: 1000 };
}

function readAt(svg, at) {
  const chart = chartOf(svg);
  chart.at = Math.min(1000, Math.max(0, at));
  chart.cursor.setAttribute("x1", chart.at);
  chart.cursor.setAttribute("x2", chart.at);
  if (!chart.cursor.isConnected) svg.append(chart.cursor);
  const x = chart.xLow + (chart.at / 1000) * (chart.xHigh - chart.xLow);
  const values = chart.lines.map((line) => `${line.name} ${valueAt(line.points, chart).toFixed(3)}`);
  chart.out.textContent = [`${chart.x} ${Math.round(x)}`, ...values].join("  ");
}

function valueAt(points, chart) {
  const nearest = points.reduce((best, p) => (Math.abs(p[0] - chart.at) < Math.abs(best[0] - chart.at) ? p : best));
  return chart.yHigh - (nearest[1] / 1000) * (chart.yHigh - chart.yLow);
}

function onPointer(event) {
  const svg = event.target.closest?.(".chart .area");
  if (!svg) return;
  const box = svg.getBoundingClientRect();
  readAt(svg, ((event.clientX - box.left) / box.width) * 1000);
}

function onChartKey(event) {
  const svg = event.target.closest(".chart .area");
  const step = { ArrowLeft: -20, ArrowRight: 20, Home: -1000, End: 1000 }[event.key];
  if (!svg || !step) return;
  event.preventDefault();
  readAt(svg, chartOf(svg).at + step);
  announce(chartOf(svg).out.textContent);
}

/* A slider and a number that are one value: the one that moves takes the other along. */

function onTwin(event) {
  const twin = document.getElementById(event.target.dataset?.twin ?? "");
  if (twin && event.target.validity.valid && event.target.value) twin.value = event.target.value;
}

/* The playground: the form is posted and its answer shown word by word; without this it is an ordinary form. */

function turn(form, who) {
  const node = $(`template[data-turn="${who}"]`).content.firstElementChild.cloneNode(true);
  $(form.dataset.log).append(node);
  return node;
}

async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (rest + value.replaceAll("\r\n", "\n")).split("\n\n");
    rest = blocks.pop();
    yield* blocks.map(parseEvent).filter((one) => one.data && one.data !== "[DONE]");
  }
}

function parseEvent(block) {
  const lines = block.split("\n");
  const field = (name) => lines.filter((line) => line.startsWith(name)).map((line) => line.slice(name.length).trim());
  return { name: field("event:")[0] ?? "message", data: field("data:").join("\n") };
}

async function stream(form, answer) {
  const response = await fetch(form.dataset.chat, {
    method: "POST",
    body: new FormData(form),
    headers: { Accept: "text/event-stream" },
  });
  if (!response.ok) throw new Error(`The model did not answer (${response.status}).`);
  const words = $("p", answer);
  const say = (text) => {
    words.textContent = (words.textContent + text).trimStart();
  };
  for await (const { name, data } of events(response)) {
    const body = JSON.parse(data);
    if (name === "error") throw new Error(body.message);
    if (name === "done") finishTurn(answer, body);
    else say(body.choices?.[0]?.delta?.content ?? body.text ?? "");
  }
}

function finishTurn(answer, body) {
  const link = $("[data-feedback]", answer);
  if (link && body.feedback_url) {
    link.href = body.feedback_url;
    link.hidden = false;
  }
  const model = $("[data-model]", answer);
  if (model && body.model) model.textContent = body.model;
}

/* Enter sends, Shift+Enter begins a new line; not while an input method is composing. */
function onEnter(event) {
  const input = event.target;
  if (event.key !== "Enter" || event.shiftKey || event.isComposing || !input.matches("textarea[data-enter]")) return;
  event.preventDefault();
  if (!event.repeat && input.value.trim()) input.form.requestSubmit($("button:enabled", input.form));
}

/* An example is asked at once; without a script its link fills the form. */
function askExample(event, link) {
  const form = $("form[data-chat]");
  const send = $("button:enabled", form);
  if (!send || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  $("textarea", form).value = link.textContent;
  form.requestSubmit(send);
}

async function chat(form) {
  const input = $("textarea, input[type=text]", form);
  const send = $("button:not([type=button])", form);
  if (send.disabled) return;
  $("[data-empty]")?.remove();
  const asked = input.value.trim();
  $("p", turn(form, "you")).textContent = asked;
  const answer = turn(form, "model");
  answer.setAttribute("aria-busy", "true");
  send.disabled = true;
  try {
    const said = stream(form, answer);
    input.value = "";
    await said;
    announce($("p", answer).textContent);
  } catch (problem) {
    const words = problem instanceof TypeError ? "The connection broke. Try again." : problem.message;
    $("p", answer).textContent ||= words;
    input.value ||= asked;
    answer.classList.add("bad");
    announce(words);
  } finally {
    answer.removeAttribute("aria-busy");
    answer.scrollIntoView({ block: "nearest" });
    send.disabled = false;
    input.focus();
  }
}

/* Listeners, once and on the document: swapped nodes need none of their own. */

document.addEventListener("keydown", onChartKey);
document.addEventListener("keydown", onKey);
document.addEventListener("keydown", onEnter);
document.addEventListener("pointermove", onPointer);
document.addEventListener("input", onTwin);
document.addEventListener("htmx:beforeRequest", onRequest);
document.addEventListener("htmx:afterRequest", onAnswered);
document.addEventListener("htmx:beforeSwap", onBeforeSwap);
document.addEventListener("htmx:afterSwap", onSwapped);
document.addEventListener("htmx:afterSettle", onSettled);
document.addEventListener("htmx:afterSettle", markRow);
document.addEventListener("htmx:responseError", onFailed);
document.addEventListener("htmx:sendError", onFailed);
document.addEventListener("announce", (event) => announce(event.detail.value));
document.addEventListener("change", (event) => {
  if (event.target.id === "keys-on") onKeysSwitch(event);
});
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy], [data-dialog]");
  if (button?.dataset.copy) copy(button);
  if (button?.dataset.dialog) showKeys();
  const example = event.target.closest("a[data-ask]");
  if (example) askExample(event, example);
});
document.addEventListener("submit", (event) => {
  if (!event.target.matches("form[data-chat]")) return;
  event.preventDefault();
  chat(event.target);
});

const filled = $("textarea[autofocus]");
filled?.setSelectionRange(filled.value.length, filled.value.length);
