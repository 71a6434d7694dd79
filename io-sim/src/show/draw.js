// From what was recorded to lines, bars and arrows.

const GUTTER = 204, RIGHT = 10, AXIS = 34, CALLS = 24, LANE_MIN = 84, LANE_MAX = 150, ROW = 20;
// Where things are in the lane of a server.
const BAND = 32, DISK = 49, NUMBERS = 68;
const HEIGHTS = { "leader": 20, "candidate": 15, "pre-candidate": 11, "halted": 20, "down": 14, "starting": 8, "follower": 7 };
// More arrows than this cannot be told apart, nor drawn in time.
const ARROWS_MAX = 2500;

// What to say about an element.
const tips = new WeakMap();
let layout;

const x = (at) => GUTTER + ((at - view.from) / (view.to - view.from)) * (layout.width - GUTTER - RIGHT);
const timeAt = (place) => view.from + ((place - GUTTER) / (layout.width - GUTTER - RIGHT)) * (view.to - view.from);
const isSeen = (from, to) => to >= view.from && from <= view.to;

// A bar from one time to another, cut where the picture ends.
function bar(parent, from, to, y, height, name, tip) {
  const left = Math.max(x(from), GUTTER), right = Math.min(x(to), layout.width - RIGHT);
  const element = put(parent, "rect", { x: left, y, width: Math.max(right - left, 1.2), height, class: name });
  if (tip) tips.set(element, tip);
  return { left, right };
}

// Texts of one row, each only if it does not run into the one before it.
function row(y, name) {
  let end = GUTTER - 1;
  return (parent, left, text, room = Infinity) => {
    const width = text.length * 6.6 + 8;
    if (left < end || width > room || left + width > layout.width + 4) return false;
    put(parent, "text", { x: left + 2, y, class: `halo ${name}` }, text);
    end = left + width;
    return true;
  };
}

function draw() {
  const width = picture.clientWidth, tops = new Map(), rows = [];
  const drawn = run.cuts.filter((cut) => isSeen(cut.from, cut.to)).map((cut) => {
    let at = rows.findIndex((end) => end <= cut.from);
    if (at < 0) at = rows.push(0) - 1;
    rows[at] = cut.to;
    return [cut, at];
  });
  let y = AXIS;
  for (const n of hosts.filter((n) => shownHosts.has(n) && !isServer(n))) { tops.set(n, y); y += CALLS; }
  const cutsTop = y + 4;
  y += Math.max(rows.length, 1) * ROW + 10;
  const servers = hosts.filter((n) => shownHosts.has(n) && isServer(n));
  // As high as fits into the window.
  const room = (window.innerHeight - picture.getBoundingClientRect().top - window.scrollY - y - 20) / servers.length;
  const lane = Math.min(Math.max(room, LANE_MIN), LANE_MAX);
  for (const n of servers) { tops.set(n, y); y += lane; }
  layout = { width, height: y + 6, lane, tops, cutsTop };
  picture.replaceChildren();
  picture.setAttribute("height", layout.height);
  drawPatterns();
  const seen = put(picture, "g", { "clip-path": "url(#inside)" });
  drawAxis(seen);
  drawLanes(seen);
  for (const [cut, at] of drawn) drawCut(seen, cut, at);
  for (const n of tops.keys()) if (isServer(n)) drawDisk(seen, n);
  drawMessages(seen);
  for (const n of tops.keys()) if (isServer(n)) drawServer(seen, n);
  drawCalls(seen);
  drawMoments(seen);
  layout.cursor = put(picture, "line", { class: "cursor", y1: AXIS, y2: layout.height, x1: -9, x2: -9 });
  layout.gutter = put(picture, "g", {});
  drawGutter(view.to);
  drawFrame();
}

