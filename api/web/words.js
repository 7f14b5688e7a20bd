// Times, numbers and coverage in words.

const dayFormat = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });
const dayOfYearFormat = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
const momentFormat = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", timeZone: "UTC" });
const clockFormat = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: "UTC" });
const secondFormat = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit", timeZone: "UTC" });
const monthFormat = new Intl.DateTimeFormat("en-GB", { month: "long", year: "numeric", timeZone: "UTC" });
const priceFormat = new Intl.NumberFormat("en-GB", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const numberFormat = new Intl.NumberFormat("en-GB");

export const number = (value) => numberFormat.format(value);
export const price = (value) => (value === null ? "" : priceFormat.format(value));
export const count = (value, thing) => `${number(value)} ${thing}${value === 1 ? "" : "s"}`;

export function moment(text) {
  const time = new Date(text);
  return time.getTime() % 86_400_000 === 0 ? dayFormat.format(time) : `${momentFormat.format(time)} UTC`;
}

export const dayOfYear = (time) => dayOfYearFormat.format(time);

// Beside a mark with the day before or the day itself: short, as there is little room.
export const endOfDay = (time) => (time % 86_400_000 === 0 ? dayOfYear(time) : `${clockFormat.format(time)} UTC`);

export function nextTry(at, now) {
  if (Date.parse(at) <= Date.parse(now)) return "It is being tried again.";
  return `It is tried again on ${secondFormat.format(new Date(at))} UTC.`;
}

export function windowName(key) {
  const [granularity, start] = key.split("/");
  if (granularity === "monthly") return monthFormat.format(new Date(`${start}-01T00:00Z`));
  if (granularity === "daily") return dayFormat.format(new Date(`${start}T00:00Z`));
  return `${momentFormat.format(new Date(`${start}:00Z`))} UTC`;
}

// When a window starts and ends, and its granularity, from its key.
export function windowSpan(key) {
  const [granularity, text] = key.split("/");
  const start = new Date(granularity === "monthly" ? `${text}-01T00:00Z` : granularity === "daily" ? `${text}T00:00Z` : `${text}:00Z`);
  const end = new Date(start);
  if (granularity === "monthly") end.setUTCMonth(end.getUTCMonth() + 1);
  else end.setTime(end.getTime() + (granularity === "daily" ? 24 : 1) * 3_600_000);
  return { granularity, start: start.getTime(), end: end.getTime() };
}

export function span(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} seconds`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} minutes`;
  if (seconds < 129_600) return `${Math.round(seconds / 3600)} hours`;
  return `${Math.round(seconds / 86_400)} days`;
}

export function coverage(answer) {
  const { coverage: found, timings_ms: timings } = answer;
  const servers = new Set(found.windows.map((one) => one.served_by)).size;
  const parts = [
    `${count(found.windows.length, "window")} of ${count(servers, "index server")} in ${Math.round(timings.total)} ms`,
  ];
  parts.push(found.complete ? "all of time searched" : `${count(found.gaps.length, "gap")} in time`);
  if (clockIsWrong(found.staleness.ahead_s)) parts.push("a machine's clock is wrong");
  else if (found.newest) parts.push(`up to ${span(found.staleness.behind_s)} ago`);
  if (found.hidden?.length) parts.push(hidden(found.hidden));
  if (found.failed.length) parts.push(`${count(found.failed.length, "window")} failed`);
  if (found.staleness.windows.length) parts.push(`${count(found.staleness.windows.length, "window")} stale`);
  return parts.join(" · ");
}

export function tooLong(seconds) {
  return {
    what: "The search took too long",
    found: `no answer within ${seconds} seconds`,
    remedy: "Try again; on a slow line, with a smaller photo",
  };
}

const hiddenCount = (rules) => rules.reduce((sum, one) => sum + one.listings, 0);

export function hidden(rules) {
  return `${count(hiddenCount(rules), "listing")} hidden`;
}

// When everything that was found is hidden, the shop's settings may be wrong: say by which rule.
export function nothing(rules = []) {
  if (!rules.length) return "No listing found.";
  const why = rules.map((one) => `${count(one.listings, "listing")}: ${one.why}`).join("; ");
  return `No listing that may be shown. Hidden are ${why}.`;
}

export function answeredWords({ windows, gaps, failed }) {
  const servers = new Set(windows.map((one) => one.served_by)).size;
  const parts = [`${count(windows.length, "window")} on ${count(servers, "index server")} gave this answer.`];
  if (failed.length) parts.push(`${failed.map((one) => windowName(one.window)).slice(0, 4).join(", ")} failed.`);
  parts.push(gaps.length ? `Nothing answered for ${gapWords(gaps)}.` : "They cover all of time.");
  return parts.join(" ");
}

function gapWords(gaps) {
  const texts = gaps.map((gap) => `${moment(gap.start)} to ${moment(gap.end)}`);
  return `${texts.slice(0, 3).join(", ")}${texts.length > 3 ? " and more" : ""}`;
}

// Clocks of machines that keep time differ by less.
const CLOCK_TOLERANCE_S = 300;

function clockIsWrong(aheadS) {
  return aheadS > CLOCK_TOLERANCE_S;
}

export function timelineWords(timeline) {
  const rows = timeline.cover.reduce((sum, one) => sum + one.rows, 0);
  const servers = new Set(timeline.cover.map((one) => one.served_by)).size;
  const text = `${count(timeline.cover.length, "window")} with ${count(rows, "photo")} on ${count(servers, "index server")}`;
  const aheadS = timeline.newest ? (Date.parse(timeline.newest) - Date.parse(timeline.now)) / 1000 : 0;
  if (clockIsWrong(aheadS)) {
    return `${text}. Some end ${span(aheadS)} from now by the server's clock: a machine's clock is wrong.`;
  }
  if (timeline.complete) return `${text} cover all of time.`;
  return `${text}. Nothing answers for ${gapWords(timeline.gaps)}.`;
}
