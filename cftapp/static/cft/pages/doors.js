/* The feedback page: a browser that comes back fills the fields in again; the door behind which that happened opens. */

import { $$ } from "../script/page.js";

const written = (field) => field.value !== field.defaultValue;

window.addEventListener("pageshow", () => {
  const door = $$("details.door").find((one) => $$("textarea", one).some(written));
  if (door) door.open = true;
});
