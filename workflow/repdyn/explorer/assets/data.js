"use strict";
// What stands in the page, and how it is unpacked: see pack.py.

const study = JSON.parse(document.getElementById("study").textContent);
const TYPES = {
  uint8: Uint8Array, uint16: Uint16Array, int32: Int32Array, float32: Float32Array, float64: Float64Array,
};

function fromBase64(text) {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

async function inflate(id) {
  const bytes = fromBase64(document.getElementById(id).textContent);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}

/** The head of a piece, with its arrays as typed arrays in place of where they lie. */
async function unpack(number) {
  const buffer = await inflate(`piece-${number}`);
  const length = new DataView(buffer).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  for (const [name, { type, shape, offset }] of Object.entries(head.arrays)) {
    const count = shape.reduce((a, b) => a * b, 1);
    head.arrays[name] = Object.assign(new TYPES[type](buffer, 4 + length + offset, count), { shape });
  }
  return head;
}

const cache = new Map();

/** Everything about a run: its events, phases, curves, matrices, and the labels of each plane, (layers, E, R²). */
async function loadRun(index) {
  if (!cache.has(index)) cache.set(index, readRun(study.runs[index]));
  return cache.get(index);
}

async function readRun(run) {
  const [head, ...planes] = await Promise.all(
    Array.from({ length: 1 + run.planes.length }, (_, i) => unpack(run.piece + i)),
  );
  // In the order of the study's planes; null for those that the run has not.
  const labels = study.planes.map((plane) => {
    const at = run.planes.findIndex(([set, number]) => set === plane.set && number === plane.number);
    return at < 0 ? null : accumulate(planes[at].arrays.labels);
  });
  const made = { ...run, ...head, key: keyOf(run), epochs: Array.from(head.arrays.epochs), labels };
  return Object.assign(made, { members: [{ of: made, at: made.epochs.map((_, e) => e) }] });
}

/** Labels from their changes, in place; typed arrays wrap around as the changes do. */
function accumulate(labels) {
  const [layers, checkpoints, points] = labels.shape;
  for (let layer = 0; layer < layers; layer++) {
    const start = layer * checkpoints * points;
    for (let i = start + points; i < start + checkpoints * points; i++) labels[i] += labels[i - points];
  }
  return labels;
}

const MEASURES = new Map(study.measures.map((measure) => [measure.key, measure]));
const matricesBy = (run, measure) => run.arrays[`by ${measure}`];

/** The similarity of two checkpoints of a layer, null where it is undefined; of a mean, if it is in any member. */
function similarity(run, measure, layer, a, b) {
  let sum = 0;
  for (const { of, at } of run.members) {
    const value = storedSimilarity(of, measure, layer, at[a], at[b]);
    if (value === null) return null;
    sum += value;
  }
  return sum / run.members.length;
}

function storedSimilarity(run, measure, layer, a, b) {
  const triangle = matricesBy(run, measure);
  const { low, decimals } = MEASURES.get(measure);
  const E = run.epochs.length;
  const [i, j] = a < b ? [a, b] : [b, a];
  const packed = triangle[layer * triangle.shape[1] + i * E - (i * (i - 1)) / 2 + (j - i)];
  return packed === 2 ** (8 * triangle.BYTES_PER_ELEMENT) - 1 ? null : low + packed / 10 ** decimals;
}

/** How many layers a measure knows: those of activations have none of the network's output. */
const layersOf = (run, measure) => matricesBy(run, measure).shape[0];
