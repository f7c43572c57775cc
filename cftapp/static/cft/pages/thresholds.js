/* A slider and a number that are one value: the one that moves takes the other along. */

function onTwin(event) {
  const twin = document.getElementById(event.target.dataset?.twin ?? "");
  if (twin && event.target.validity.valid && event.target.value) twin.value = event.target.value;
}

document.addEventListener("input", onTwin);
