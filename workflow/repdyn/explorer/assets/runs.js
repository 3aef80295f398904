// Which runs there are, and means over seeds, which are shown as runs are.

const KEYS = ["arch", "optimizer", "data", "seed"].filter((key) => key in study.runs[0]);
const CELL = KEYS.slice(0, -1);
const MEAN = "mean"; // in place of a seed

/** What a run is called in the address. */
const keyOf = (run) => KEYS.map((key) => run[key]).join("/");
const cellOfRun = (run) => CELL.map((key) => run[key]).join("/");

/** The runs of each cell of the grid, by the cell's name. */
const CELLS = new Map();
for (const [index, run] of study.runs.entries()) {
  CELLS.set(cellOfRun(run), [...(CELLS.get(cellOfRun(run)) ?? []), index]);
}

/** Everything that can be shown, by its name in the address: each run, and the mean of each cell of several seeds. */
const SHOWN = new Map();
for (const [cell, indices] of CELLS) {
  if (indices.length > 1) SHOWN.set(`${cell}/${MEAN}`, () => loadMean(cell, indices));
  for (const index of indices) SHOWN.set(keyOf(study.runs[index]), () => loadRun(index));
}

const means = new Map();

function loadMean(cell, indices) {
  if (!means.has(cell)) means.set(cell, Promise.all(indices.map(loadRun)).then((runs) => meanOf(cell, runs)));
  return means.get(cell);
}

const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

/** The mean of numbers that are known; NaN if none is. */
function meanKnown(values) {
  const known = values.filter((value) => !Number.isNaN(value));
  return known.reduce((sum, value) => sum + value, 0) / known.length;
}

/** Runs of several seeds as one: at the checkpoints and epochs that all have; events are medians, if most have them. */
function meanOf(cell, runs) {
  const [first] = runs;
  const steps = Array.from(first.arrays.steps).filter((step) => runs.every((run) => run.arrays.steps.includes(step)));
  const members = runs.map((of) => ({ of, at: steps.map((step) => of.arrays.steps.indexOf(step)) }));
  const evaluated = Array.from(first.arrays.evaluated).filter((at) => runs.every((run) => run.arrays.evaluated.includes(at)));
  const arrays = { ...first.arrays, steps: Int32Array.from(steps), evaluated: Float64Array.from(evaluated) };
  for (const { key } of study.language.curves) {
    arrays[key] = Float32Array.from(evaluated, (at) =>
      meanKnown(runs.map((run) => run.arrays[key][run.arrays.evaluated.indexOf(at)])));
  }
  const events = {};
  for (const name of Object.keys(study.language.events)) {
    const epochs = runs.filter((run) => name in run.events).map((run) => run.events[name]);
    if (2 * epochs.length > runs.length) events[name] = median(epochs);
  }
  return {
    ...first, members, arrays, events, phases: {}, seed: MEAN, key: `${cell}/${MEAN}`,
    epochs: members[0].at.map((e) => first.epochs[e]),
  };
}

/** A run in words: its levels and its seed, or of how many seeds it is the mean. */
function inWords(run) {
  const of = run.members.length > 1 ? `mean of ${run.members.length} seeds` : `seed ${run.seed}`;
  return `${CELL.map((key) => run[key]).join(" ")}, ${of}`;
}

/** The checkpoints that two runs have in common, as indices into each. */
function common(one, other) {
  const pairs = Array.from(one.arrays.steps, (step, i) => [i, other.arrays.steps.indexOf(step)]);
  return pairs.filter(([, j]) => j >= 0);
}

/** The layer of another run to hold against one: of the same name, else at about the same depth. */
function layerLike(run, layer, other, measure) {
  const named = other.layers.indexOf(run.layers[layer]);
  const count = layersOf(other, measure);
  if (named >= 0 && named < count) return named;
  return Math.round((layer / Math.max(1, layersOf(run, measure) - 1)) * (count - 1));
}
