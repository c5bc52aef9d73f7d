// What pages are better with: the time of whoever looks, rows as they come, and jobs that show how far they are. Everything works
// without it.
"use strict";
document.documentElement.classList.add("scripted");

// Times are UTC; who points at one sees their own.
function tellLocalTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const moment = new Date(time.dateTime);
    if (!Number.isNaN(moment.getTime())) time.title = moment.toLocaleString(undefined, { dateStyle: "full", timeStyle: "long" });
  }
}

// Rows as they come, the newest first. The server makes them, as it makes those of the page.
function follow(body) {
  const state = document.querySelector("[data-live-state]");
  const say = (text, isOn) => {
    if (!state) return;
    state.hidden = false;
    state.textContent = text;
    state.classList.toggle("on", isOn);
  };
  const source = new EventSource(body.dataset.live);
  const most = Number(body.dataset.liveMost);
  source.onopen = () => say("live", true);
  source.onerror = () => say(source.readyState === EventSource.CLOSED ? "not live: load the page again" : "connecting again", false);
  source.addEventListener("row", (event) => {
    const template = document.createElement("template");
    template.innerHTML = event.data;
    const row = template.content.querySelector("tr");
    if (!row) return;
    row.classList.add("fresh");
    tellLocalTimes(row);
    body.prepend(row);
    while (body.rows.length > most) body.deleteRow(-1);
    for (const empty of body.closest("section, main").querySelectorAll("table + .empty")) empty.remove();
  });
  addEventListener("pagehide", () => source.close());
}

// A job that goes on: its part of the page is loaded again until it has ended.
async function watch(part) {
  while (part.dataset.job === "running") {
    await new Promise((resolve) => setTimeout(resolve, 700));
    const answer = await fetch(location.href, { credentials: "same-origin" });
    if (!answer.ok || answer.redirected) return location.reload();
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById(part.id);
    if (!fresh) return;
    part.replaceWith(fresh);
    part = fresh;
    tellLocalTimes(part);
  }
}

// Copies what a button is for.
function copies(button) {
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    button.textContent = "Copied";
  });
}

tellLocalTimes(document);
for (const body of document.querySelectorAll("[data-live]")) follow(body);
for (const part of document.querySelectorAll("[data-job]")) watch(part);
for (const button of document.querySelectorAll("[data-copy]")) copies(button);
