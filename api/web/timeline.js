// Draws the windows as lanes of bars: months, days, hours, and the gaps below them.

import * as words from "./words.js";

const NAMES = { monthly: "Months", daily: "Days", hourly: "Hours" };

// Old time is long and quiet, today's hours are short and busy: the axis gives each month,
// then each day of the last stretch, then each hour of the last day, room to be seen.
export function axis(start, end) {
  const from = Date.parse(start);
  const to = Date.parse(end);
  const hour = 3_600_000;
  const knots = [[from, 0]];
  const lastDay = Math.max(from, Math.floor((to - 1) / (24 * hour)) * 24 * hour);
  const month = new Date(to - 1);
  const lastMonth = Math.max(from, Date.UTC(month.getUTCFullYear(), month.getUTCMonth(), 1));
  if (lastMonth > from) knots.push([lastMonth, 0.5]);
  if (lastDay > lastMonth) knots.push([lastDay, lastMonth > from ? 0.82 : 0.7]);
  knots.push([to, 1]);
  const place = (text) => {
    const time = typeof text === "number" ? text : Date.parse(text);
    for (let i = 1; i < knots.length; i++) {
      const [a, left] = knots[i - 1];
      const [b, right] = knots[i];
      if (time <= b) return left + ((time - a) / (b - a)) * (right - left);
    }
    return 1;
  };
  return { place, knots };
}

// With an answer's coverage the bars are the windows that answered it; without, those that
// would answer now.
export function draw(element, timeline, coverage) {
  const { place, knots } = axis(timeline.start, timeline.end);
  const rows = new Map(timeline.cover.map((one) => [one.window, one.rows]));
  const cover = (coverage?.windows ?? timeline.cover).map((one) => ({ rows: rows.get(one.window), ...one, ...words.windowSpan(one.window) }));
  const failed = (coverage?.failed ?? []).map((one) => ({ ...one, ...words.windowSpan(one.window) }));
  const gaps = coverage?.gaps ?? timeline.gaps;
  element.replaceChildren();
  for (const lane of timeline.timeline) {
    const here = (one) => one.granularity === lane.granularity;
    const bars = lane.runs.map((run) => bar(run, place));
    bars.push(...cover.filter(here).map((one) => coverBar(one, place)));
    bars.push(...failed.filter(here).map((one) => failedBar(one, place)));
    element.append(laneOf(NAMES[lane.granularity], bars, `${words.number(lane.ready)} of ${words.number(lane.windows)} ready`));
  }
  if (gaps.length) {
    const bars = gaps.map((gap) => piece("failed", gap, place, `Gap: ${words.moment(gap.start)} to ${words.moment(gap.end)}`));
    const lane = laneOf("Gaps", bars, words.count(gaps.length, "gap"));
    lane.classList.add("gaps");
    element.append(lane);
  }
  element.append(ruler(knots));
}

function bar(run, place) {
  const rows = run.rows === null ? "" : `, ${words.count(run.rows, "photo")}`;
  const served = run.state === "missing" ? "" : `, held by ${run.served_by ?? "no index server"}`;
  return piece(run.state, run, place, `${words.moment(run.start)} to ${words.moment(run.end)}: ${words.count(run.windows, "window")} ${run.state}${rows}${served}`);
}

function coverBar(one, place) {
  const kind = one.stale ? "cover stale" : "cover";
  const rows = one.rows === undefined ? "" : `${words.count(one.rows, "photo")}, `;
  return piece(kind, one, place, `${words.windowName(one.window)}: ${rows}answered by ${one.served_by}${one.stale ? ", stale" : ""}`);
}

function failedBar(one, place) {
  return piece("failed", one, place, `${words.windowName(one.window)}: ${one.served_by} failed, ${one.reason}`);
}

function piece(kind, { start, end }, place, title) {
  const part = document.createElement("div");
  part.className = `run ${kind}`;
  part.style.left = `${place(start) * 100}%`;
  part.style.width = `${(place(end) - place(start)) * 100}%`;
  part.title = title;
  return part;
}

function laneOf(name, bars, text) {
  const lane = document.createElement("div");
  lane.className = "lane";
  const title = document.createElement("span");
  title.className = "lane-name";
  title.textContent = name;
  const track = document.createElement("div");
  track.className = "track";
  track.setAttribute("role", "img");
  track.setAttribute("aria-label", `${name}: ${text}. ${bars.map((one) => one.title).slice(0, 12).join("; ")}`);
  track.append(...bars);
  const total = document.createElement("span");
  total.className = "lane-count";
  total.textContent = text;
  lane.append(title, track, total);
  return lane;
}

function ruler(knots) {
  const row = document.createElement("div");
  row.className = "ruler";
  row.setAttribute("aria-hidden", "true");
  const marks = document.createElement("div");
  knots.forEach(([time, place], i) => {
    const mark = document.createElement("span");
    const isLast = i === knots.length - 1;
    if (i === 0) mark.textContent = words.moment(time);
    else mark.textContent = isLast ? words.endOfDay(time) : words.dayOfYear(time);
    mark.style.left = `${place * 100}%`;
    if (isLast) mark.className = "last";
    marks.append(mark);
  });
  row.append(document.createElement("span"), marks, document.createElement("span"));
  return row;
}

export function table(element, timeline) {
  element.replaceChildren();
  const titles = ["Window", "Granularity", "Photos", "Version", "Served by", "State"];
  const top = element.createTHead().insertRow();
  for (const title of titles) {
    const cell = document.createElement("th");
    cell.scope = "col";
    cell.textContent = title;
    if (title === "Photos") cell.className = "number";
    top.append(cell);
  }
  const body = element.createTBody();
  for (const one of timeline.cover) {
    const row = body.insertRow();
    const texts = [words.windowName(one.window), one.granularity, words.number(one.rows), one.version, one.served_by, one.stale ? "stale" : "ready"];
    texts.forEach((text, i) => {
      const cell = row.insertCell();
      cell.textContent = text;
      if (titles[i] === "Photos") cell.className = "number";
    });
  }
}
