// What was recorded, and how to find things in it. Times are in microseconds of simulated time.

const run = JSON.parse(document.getElementById("data").textContent);
const overview = document.getElementById("overview");
const picture = document.getElementById("picture");
const NAMESPACE = picture.namespaceURI;

// Kinds of messages, in the order of the filter, and whether they are drawn at first.
const KINDS = {
  "append": ["entries", true],
  "append-reply": ["answer to entries", true],
  "heartbeat": ["heartbeat", true],
  "vote": ["request for a vote", true],
  "vote-reply": ["its answer", true],
  "pre-vote": ["pre-vote", true],
  "pre-vote-reply": ["its answer", true],
  "forward": ["passed on to the leader", true],
  "client": ["of clients", false],
  "handshake": ["handshake", false],
  "keep-alive": ["sign of life", false],
};

const hosts = [];
for (let n = run.servers + 1; n <= run.servers + run.clients; n++) hosts.push(n);
for (let n = 1; n <= run.servers; n++) hosts.push(n);

// What is drawn: from when to when, whose lanes, which kinds of messages.
const view = { from: run.from, to: run.to };
const shownHosts = new Set(hosts);
const shownKinds = new Set(Object.keys(KINDS).filter((kind) => KINDS[kind][1]));

const isServer = (n) => n <= run.servers;
const nameOf = (n) => (isServer(n) ? `n${n}` : `c${n - run.servers}`);

// Seconds, to the microsecond.
const seconds = (at) => `${(at / 1e6).toFixed(6)} s`;
// A span in a unit that fits it.
const span = (us) => (us >= 1e6 ? `${(us / 1e6).toFixed(3)} s` : us >= 1e3 ? `${(us / 1e3).toFixed(2)} ms` : `${us.toFixed(0)} µs`);

// How a server stood: all that is known, in the order of time.
const stands = new Map(hosts.map((n) => [n, run.standings.filter((stand) => stand.n === n)]));
const phases = new Map(hosts.map((n) => [n, run.phases.filter((phase) => phase.n === n).sort((a, b) => a.from - b.from)]));

// The last of a list, sorted by `key`, that is not after `at`.
function latest(list, key, at) {
  let lo = 0, hi = list.length;
  while (lo < hi) {
    const middle = (lo + hi) >> 1;
    if (list[middle][key] <= at) lo = middle + 1; else hi = middle;
  }
  return list[lo - 1];
}

// A history that no order explains: what was done on a key, and the answer that cannot be.
const knot = run.violation && run.violation.knot;
const knotted = new Map(knot ? knot.operations.map((number) => [number, knot.prefix.indexOf(number) + 1]) : []);
const callOf = new Map(run.calls.map((call) => [call.number, call]));

// What the picture leads to: the violation, an answer that cannot be, or the end.
const culprit = knot && callOf.get(knot.culprit);
const goal = culprit ? culprit.to : run.violation ? run.violation.at : run.to;

function put(parent, tag, attributes, text) {
  const element = document.createElementNS(NAMESPACE, tag);
  for (const name in attributes) element.setAttribute(name, attributes[name]);
  if (text !== undefined) element.textContent = text;
  parent.appendChild(element);
  return element;
}
