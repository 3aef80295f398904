// State, controls, and what follows from what.

const PLAY = "M4 2l10 6-10 6z";
const PAUSE = "M3 2h4v12H3zM9 2h4v12H9z";
const FRAME = 160; // milliseconds between checkpoints
const state = { run: null, other: null, layer: 0, measure: study.measures[0].key, e: 0, playing: null };
const get = (id) => document.getElementById(id);

function summary() {
  const unique = (key) => [...new Set(study.runs.map((run) => run[key]))];
  const noise = study.noise ? `, ${Number((100 * study.noise).toPrecision(3))} % of the training labels wrong` : "";
  const seeds = unique("seed").length;
  const levels = KEYS.slice(0, -1).map((key) => unique(key).join(", "));
  const grid = [...levels, `${seeds} seed${seeds > 1 ? "s" : ""}`].join(" × ");
  get("study-name").textContent = study.name;
  get("summary").textContent = `${study.dataset}${noise}; ${study.runs.length} runs: ${grid}. ` +
    "Pick a run and a layer, then drag through the epochs.";
  get("left-out").textContent = study.leftOut ?? "";
}

/** Fills the pickers. */
function buildPickers() {
  get("data").parentElement.hidden = !KEYS.includes("data");
  for (const key of KEYS) {
    const values = [...new Set(study.runs.map((run) => run[key]))];
    get(key).replaceChildren(...values.map((value) => element("option", { value, textContent: value })));
    get(key).addEventListener("change", () => chooseRun());
  }
  if ([...SHOWN.keys()].some((key) => key.endsWith(`/${MEAN}`))) {
    get("seed").append(element("option", { value: MEAN, textContent: "mean" }));
  }
  buildCompare((key) => chooseRun({ other: key }));
  get("measure").replaceChildren(...study.measures.map(({ key, label, words }) =>
    element("option", { value: key, textContent: words.startsWith(label) ? words : `${label}: ${words}` })));
  get("measure").addEventListener("change", () => {
    state.measure = get("measure").value;
    showRun();
  });
}

/** What is picked, by its name in the address; a mean of one seed is that seed. */
function picked() {
  const key = KEYS.map((name) => get(name).value).join("/");
  if (SHOWN.has(key)) return key;
  const cell = key.split("/").slice(0, -1).join("/");
  return keyOf(study.runs[(CELLS.get(cell) ?? [0])[0]]);
}

let choosing = 0;

/** Shows the picked run; while anything that was picked is not shown yet, the page does not say that it is ready. */
async function chooseRun(wanted = {}) {
  choosing++;
  delete document.body.dataset.ready;
  try {
    await showPicked(wanted);
  } finally {
    choosing--;
    if (!choosing) document.body.dataset.ready = "";
  }
}

/** Loads the picked run, keeping layer (by name, else by depth) and epoch as near as can be. */
async function showPicked(wanted) {
  const before = state.run;
  const key = picked();
  const wantedOther = wanted.other ?? state.other?.key ?? "";
  const [run, other] = await Promise.all([SHOWN.get(key)(), SHOWN.get(wantedOther)?.() ?? null]);
  if (key !== picked()) return; // picked again while it was unpacked
  state.other = other;
  get("other").value = other?.key ?? "";
  const name = wanted.layer ?? before?.layers[state.layer];
  const named = run.layers.indexOf(name);
  const inner = layersOf(run, study.measures[0].key); // without the network's output
  const depth = before ? Math.round((state.layer / Math.max(1, before.layers.length - 1)) * (run.layers.length - 1)) : inner - 1;
  state.layer = named >= 0 ? named : depth;
  const epoch = wanted.epoch ?? before?.epochs[state.e] ?? run.events[study.opensAt] ?? run.epochs[run.epochs.length >> 1];
  state.run = run;
  state.e = nearestCheckpoint(run, epoch);
  get("epoch").max = run.epochs.length - 1;
  describePlanes(run);
  paintTicks(run);
  await paintCurves(run, goTo);
  get("regions-mean").textContent = run.members.length > 1 ? `Regions have no mean: these are of seed ${run.members[0].of.seed}.` : "";
  paintFindings(run);
  showRun();
}

/** Everything that does not change with the epoch. */
function showRun() {
  const { run } = state;
  if (!matricesBy(run, state.measure)) state.measure = study.measures[0].key; // its data have no wrong labels
  const { measure } = state;
  get("measure").value = measure;
  for (const option of get("measure").options) option.disabled = !matricesBy(run, option.value);
  state.layer = Math.min(state.layer, layersOf(run, measure) - 1);
  paintLayers(run, measure, state.layer, chooseLayer);
  showLayer();
}

function chooseLayer(layer) {
  state.layer = Math.min(Math.max(layer, 0), layersOf(state.run, state.measure) - 1);
  checkLayer(state.layer);
  showLayer();
}

function showLayer() {
  paintMatrix(state.run, state.measure, state.layer);
  paintProbes(state.run, state.layer);
  paintCompare(state.run, state.measure, state.layer, state.other);
  showEpoch();
}

let waiting = false;

/** Goes to a checkpoint; however often it is asked for, the page is painted once a frame. */
function goTo(e) {
  const wanted = Math.min(Math.max(e, 0), state.run.epochs.length - 1);
  if (wanted === state.e) return;
  state.e = wanted;
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    showEpoch();
  });
}

/** Everything that moves with the epoch. */
function showEpoch() {
  const { run, layer, e } = state;
  const epoch = epochText(run.epochs[e]);
  const words = `checkpoint ${e + 1} of ${run.epochs.length}, step ${run.arrays.steps[e]}`;
  get("epoch").value = e;
  get("epoch").setAttribute("aria-valuetext", `epoch ${epoch}, ${words}`);
  get("epoch-label").innerHTML = `<b>epoch ${epoch}</b><small>${words}</small>`;
  paintPlanes(run, layer, e);
  paintClasses();
  moveMatrixCursor(e);
  moveCurvesCursor(run, e);
  moveProbesCursor(run, layer, e);
  remember();
}