function drawPatterns() {
  const patterns = put(picture, "defs", {});
  const hatch = (id, angle, color, gap) => {
    const transform = `rotate(${angle})`;
    const pattern = put(patterns, "pattern", { id, width: gap, height: gap, patternUnits: "userSpaceOnUse", patternTransform: transform });
    put(pattern, "rect", { width: gap / 3, height: gap, fill: `var(${color})` });
  };
  const inside = put(patterns, "clipPath", { id: "inside" });
  put(inside, "rect", { x: GUTTER, y: 0, width: layout.width - GUTTER, height: layout.height });
  hatch("hatch", 45, "--gone", 6);
  hatch("pause", -45, "--ink", 9);
}

function drawAxis(parent) {
  const width = (view.to - view.from) / Math.max((layout.width - GUTTER) / 110, 1);
  const power = 10 ** Math.floor(Math.log10(width));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= width);
  const digits = Math.min(Math.max(6 - Math.floor(Math.log10(step)), 0), 6);
  put(picture, "text", { x: 0, y: 14, class: "dim" }, "simulated time (s)");
  for (let at = Math.ceil(view.from / step) * step; at <= view.to; at += step) {
    put(parent, "line", { x1: x(at), x2: x(at), y1: 20, y2: layout.height, class: "grid" });
    const anchor = x(at) > layout.width - 40 ? "end" : x(at) < GUTTER + 30 ? "start" : "middle";
    put(parent, "text", { x: x(at), y: 14, "text-anchor": anchor, class: "dim" }, (at / 1e6).toFixed(digits));
  }
}

function drawLanes(parent) {
  for (const [n, top] of layout.tops) {
    const height = isServer(n) ? layout.lane - 6 : CALLS - 4;
    put(parent, "rect", { x: GUTTER, y: top, width: layout.width - GUTTER - RIGHT, height, class: "lane", "fill-opacity": 0.6 });
  }
}

function drawCut(parent, cut, at) {
  const tip = `cut: ${cut.text}\nfrom ${seconds(cut.from)} to ${seconds(cut.to)}, ${span(cut.to - cut.from)}\n` +
    "servers of one colour hear one another\n" + `blocked: ${cut.blocked.map(([from, to]) => `n${from}→n${to}`).join(" ")}`;
  for (const [n, top] of layout.tops) {
    if (!isServer(n)) continue;
    const side = cut.sides[n - 1];
    bar(parent, cut.from, cut.to, top, layout.lane - 6, `side ${side === null ? "no-side" : `side${side % 4}`}`);
  }
  const y = layout.cutsTop + at * ROW;
  const { left, right } = bar(parent, cut.from, cut.to, y, ROW - 4, "cut-name", tip);
  const text = `cut: ${cut.text}`;
  const room = Math.floor((right - left) / 6.6) - 1;
  if (room > 3) put(parent, "text", { x: left + 4, y: y + 12 }, text.length > room ? `${text.slice(0, room - 1)}…` : text);
}

function drawDisk(parent, n) {
  const top = layout.tops.get(n);
  for (const spell of run.spells) {
    if (spell.n !== n || !isSeen(spell.from, spell.to)) continue;
    const tip = `${nameOf(n)}: ${spell.is === "disk" ? "the disk works" : spell.is === "failed" ? "the disk fails" : spell.text}\n` +
      `from ${seconds(spell.from)} for ${span(spell.to - spell.from)}` + (spell.is === "disk" || spell.is === "failed" ? `\n${spell.text}` : "");
    if (spell.is === "stalled") bar(parent, spell.from, spell.to, top + DISK - 2, 10, "stalled", tip);
    else if (spell.is !== "paused") bar(parent, spell.from, spell.to, top + DISK, 6, spell.is, tip);
  }
}

