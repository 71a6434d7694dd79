// Moving about: wheel, mouse, keys and buttons; filters; what is said about things.

const SPAN_MIN = 20;
let isPlanned = false;

// Draws soon, and once.
function redraw() {
  if (isPlanned) return;
  isPlanned = true;
  requestAnimationFrame(() => { isPlanned = false; draw(); });
}

// Shows a part of the run, which stays within it.
function show(from, length) {
  const whole = run.to - run.from;
  length = Math.min(Math.max(length, Math.min(SPAN_MIN, whole)), whole);
  view.from = Math.min(Math.max(from, run.from), run.to - length);
  view.to = view.from + length;
  redraw();
}

const zoom = (factor, at = (view.from + view.to) / 2) => show(at - (at - view.from) * factor, (view.to - view.from) * factor);
const move = (share) => show(view.from + (view.to - view.from) * share, view.to - view.from);
const center = (at) => show(at - (view.to - view.from) / 2, view.to - view.from);

// Before the goal, with as many messages as can be told apart.
function showGoal() {
  const before = run.messages.filter((message) => shownKinds.has(message.kind) && message.at <= goal);
  const first = before[Math.max(before.length - 110, 0)];
  const length = Math.min(Math.max(first ? goal - first.at : 0, 2e4), 2e6) * 1.06;
  show(goal - length * (culprit ? 0.6 : 0.95), length);
}

const elections = run.phases.filter((phase) => phase.is === "leader").map((phase) => phase.from).sort((a, b) => a - b);
const middle = () => (view.from + view.to) / 2;
const actions = {
  left: () => move(-0.4),
  right: () => move(0.4),
  in: () => zoom(0.6),
  out: () => zoom(1 / 0.6),
  all: () => show(run.from, run.to - run.from),
  goal: showGoal,
  before: () => { const at = elections.findLast((at) => at < middle() - 1); if (at !== undefined) center(at); },
  after: () => { const at = elections.find((at) => at > middle() + 1); if (at !== undefined) center(at); },
};
const keys = { ArrowLeft: "left", ArrowRight: "right", "+": "in", "=": "in", "-": "out", 0: "all", v: "goal" };

document.getElementById("goal").textContent = run.violation ? "jump to the violation" : "jump to the end";
document.getElementById("buttons").addEventListener("click", (event) => {
  const action = actions[event.target.dataset.do];
  if (action) action();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") release();
  const action = actions[keys[event.key]];
  if (action && !event.ctrlKey && !event.metaKey && event.target.tagName !== "INPUT") { action(); event.preventDefault(); }
});

picture.addEventListener("wheel", (event) => {
  event.preventDefault();
  const amount = event.deltaY || event.deltaX;
  if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) move(amount / 1000);
  else zoom(Math.exp(amount / 500), timeAt(event.clientX - picture.getBoundingClientRect().left));
}, { passive: false });

// Dragging moves the picture; in the strip, the frame.
let drag = null;
picture.addEventListener("pointerdown", (event) => { drag = { x: event.clientX, from: view.from, far: false }; });
window.addEventListener("pointerup", () => { drag = null; });
window.addEventListener("pointermove", (event) => {
  if (!drag) return;
  const moved = event.clientX - drag.x;
  drag.far = drag.far || Math.abs(moved) > 3;
  if (drag.far) show(drag.from - moved * (view.to - view.from) / (layout.width - GUTTER - RIGHT), view.to - view.from);
});
const follow = (event) => {
  if (event.buttons !== 1) return;
  const place = event.clientX - overview.getBoundingClientRect().left;
  center(run.from + (place - GUTTER) / (overview.clientWidth - GUTTER - RIGHT) * (run.to - run.from));
};
overview.addEventListener("pointerdown", follow);
overview.addEventListener("pointermove", follow);

// What is said about the thing under the mouse, and what stood then.
const tip = document.getElementById("tip");
let isKept = false, hot = null;

function release() { isKept = false; tip.hidden = true; tip.className = ""; }

picture.addEventListener("pointermove", (event) => {
  const place = event.clientX - picture.getBoundingClientRect().left;
  if (place >= GUTTER && layout.cursor && !drag) {
    layout.cursor.setAttribute("x1", place);
    layout.cursor.setAttribute("x2", place);
    drawGutter(timeAt(place));
  }
  if (isKept) return;
  const text = tips.get(event.target);
  if (hot) hot.classList.remove("hot");
  hot = event.target.line || null;
  if (hot) hot.classList.add("hot");
  tip.hidden = text === undefined;
  if (text === undefined) return;
  tip.textContent = text;
  const isLeft = event.clientX > window.innerWidth / 2, isUp = event.clientY > window.innerHeight / 2;
  Object.assign(tip.style, {
    left: isLeft ? "" : `${event.clientX + 14}px`, right: isLeft ? `${window.innerWidth - event.clientX + 14}px` : "",
    top: isUp ? "" : `${event.clientY + 14}px`, bottom: isUp ? `${window.innerHeight - event.clientY + 14}px` : "",
  });
});
picture.addEventListener("pointerleave", () => { if (!isKept) tip.hidden = true; drawGutter(view.to); });
picture.addEventListener("click", (event) => {
  const text = tips.get(event.target);
  release();
  if (text !== undefined) { isKept = true; tip.textContent = text; tip.hidden = false; tip.className = "kept"; }
});

