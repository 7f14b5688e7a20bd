// The page: a photo in, listings and the windows that answered out.

import * as api from "./api.js";
import { shrink } from "./shrink.js";
import * as timeline from "./timeline.js";
import * as words from "./words.js";

const $ = (id) => document.getElementById(id);
const PAGE = 12;
// Longer than the service waits for a photo to arrive, and than anybody waits for an answer.
const LIMIT_S = 60;
let running = 0;
let underWay = null;
let last = null;
let lastTimeline = null;
let previewUrl = null;

async function search(query, shown) {
  const turn = ++running;
  const stop = startWaiting();
  $("problem").hidden = true;
  $("answer").hidden = false;
  $("more").hidden = true;
  showPreview(shown);
  waiting();
  try {
    const photo = query.photo && (await shrink(query.photo));
    const answer = await api.search({ ...query, ...(photo && { photo }), k: PAGE }, stop.signal);
    if (turn !== running) return;
    last = answer;
    $("results").replaceChildren();
    show(answer);
    $("results-title").focus({ preventScroll: true });
    $("answer").scrollIntoView({ block: "nearest" });
  } catch (error) {
    if (turn !== running) return;
    last = null;
    $("answer").hidden = true;
    $("timings-panel").hidden = true;
    if (error !== STOPPED) fail(error);
  } finally {
    if (turn === running) endWaiting();
    refreshTimeline();
  }
}

const STOPPED = new Error("stopped");

// One search at a time: what it waits for is told, ends by itself, and can be ended.
function startWaiting() {
  underWay?.abort(STOPPED);
  clearInterval(underWay?.clock);
  const stop = new AbortController();
  const began = Date.now();
  stop.clock = setInterval(() => {
    const seconds = Math.round((Date.now() - began) / 1000);
    if (seconds >= LIMIT_S) stop.abort(new api.Problem(words.tooLong(LIMIT_S)));
    else if (seconds > 2) $("words").textContent = `Searching… ${seconds} seconds`;
  }, 1000);
  underWay = stop;
  $("words").textContent = "Searching…";
  $("stop").hidden = false;
  $("answer").setAttribute("aria-busy", "true");
  return stop;
}

function endWaiting() {
  clearInterval(underWay.clock);
  underWay = null;
  $("stop").hidden = true;
  $("answer").setAttribute("aria-busy", "false");
}

async function more() {
  const turn = running;
  $("more").disabled = true;
  try {
    const answer = await api.search({ cursor: last.cursor, k: PAGE });
    if (turn !== running) return;
    last = answer;
    show(answer);
  } catch (error) {
    fail(error);
  } finally {
    $("more").disabled = false;
  }
}

function show(answer) {
  const list = $("results");
  for (const result of answer.results) list.append(card(result));
  if (!list.children.length) {
    const none = document.createElement("li");
    none.className = "none";
    none.textContent = words.nothing(answer.coverage.hidden);
    list.append(none);
  }
  $("words").textContent = words.coverage(answer);
  $("more").hidden = answer.cursor === null;
  showTimings(answer.timings_ms);
  drawTimeline();
}

function card(result) {
  const item = $("card").content.firstElementChild.cloneNode(true);
  const photo = item.querySelector(".card-photo");
  const title = result.title || result.listing_id;
  photo.href = api.photo(result.photo_url);
  photo.firstElementChild.src = api.thumbnail(result.photo_url, 400);
  photo.firstElementChild.alt = title;
  photo.setAttribute("aria-label", `Photo of ${title}`);
  item.querySelector("h3").textContent = title;
  item.querySelector("h3").title = `${title} (${result.listing_id})`;
  item.querySelector(".price").textContent = words.price(result.price);
  item.querySelector(".category").textContent = result.category || "";
  item.querySelector(".score-bar i").style.width = `${Math.max(0, result.score) * 100}%`;
  item.querySelector(".score-number").textContent = result.score.toFixed(3);
  item.querySelector(".score").title = "Cosine of the two embeddings";
  item.querySelector(".card-window").textContent = `found in ${words.windowName(result.window)}`;
  const button = item.querySelector("button");
  button.setAttribute("aria-label", `More like ${title}`);
  button.addEventListener("click", () => {
    search({ listing_id: result.listing_id }, { url: api.thumbnail(result.photo_url, 400), name: title });
    scrollTo({ top: 0, behavior: "smooth" });
  });
  return item;
}

