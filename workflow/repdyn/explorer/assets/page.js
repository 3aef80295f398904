// State, controls, and what follows from what.

const PLAY = "M4 2l10 6-10 6z";
const PAUSE = "M3 2h4v12H3zM9 2h4v12H9z";
const FRAME = 160; // milliseconds between checkpoints
const state = { run: null, layer: 0, measure: study.measures[0].key, e: 0, playing: null };
const get = (id) => document.getElementById(id);
const KEYS = ["arch", "optimizer", "data", "seed"].filter((key) => key in study.runs[0]);

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
  get("measure").replaceChildren(...study.measures.map(({ key, label, words }) =>
    element("option", { value: key, textContent: words.startsWith(label) ? words : `${label}: ${words}` })));
  get("measure").addEventListener("change", () => {
    state.measure = get("measure").value;
    showRun();
  });
}

function pickedRun() {
  return study.runs.findIndex((run) => KEYS.every((key) => String(run[key]) === get(key).value));
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
  const run = await loadRun(pickedRun());
  if (run !== (await loadRun(pickedRun()))) return; // picked again while it was unpacked
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
  const where = new URLSearchParams({ run: KEYS.map((key) => run[key]).join("/"), layer: run.layers[layer], epoch });
  if (state.measure !== study.measures[0].key) where.set("by", state.measure);
  history.replaceState(null, "", `#${where}`);
}

/** Events above the slider. */
function paintTicks(run) {
  const last = run.epochs.length - 1;
  get("ticks").replaceChildren(
    ...Object.entries(run.events).map(([name, at]) => {
      const { colour, label, dash } = study.language.events[name];
      const tick = element("i", { title: `${label}, epoch ${epochText(at)}` });
      tick.style.left = `calc(${(100 * cellOf(run.epochs, at)) / last}% - 1px)`;
      tick.style.borderLeft = `2px ${dash[0] < dash[1] ? "dotted" : "solid"} ${colour}`;
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
  if (event.target.closest("select") || event.ctrlKey || event.metaKey || event.altKey) return;
  const acts = {
    ArrowLeft: () => goTo(state.e - 1),
    ArrowRight: () => goTo(state.e + 1),
    Home: () => goTo(0),
    End: () => goTo(state.run.epochs.length - 1),
    ArrowUp: () => stepLayer(-1),
    ArrowDown: () => stepLayer(1),
    " ": togglePlay,
  };
  if (!(event.key in acts) || (event.key === " " && event.target.closest("button"))) return;
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
  const values = (where.get("run") ?? "").split("/");
  const found = study.runs.find((run) => KEYS.every((key, i) => String(run[key]) === values[i])) ?? study.runs[0];
  for (const key of KEYS) get(key).value = found[key];
  if (MEASURES.has(where.get("by"))) get("measure").value = state.measure = where.get("by");
  const epoch = parseFloat(where.get("epoch"));
  return { layer: where.get("layer") ?? undefined, epoch: Number.isNaN(epoch) ? undefined : epoch };
}

const ROOMS = ["planes", "matrix", "curves"];
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
  watchRoom();
  await chooseRun(fromAddress());
}

start();