function drawServer(parent, n) {
  const top = layout.tops.get(n), label = row(top + 15, ""), number = row(top + NUMBERS + 6, "dim");
  for (const phase of phases.get(n)) {
    if (!isSeen(phase.from, phase.to)) continue;
    const height = HEIGHTS[phase.is];
    const is = phase.is + (phase.term ? `, term ${phase.term}` : "");
    const tip = `${nameOf(n)}: ${is}${phase.text ? `\n${phase.text}` : ""}\nfrom ${seconds(phase.from)} for ${span(phase.to - phase.from)}`;
    const { left } = bar(parent, phase.from, phase.to, top + BAND - height / 2, height, phase.is, tip);
    const text = phase.is === "down" ? phase.text : is;
    label(parent, left, text) || label(parent, left, phase.is === "down" ? "down" : phase.is);
  }
  for (const spell of run.spells) {
    if (spell.n !== n || spell.is !== "paused" || !isSeen(spell.from, spell.to)) continue;
    const tip = `${nameOf(n)}: stands still\nfrom ${seconds(spell.from)} for ${span(spell.to - spell.from)}`;
    bar(parent, spell.from, spell.to, top + BAND - 12, 24, "paused", tip);
  }
  const first = latest(phases.get(n), "from", view.from);
  let known = first && first.term && latest(stands.get(n), "at", view.from);
  if (known) number(parent, GUTTER, `commit ${known.commit}`);
  for (const stand of stands.get(n)) {
    if (stand.at < view.from || stand.at > view.to) continue;
    if (!known || stand.commit !== known.commit) {
      const tick = put(parent, "line", { x1: x(stand.at), x2: x(stand.at), y1: top + NUMBERS - 9, y2: top + NUMBERS - 3, class: "commit" });
      tips.set(tick, `${nameOf(n)}: commit ${stand.commit}\nat ${seconds(stand.at)}`);
      number(parent, x(stand.at), `${stand.commit}`);
    }
    known = stand;
  }
}

function drawMessages(parent) {
  const isDrawn = (message) => shownKinds.has(message.kind) && shownHosts.has(message.from) && shownHosts.has(message.to);
  const end = (message) => (message.lost ? message.lost[0] : message.arrivals.length ? message.arrivals.at(-1)[0] : run.to);
  const seen = run.messages.filter((message) => isSeen(message.at, end(message)) && isDrawn(message));
  // All about votes; of the others, every so many.
  const isRare = (message) => message.kind.includes("vote");
  const step = Math.ceil(seen.length / ARROWS_MAX);
  const drawn = step > 1 ? seen.filter((message, at) => isRare(message) || at % step === 0).slice(0, 2 * ARROWS_MAX) : seen;
  layout.messages = [drawn.length, seen.length];
  for (const message of drawn) drawMessage(parent, message);
}

function drawMessage(parent, message) {
  const middle = (n) => layout.tops.get(n) + (isServer(n) ? BAND : CALLS / 2 - 2);
  const from = [x(message.at), middle(message.from)], down = middle(message.to) > from[1] ? 1 : -1;
  // On the way, and not where the band of somebody else would hide it.
  const halfway = () => from[1] + down * Math.min(Math.abs(middle(message.to) - from[1]) * 0.5, layout.lane * 0.6);
  const head = `${nameOf(message.from)} → ${nameOf(message.to)}: ${message.text}\nsent at ${seconds(message.at)}`;
  const arrow = (to, name, tip) => {
    const path = `M${from[0]} ${from[1]}L${to[0]} ${to[1]}`;
    const line = put(parent, "path", { d: path, class: `arrow ${name}` });
    // Easier to hit than a thin line.
    const grip = put(parent, "path", { d: path, class: "grip" });
    grip.line = line;
    tips.set(grip, tip);
  };
  const point = ([left, y], name) => {
    const length = Math.hypot(left - from[0], y - from[1]) || 1;
    const [dx, dy] = [(left - from[0]) / length, (y - from[1]) / length];
    const [bx, by] = [left - 8 * dx, y - 8 * dy];
    const d = `M${left} ${y}L${bx - 3.4 * dy} ${by + 3.4 * dx}L${bx + 3.4 * dy} ${by - 3.4 * dx}Z`;
    put(parent, "path", { d, class: `head ${name}` });
  };
  message.arrivals.forEach(([at, how]) => {
    const to = [x(at), middle(message.to) - down * (isServer(message.to) ? 5 : 8)];
    const words = { first: "arrived", again: "arrived once more", corrupt: "arrived damaged" }[how];
    const tip = `${head}\n${words} at ${seconds(at)}, after ${span(at - message.at)}`;
    const name = how === "first" ? message.kind : how === "again" ? `${message.kind} again` : "lost";
    arrow(to, name, tip);
    point(to, name);
    if (how === "again") put(parent, "circle", { cx: to[0], cy: to[1] - down * 4, r: 7, class: `ring ${message.kind}` });
    if (how === "corrupt") cross(parent, to[0], to[1] - down * 6);
  });
  if (message.lost) {
    const [at, why] = message.lost;
    const to = [x(at), halfway()];
    arrow(to, "lost", `${head}\nnever arrived: ${why}`);
    cross(parent, ...to);
  } else if (!message.arrivals.length) {
    arrow([x(run.to), halfway()], message.kind, `${head}\nunder way at the end`);
  }
}