function waiting() {
  const cards = Array.from({ length: 6 }, () => {
    const item = document.createElement("li");
    item.className = "card waiting";
    item.setAttribute("aria-hidden", "true");
    item.innerHTML = '<div class="card-photo"></div><div class="card-body"><div class="line"></div><div class="line short"></div></div>';
    return item;
  });
  $("results").replaceChildren(...cards);
}

function fail(error) {
  const body = error instanceof api.Problem ? error.body : { what: String(error) };
  const box = $("problem");
  const title = document.createElement("h2");
  title.textContent = sentence(body.what);
  const facts = document.createElement("dl");
  for (const [name, label] of [["found", "Found"], ["limit", "Limit"], ["remedy", "What to do"]]) {
    if (!body[name]) continue;
    const term = document.createElement("dt");
    term.textContent = label;
    const text = document.createElement("dd");
    text.textContent = name === "remedy" ? sentence(body[name]) : body[name];
    facts.append(term, text);
  }
  box.replaceChildren(title, facts);
  box.hidden = false;
  box.scrollIntoView({ block: "nearest" });
}

// A sentence begins with a capital, unless it begins with the name of a file.
const sentence = (text) => (/^[a-z]+[ ,]/.test(text) ? text.charAt(0).toUpperCase() + text.slice(1) : text);

function showPreview({ url, name, listing }) {
  const image = $("preview");
  if (previewUrl) URL.revokeObjectURL(previewUrl);
  previewUrl = url.startsWith("blob:") ? url : null;
  image.src = url;
  image.alt = `Your photo: ${name}`;
  image.hidden = false;
  $("drop-title").textContent = "Drop or paste another photo";
  for (const one of $("samples").children) one.setAttribute("aria-pressed", String(one.dataset.listing === listing));
}

function showTimings(timings) {
  const panel = $("timings");
  const { total, ...stages } = timings;
  const rest = Math.max(0, total - Object.values(stages).reduce((sum, one) => sum + one, 0));
  const bar = document.createElement("div");
  bar.className = "timing-bar";
  bar.setAttribute("aria-hidden", "true");
  const list = document.createElement("ul");
  list.className = "timing-words";
  const entries = [...Object.entries(stages).map(([name, ms], i) => [name, ms, `stage-${i}`]), ["rest", rest, "stage-rest"]];
  for (const [name, ms, kind] of entries) {
    const part = document.createElement("i");
    part.className = kind;
    part.style.width = `${(ms / Math.max(total, 0.01)) * 100}%`;
    bar.append(part);
    list.append(timing(name, ms, kind));
  }
  list.append(timing("total", total));
  panel.replaceChildren(bar, list);
  $("timings-panel").hidden = false;
}

function timing(name, ms, kind) {
  const item = document.createElement("li");
  if (kind) {
    const swatch = document.createElement("i");
    swatch.className = `swatch ${kind}`;
    item.append(swatch);
  }
  const value = document.createElement("b");
  value.textContent = `${ms.toFixed(1)} ms`;
  item.append(`${name} `, value);
  return item;
}

async function refreshTimeline() {
  try {
    lastTimeline = await api.windows();
    drawTimeline();
    timeline.table($("cover-table"), lastTimeline);
    showTroubles(lastTimeline.troubles);
  } catch (error) {
    $("timeline-words").textContent = lastTimeline ? `${error.message}; this is how it was.` : error.message;
  }
}

