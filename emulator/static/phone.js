// Makes the phone page live. Without it the page works by reloading.
"use strict";

const scroll = document.getElementById("scroll");
const compose = document.getElementById("compose");

function atEnd() {
  return scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 80;
}

function toEnd() {
  scroll.scrollTop = scroll.scrollHeight;
}

function tell(problem) {
  const line = document.getElementById("problem");
  line.textContent = problem;
  line.hidden = !problem;
}

// --- new messages -------------------------------------------------------------------------------

let loading = false;
let again = false;

async function refresh() {
  if (loading) { again = true; return; }
  loading = true;
  try {
    const answer = await fetch(location.href.split("#")[0]);
    if (answer.ok) replace(new DOMParser().parseFromString(await answer.text(), "text/html"));
  } catch (error) {
    // the stream tells again as soon as the page's server is back
  }
  loading = false;
  if (again) { again = false; setTimeout(refresh, 150); }
}

function replace(page) {
  if (document.querySelector("details.menu[open]")) { again = true; return; }
  const follow = atEnd();
  for (const id of ["messages", "groups"]) {
    const fresh = page.getElementById(id);
    const old = document.getElementById(id);
    if (fresh && old && fresh.innerHTML !== old.innerHTML) old.replaceChildren(...fresh.childNodes);
  }
  if (follow) toEnd();
}

// --- writing ------------------------------------------------------------------------------------

async function post(form, fields) {
  const answer = await fetch(form.action, {
    method: "POST", body: fields, headers: { Accept: "application/json" },
  });
  const body = await answer.json().catch(() => ({}));
  tell(answer.ok ? "" : body.error || "That did not work.");
  return answer.ok;
}

function quote(bubble) {
  compose.elements.quote.value = bubble ? bubble.dataset.id : "";
  const box = document.getElementById("quoting");
  box.hidden = !bubble;
  if (!bubble) return;
  box.querySelector(".name").textContent = bubble.dataset.name;
  box.querySelector("span").textContent = bubble.dataset.excerpt;
  compose.elements.text.focus();
}

function grow() {
  const box = compose.elements.text;
  box.style.height = "auto";
  box.style.height = Math.min(box.scrollHeight, 160) + "px";
}

function showChosen() {
  const file = compose.elements.file && compose.elements.file.files[0];
  document.getElementById("chosen").textContent = file ? file.name : "";
}

if (compose) {
  toEnd();
  addEventListener("load", toEnd);
  const source = new EventSource(scroll.dataset.events);
  source.onmessage = refresh;
  addEventListener("pagehide", () => source.close());

  compose.addEventListener("submit", async (event) => {
    if (compose.elements.id.value) return; // an edit goes by reload
    event.preventDefault();
    const sending = compose.querySelector(".row button");
    sending.disabled = true;
    const sent = await post(compose, new FormData(compose)).catch(() => {
      tell("The page's server does not answer.");
      return false;
    });
    sending.disabled = false;
    if (!sent) return;
    compose.elements.text.value = "";
    if (compose.elements.file) compose.elements.file.value = "";
    showChosen();
    grow();
    quote(null);
    toEnd();
    refresh();
  });

  compose.elements.text.addEventListener("input", grow);
  compose.elements.text.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    compose.requestSubmit();
  });
  if (compose.elements.file) compose.elements.file.addEventListener("change", showChosen);

  document.getElementById("unquote").addEventListener("click", (event) => {
    if (compose.elements.id.value || location.search) return; // leaves by its link
    event.preventDefault();
    quote(null);
  });

  scroll.addEventListener("click", (event) => {
    const reply = event.target.closest("a.reply");
    const bubble = event.target.closest(".bubble");
    const busy = event.target.closest("a, button, summary, details, img, video, audio");
    if (reply) { event.preventDefault(); reply.closest("details").open = false; quote(bubble); }
    for (const menu of document.querySelectorAll("details.menu[open]"))
      if (!menu.contains(event.target)) { menu.open = false; if (again) refresh(); }
    if (bubble && !busy && !bubble.classList.contains("gone") && !String(getSelection()))
      quote(bubble);
  });

  scroll.addEventListener("submit", async (event) => {
    event.preventDefault();
    const fields = new FormData(event.target, event.submitter);
    event.target.closest("details").open = false;
    await post(event.target, fields).catch(() => tell("The page's server does not answer."));
    refresh();
  });

  scroll.addEventListener("toggle", (event) => {
    if (event.target.open) event.target.lastElementChild.scrollIntoView({ block: "nearest" });
  }, true);

  const be = document.querySelector("form.be");
  be.classList.add("live");
  be.elements.number.addEventListener("change", () => be.submit());
}