function cross(parent, left, y) {
  put(parent, "path", { d: `M${left - 4} ${y - 4}l8 8m0 -8l-8 8`, class: "cross" });
}

function drawCalls(parent) {
  const names = { ok: "ok", failed: "fails", unknown: "unknown" };
  const words = { ok: "answered", failed: "had no effect", unknown: "in doubt: may have taken effect, or may do so yet" };
  const signs = { ok: "✓", failed: "✗", unknown: "?" };
  for (const call of run.calls) {
    const top = layout.tops.get(call.n);
    if (top === undefined || !isSeen(call.from, call.to)) continue;
    const answer = call.answer && ` → ${call.answer}`;
    const place = knotted.get(call.number);
    let tip = `${nameOf(call.n)}: ${call.text}${answer}\n${call.how ? words[call.how] : "still waits at the end"}\n` +
      `from ${seconds(call.from)} to ${seconds(call.to)}, ${span(call.to - call.from)}`;
    let name = call.how ? names[call.how] : "never";
    if (place !== undefined) { name += " knotted"; tip += place ? `\nnumber ${place} of the longest order that explains this key` : "\nhas no place in the longest order"; }
    if (knot && call.number === knot.culprit) { name += " culprit"; tip += "\nNO ORDER GETS PAST THIS ANSWER"; }
    const { left, right } = bar(parent, call.from, call.to, top + 2, CALLS - 8, name, tip);
    const text = `${place ? `${place}. ` : ""}${call.how ? signs[call.how] : "…"} ${call.text}${answer}`;
    const room = Math.floor((right - left) / 6.6) - 1;
    if (room > 0) put(parent, "text", { x: left + 3, y: top + 14 }, text.length > room ? text.slice(0, room) : text);
  }
}

function drawMoments(parent) {
  for (const mark of run.marks) {
    if (!isSeen(mark.at, mark.at)) continue;
    const left = x(mark.at), top = layout.tops.get(mark.n);
    let element;
    if (mark.n === 0) {
      element = put(parent, "line", { x1: left, x2: left, y1: AXIS - 8, y2: layout.height, class: "healed" });
      put(parent, "text", { x: left + 4, y: AXIS - 4, class: "halo" }, mark.text);
    } else if (top === undefined) {
      continue;
    } else if (mark.is === "down") {
      element = put(parent, "path", { d: `M${left - 6} ${top + BAND - 10}l12 20m0 -20l-12 20`, class: "crash" });
    } else {
      element = put(parent, "path", { d: `M${left} ${top + BAND - 6}l-5 -9h10z`, class: "noted" });
    }
    tips.set(element, `${mark.n ? `${nameOf(mark.n)}: ` : ""}${mark.text}\nat ${seconds(mark.at)}`);
  }
  if (run.violation && isSeen(goal, goal)) {
    const left = x(goal), anchor = left > layout.width / 2 ? "end" : "start";
    const line = put(parent, "line", { x1: left, x2: left, y1: AXIS - 10, y2: layout.height, class: "violation" });
    tips.set(line, `violated: ${run.violation.property}\nat ${seconds(goal)}`);
    put(parent, "text", { x: left + (anchor === "end" ? -5 : 5), y: AXIS - 4, "text-anchor": anchor, class: "violation-text halo" }, `violated: ${run.violation.property}`);
  }
}

