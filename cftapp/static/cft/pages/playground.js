/* The playground: the form is posted and its answer shown word by word; without this it is an ordinary form. */

import { $, announce } from "../script/page.js";

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

const TOKEN = "[name=csrfmiddlewaretoken]";

function post(form) {
  const headers = { Accept: "text/event-stream" };
  return fetch(form.dataset.chat, { method: "POST", body: new FormData(form), headers });
}

/* Who signs in, in this tab or another, makes the forms of before too old: a new page has a new token. */
async function renew(form) {
  const page = await (await fetch(location.pathname)).text();
  $(TOKEN, form).value = $(TOKEN, new DOMParser().parseFromString(page, "text/html")).value;
}

/* The server's own words, where it has some. What it does not keep any more is not asked for again. */
async function refusal(form, response) {
  const { message } = await response.json().catch(() => ({}));
  if (response.status === 410) {
    form.elements.after.value = "";
    history.replaceState(null, "", location.pathname);
  }
  return new Error(message ?? `The model did not answer (${response.status}).`);
}

async function stream(form, answer) {
  let response = await post(form);
  if (response.status === 403) {
    await renew(form);
    response = await post(form);
  }
  if (!response.ok) throw await refusal(form, response);
  const words = $("p", answer);
  const say = (text) => {
    words.textContent = (words.textContent + text).trimStart();
  };
  for await (const { name, data } of events(response)) {
    const body = JSON.parse(data);
    if (name === "error") throw new Error(body.message);
    if (name === "done") finishTurn(form, answer, body);
    else say(body.choices?.[0]?.delta?.content ?? body.text ?? "");
  }
}

/* The next question follows on this answer; so does the page, when it is opened again or come back to. */
function finishTurn(form, answer, body) {
  form.elements.after.value = body.after;
  history.replaceState(null, "", `?${new URLSearchParams({ after: body.after })}`);
  $("[data-again]").hidden = false;
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

document.addEventListener("keydown", onEnter);
document.addEventListener("click", (event) => {
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