let remembered = null;

/** Writes the place into the address. Another run, layer, measure or comparison can be gone back from; an epoch cannot. */
function remember() {
  const { run, other, layer, measure, e } = state;
  const place = new URLSearchParams({ run: run.key, layer: run.layers[layer], by: measure });
  if (other !== null) place.set("with", other.key);
  const before = remembered;
  remembered = place.toString();
  place.set("epoch", epochText(run.epochs[e]));
  const write = before === null || before === remembered ? "replaceState" : "pushState";
  history[write](null, "", `#${place}`);
}

/** Goes where an address leads that was pasted, or gone back or forward to. */
async function follow() {
  const where = fromAddress();
  remembered = null; // it stands in the history
  await chooseRun(where);
}

/** Events above the slider. */
function paintTicks(run) {
  const last = run.epochs.length - 1;
  get("ticks").replaceChildren(
    ...Object.entries(run.events).map(([name, at]) => {
      const { colour, label, dash } = study.language.events[name];
      const tick = element("i", { title: `${label}, epoch ${epochText(at)}` });
      tick.style.left = `calc(${(100 * cellOf(run.epochs, at)) / last}% - 1px)`;
      tick.style.borderLeft = `2px ${dash[0] < dash[1] ? "dotted" : "solid"} ${onPage(colour)}`;
      return tick;
    }),
  );
}

function play(start) {
  clearInterval(state.playing);
  state.playing = start ? setInterval(advance, FRAME) : null;
  get("play-shape").setAttribute("d", start ? PAUSE : PLAY);
  get("play").setAttribute("aria-label", start ? "Pause" : "Play");
}

function advance() {
  if (state.e === state.run.epochs.length - 1) play(false);
  else goTo(state.e + 1);
}

function togglePlay() {
  const start = state.playing === null;
  if (start && state.e === state.run.epochs.length - 1) goTo(0);
  play(start);
}

function press(event) {
  if (event.target.closest("select, summary") || event.ctrlKey || event.metaKey || event.altKey) return;
  const acts = {
    ArrowLeft: () => goTo(state.e - 1),
    ArrowRight: () => goTo(state.e + 1),
    Home: () => goTo(0),
    End: () => goTo(state.run.epochs.length - 1),
    ArrowUp: () => stepLayer(-1),
    ArrowDown: () => stepLayer(1),
    " ": togglePlay,
  };
  if (!(event.key in acts) || ([" ", "Enter"].includes(event.key) && event.target.closest("button, a"))) return;
  event.preventDefault();
  acts[event.key]();
}

function stepLayer(by) {
  chooseLayer(state.layer + by);
  if (document.activeElement?.classList.contains("layer")) get("layers").children[state.layer].focus();
}

/** What the address asks for, so that a place in a study can be sent to someone. */
function fromAddress() {
  const where = new URLSearchParams(location.hash.slice(1));
  const found = SHOWN.has(where.get("run")) ? where.get("run") : keyOf(study.runs[0]);
  found.split("/").forEach((value, i) => { get(KEYS[i]).value = value; });
  state.measure = MEASURES.has(where.get("by")) ? where.get("by") : study.measures[0].key;
  const epoch = parseFloat(where.get("epoch"));
  const other = SHOWN.has(where.get("with")) ? where.get("with") : "";
  return { layer: where.get("layer") ?? undefined, epoch: Number.isNaN(epoch) ? undefined : epoch, other };
}

const ROOMS = ["planes", "matrix", "curves", "panels"];
let fitted = "";

/** Draws anew whenever there is other room than what was drawn for, also if that changes while things are drawn. */
function watchRoom() {
  let asked = false;
  const ask = () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      fit();
    });
  };
  const observer = new ResizeObserver(ask);
  for (const id of ROOMS) observer.observe(get(id));
  addEventListener("resize", ask); // a zoom changes pixels, but not the room of a page that is as wide as it gets
}

function fit() {
  if (state.run === null) return;
  // A window that is being hidden or opened can be without room for a moment, in which nothing can be drawn.
  const room = get("curves").clientWidth ? `${devicePixelRatio} ${ROOMS.map((id) => get(id).clientWidth)}` : "";
  if (room === fitted) return;
  fitted = room;
  if (room === "") return;
  fitCurves();
  showLayer();
}

async function start() {
  if (!("DecompressionStream" in window)) {
    get("notice").textContent = "This browser is too old to unpack the page; any of the last three years can.";
    get("notice").hidden = false;
    return;
  }
  summary();
  buildPickers();
  await loadLibrary();
  get("main").hidden = false;
  get("regions").hidden = study.planes.length === 0;
  buildPlanes();
  buildMatrix(goTo);
  get("epoch").addEventListener("input", () => goTo(Number(get("epoch").value)));
  get("play").addEventListener("click", togglePlay);
  document.addEventListener("keydown", press);
  for (const kind of ["svg", "png", "csv", "curves"]) {
    get(`save-${kind}`).addEventListener("click", () => save(kind, state.run, state.measure, state.layer, state.other));
  }
  watchRoom();
  DARK.addEventListener("change", repaint);
  addEventListener("hashchange", follow);
  await chooseRun(fromAddress());
}

/** Paints everything in the colours of the page as it is now. */
async function repaint() {
  if (state.run === null) return;
  paintTicks(state.run);
  await paintCurves(state.run, goTo);
  showRun();
}

start();