// Filters.
function choice(parent, set, value, label, sample) {
  const box = document.createElement("label"), input = document.createElement("input");
  Object.assign(input, { type: "checkbox", checked: set.has(value) });
  input.addEventListener("change", () => { if (input.checked) set.add(value); else set.delete(value); redraw(); });
  box.append(input);
  if (sample) box.append(sample);
  box.append(label);
  parent.append(box);
}

function sample(paint) {
  const svg = document.createElementNS(NAMESPACE, "svg");
  svg.setAttribute("viewBox", "0 0 30 14");
  paint(svg);
  return svg;
}

for (const n of hosts) choice(document.getElementById("hosts"), shownHosts, n, nameOf(n));
for (const kind in KINDS) {
  const line = sample((svg) => {
    put(svg, "path", { d: "M0 7H22", class: `arrow ${kind}` });
    put(svg, "path", { d: "M30 7l-8 -3.4v6.8z", class: `head ${kind}` });
  });
  choice(document.getElementById("kinds"), shownKinds, kind, KINDS[kind][0], line);
}

const rect = (name, height) => (svg) => put(svg, "rect", { x: 1, y: 7 - height / 2, width: 28, height, class: name });
const legend = [
  ...["leader", "candidate", "pre-candidate", "follower"].map((name) => [name, rect(name, Math.min(HEIGHTS[name], 12))]),
  ["down", (svg) => { rect("down", 12)(svg); put(svg, "path", { d: "M2 1l8 12m0 -12l-8 12", class: "crash" }); }],
  ["reads its disk", rect("starting", 8)],
  ["stands still", rect("paused", 12)],
  ["disk works", rect("disk", 6)],
  ["disk hangs", rect("stalled", 10)],
  ["commit rises", (svg) => put(svg, "line", { x1: 15, x2: 15, y1: 3, y2: 11, class: "commit" })],
  ["lost or damaged", (svg) => { put(svg, "path", { d: "M0 7H26", class: "arrow lost" }); cross(svg, 24, 7); }],
  ["arrived once more", (svg) => { put(svg, "path", { d: "M0 7H18", class: "arrow append" }); put(svg, "circle", { cx: 20, cy: 7, r: 6, class: "ring append" }); }],
  ["a fault is prepared", (svg) => put(svg, "path", { d: "M15 12l-5 -9h10z", class: "noted" })],
  ["✓ answered", rect("ok", 12)], ["✗ had no effect", rect("fails", 12)], ["? in doubt", rect("unknown", 12)],
];
for (const [label, paint] of legend) {
  const box = document.createElement("span");
  box.append(sample(paint), label);
  document.getElementById("legend").append(box);
}

// A history that no order explains.
if (knot) {
  const box = document.getElementById("knot"), list = document.createElement("ol");
  const line = (number, note) => {
    const call = callOf.get(number), item = document.createElement("li"), button = document.createElement("button");
    if (!call) return;
    button.textContent = `${nameOf(call.n)}  ${call.text}${call.answer && ` → ${call.answer}`}  (${seconds(call.from)} to ${seconds(call.to)})${note}`;
    button.addEventListener("click", () => { shownHosts.add(call.n); const length = Math.max((call.to - call.from) * 4, 2e4); show((call.from + call.to) / 2 - length / 2, length); });
    item.append(button);
    list.append(item);
  };
  const heading = document.createElement("p");
  heading.textContent = `No order of the ${knot.operations.length} operations on this key explains all answers. ` +
    `The longest that was found has ${knot.prefix.length}; its last ones, and the answer that it cannot get past:`;
  const shown = knot.prefix.slice(-7);
  list.start = knot.prefix.length - shown.length + 1;
  shown.forEach((number) => line(number, ""));
  line(knot.culprit, "  ← impossible here");
  box.append(heading, list);
}

if (run.left_out > 0) {
  document.getElementById("left-out").textContent = `; the first ${(run.left_out / 1e6).toFixed(3)} s are left out of the picture, to keep this file small`;
}

// A part of the run may be named in the address: #1.25-1.5, in seconds.
function showNamed() {
  const [from, to] = location.hash.slice(1).split("-").map((text) => parseFloat(text) * 1e6);
  if (to > from) show(from, to - from); else showGoal();
}

window.addEventListener("hashchange", showNamed);
window.addEventListener("resize", () => { drawOverview(); redraw(); });
drawOverview();
showNamed();
draw();