// How everybody stands at a time.
function drawGutter(at) {
  layout.gutter.replaceChildren();
  for (const [n, top] of layout.tops) {
    const write = (y, text, name) => put(layout.gutter, "text", { x: 0, y: top + y, class: name }, text);
    write(isServer(n) ? 17 : 15, isServer(n) ? nameOf(n) : `client ${nameOf(n)}`, isServer(n) ? "name" : "");
    if (!isServer(n)) continue;
    const phase = latest(phases.get(n), "from", at), stand = latest(stands.get(n), "at", at);
    put(layout.gutter, "text", { x: 30, y: top + 17 }, phase ? `${phase.is}${phase.term ? `, term ${phase.term}` : ""}` : "");
    if (!stand || !phase || !phase.term) continue;
    write(35, `last ${stand.last}@${stand.last_term}, durable ${stand.durable}`, "dim");
    write(51, `commit ${stand.commit}, applied ${stand.applied}`, "dim");
    if (stand.vote) write(67, `voted for n${stand.vote}`, "dim");
  }
}

// The whole run in a strip, with a frame around what the picture shows.
const mapX = (at) => GUTTER + ((at - run.from) / (run.to - run.from)) * (overview.clientWidth - GUTTER - RIGHT);

function drawOverview() {
  const high = 9, height = run.servers * high + 18, width = overview.clientWidth;
  overview.replaceChildren();
  overview.setAttribute("height", height);
  const strip = (from, to, y, height, name) => {
    const left = mapX(Math.max(from, run.from));
    put(overview, "rect", { x: left, y, width: Math.max(mapX(to) - left, 0.7), height, class: name });
  };
  put(overview, "text", { x: 0, y: 11, class: "dim" }, run.left_out ? "the last part of the run" : "the whole run");
  for (let n = 1; n <= run.servers; n++) {
    put(overview, "text", { x: GUTTER - 24, y: (n - 1) * high + 9, class: "dim", "font-size": 9, style: "font-size:9px" }, nameOf(n));
    for (const phase of phases.get(n)) strip(phase.from, phase.to, (n - 1) * high + 1, high - 2, phase.is);
  }
  for (const cut of run.cuts) strip(cut.from, cut.to, 0, run.servers * high, "side side1");
  if (run.violation) put(overview, "line", { x1: mapX(goal), x2: mapX(goal), y1: 0, y2: height, class: "violation" });
  for (const [at, anchor] of [[run.from, "start"], [run.to, "end"]]) {
    put(overview, "text", { x: mapX(at), y: height - 5, "text-anchor": anchor, class: "dim" }, `${(at / 1e6).toFixed(3)} s`);
  }
  overview.frame = put(overview, "rect", { y: 0, height: run.servers * high, class: "map" });
}

function drawFrame() {
  overview.frame.setAttribute("x", mapX(view.from));
  overview.frame.setAttribute("width", Math.max(mapX(view.to) - mapX(view.from), 3));
  const [drawn, all] = layout.messages;
  const part = drawn < all ? `, ${drawn} of ${all} messages: zoom in for the others` : `, ${all} messages`;
  document.getElementById("shown").textContent = `${seconds(view.from)} to ${seconds(view.to)} (${span(view.to - view.from)})${part}`;
}