function drawTimeline() {
  if (!lastTimeline) return;
  $("timeline-title").textContent = last ? "The windows that answered" : "The windows that answer";
  $("timeline-words").textContent = last ? words.answeredWords(last.coverage) : words.timelineWords(lastTimeline);
  timeline.draw($("timeline"), lastTimeline, last?.coverage);
}

function showTroubles(troubles) {
  $("trouble-list").replaceChildren(...troubles.map((one) => {
    const item = document.createElement("li");
    const what = document.createElement("h3");
    what.textContent = one.what;
    const reason = document.createElement("p");
    reason.textContent = sentence(one.reason);
    const next = document.createElement("p");
    next.className = "quiet";
    next.textContent = `${words.nextTry(one.retry_at, lastTimeline.now)} ${sentence(one.remedy)}.`;
    item.append(what, reason, next);
    return item;
  }));
  $("troubles").hidden = troubles.length === 0;
}

async function refreshReady() {
  const pill = $("ready");
  try {
    const state = await api.ready();
    const servers = document.createElement("span");
    servers.textContent = `, ${words.count(state.servers, "index server")}`;
    pill.replaceChildren("ready", servers);
    pill.className = "pill good";
    pill.title = "";
  } catch (error) {
    pill.textContent = "not ready";
    pill.className = "pill warn";
    pill.title = error.body ? `${error.body.found}: ${error.body.remedy}` : "";
  }
}

async function showSamples() {
  try {
    const { listings } = await api.samples(12);
    const tiles = listings.filter((one) => one.photos.length).map((one) => {
      const tile = document.createElement("button");
      const title = one.title || one.listing_id;
      const image = document.createElement("img");
      image.src = api.thumbnail(one.photos[0].photo_url, 200);
      image.alt = "";
      tile.type = "button";
      tile.className = "sample";
      tile.dataset.title = title;
      tile.dataset.listing = one.listing_id;
      tile.setAttribute("aria-label", `Search with ${title}`);
      tile.setAttribute("aria-pressed", "false");
      tile.title = title;
      tile.append(image);
      tile.addEventListener("click", () => searchSample(one, title));
      return tile;
    });
    $("samples").replaceChildren(...tiles);
    document.querySelector(".samples").hidden = tiles.length === 0;
  } catch {
    document.querySelector(".samples").hidden = true;
  }
}

// The photo itself, as a shopper would send it, so that the listing finds itself first.
async function searchSample({ listing_id: listing, photos }, title) {
  const response = await fetch(api.photo(photos[0].photo_url)).catch(() => null);
  if (!response?.ok) return search({ listing_id: listing }, { url: api.thumbnail(photos[0].photo_url, 400), name: title, listing });
  const photo = await response.blob();
  searchPhoto(new File([photo], title, { type: photo.type }), listing);
}

function searchPhoto(photo, listing) {
  search({ photo }, { url: URL.createObjectURL(photo), name: photo.name || "pasted photo", listing });
}

const drop = $("drop");
$("choose").addEventListener("click", () => $("file").click());
$("file").addEventListener("change", (event) => {
  if (event.target.files[0]) searchPhoto(event.target.files[0]);
  event.target.value = "";
});
$("more").addEventListener("click", more);
$("stop").addEventListener("click", () => underWay?.abort(STOPPED));
for (const name of ["dragenter", "dragover"]) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
}
$("preview").addEventListener("error", () => { $("preview").hidden = true; });
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) drop.classList.remove("over");
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  if (event.dataTransfer.files[0]) searchPhoto(event.dataTransfer.files[0]);
});
document.addEventListener("paste", (event) => {
  if (event.clipboardData.files[0]) searchPhoto(event.clipboardData.files[0]);
});

showSamples();
refreshTimeline();
refreshReady();
setInterval(refreshReady, 5000);
setInterval(() => { if (!document.hidden) refreshTimeline(); }, 15000);
