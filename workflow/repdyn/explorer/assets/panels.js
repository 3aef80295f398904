// A matrix of checkpoints as SVG that stands by itself: in the comparison, and in what is saved.

const PANEL = { left: 46, right: 84, top: 30, bottom: 40 };
const DIFFERENCES = fromBase64(study.language.differences);

const escaped = (text) => String(text).replace(/[&<>"]/g, (mark) => `&#${mark.charCodeAt(0)};`);

/** [r, g, b] of a difference, given the largest one; null is none. */
function differenceColour(value, most) {
  if (value === null) return NOTHING;
  const i = 3 * Math.round(255 * Math.min(1, Math.max(0, 0.5 + value / (2 * most))));
  return [DIFFERENCES[i], DIFFERENCES[i + 1], DIFFERENCES[i + 2]];
}

/** What a run's matrix shows: epochs, values, colours, events and phases. */
function matrixOf(run, measure, layer) {
  const { label, low } = MEASURES.get(measure);
  const E = run.epochs.length;
  return {
    title: `${run.layers[layer]}, ${inWords(run)}`, label, epochs: run.epochs, steps: Array.from(run.arrays.steps), events: run.events,
    values: Array.from({ length: E }, (_, a) => Array.from({ length: E }, (_, b) => similarity(run, measure, layer, a, b))),
    starts: phaseStarts(run, measure, layer), colour: rampColour, ends: [low < 0 ? "\u2264 0" : "0", "1"],
  };
}

/** The same at some of its checkpoints. */
function at(matrix, kept) {
  const some = (list) => kept.map((e) => list[e]);
  return {
    ...matrix, epochs: some(matrix.epochs), steps: some(matrix.steps), values: some(matrix.values).map(some),
    starts: kept.length === matrix.epochs.length ? matrix.starts : [],
  };
}

/** One matrix minus another at the same checkpoints. */
function differenceOf(one, other) {
  const values = one.values.map((row, a) => row.map((value, b) =>
    value === null || other.values[a][b] === null ? null : value - other.values[a][b]));
  const most = Math.max(0.01, ...values.flat().map((value) => Math.abs(value ?? 0)));
  const shown = most.toFixed(2);
  return {
    title: "first \u2212 second", label: `difference in ${one.label}`, epochs: one.epochs, steps: one.steps, events: {}, values, starts: [],
    colour: (value) => differenceColour(value, most), ends: [`\u2212${shown}`, shown],
  };
}

/** The cells as a picture, as many whole pixels to a cell as it takes to be sharp. */
function cellsPicture({ values, colour }, side) {
  const E = values.length;
  const cells = element("canvas", { width: E, height: E });
  const pixels = new ImageData(E, E);
  values.forEach((row, a) => row.forEach((value, b) => pixels.data.set([...colour(value), 255], 4 * ((E - 1 - a) * E + b))));
  cells.getContext("2d").putImageData(pixels, 0, 0);
  const size = E * Math.ceil((2 * side) / E);
  const large = element("canvas", { width: size, height: size });
  const context = large.getContext("2d");
  context.imageSmoothingEnabled = false;
  context.drawImage(cells, 0, 0, size, size);
  return large.toDataURL("image/png");
}

/** A matrix with its title, axes, events, phases and scale, at a place of an SVG. */
function panel(matrix, left, side) {
  const { epochs, events, starts, title, label, ends, colour } = matrix;
  const size = side / epochs.length;
  const x = (cell) => PANEL.left + (cell + 0.5) * size;
  const y = (cell) => PANEL.top + side - (cell + 0.5) * size;
  const ticks = cellTicks(epochs).filter(([cell], i, all) => i === 0 || x(cell) - x(all[i - 1][0]) > 24);
  const axes = ticks.map(([cell, text]) =>
    `<path d="M${x(cell)} ${PANEL.top + side}v4M${PANEL.left} ${y(cell)}h-4" stroke="currentColor"/>` +
    `<text x="${x(cell)}" y="${PANEL.top + side + 16}" text-anchor="middle">${text}</text>` +
    `<text x="${PANEL.left - 7}" y="${y(cell) + 4}" text-anchor="end">${text}</text>`).join("");
  const lines = Object.entries(events).map(([name, epoch]) => {
    const { colour: ink, dash, label: words } = study.language.events[name];
    const d = `M${x(cellOf(epochs, epoch))} ${PANEL.top}v${side}`;
    return `<path d="${d}" stroke="#fff" stroke-width="3.4" opacity=".7"/>` +
      `<path d="${d}" stroke="${ink}" stroke-width="1.8"${dashed(dash)}><title>${escaped(words)}</title></path>`;
  }).join("");
  const ranges = starts.length < 2 ? [] : starts.map((start, i) => [start, starts[i + 1] ?? epochs.length]);
  const squares = ranges.map(([start, end]) =>
    `<rect x="${PANEL.left + start * size}" y="${PANEL.top + side - end * size}" width="${(end - start) * size}"` +
    ` height="${(end - start) * size}" fill="none" stroke="${study.language.boundary}" stroke-width="1.8"/>`).join("");
  const bar = Array.from({ length: 64 }, (_, i) => {
    const low = ends[0].startsWith("\u2212") ? -Number(ends[1]) : 0;
    const value = low + (i / 63) * (Number(ends[1]) - low);
    return `<rect x="${PANEL.left + side + 10}" y="${PANEL.top + side - ((i + 1) * side) / 64}" width="12" height="${side / 64 + 0.5}" fill="rgb(${colour(value)})"/>`;
  }).join("");
  return `<g transform="translate(${left} 0)"><text class="title" x="${PANEL.left}" y="18" font-weight="600">${escaped(title)}</text>` +
    `<image x="${PANEL.left}" y="${PANEL.top}" width="${side}" height="${side}" href="${cellsPicture(matrix, side)}"/>${axes}` +
    `<text x="${PANEL.left + side / 2}" y="${PANEL.top + side + 34}" text-anchor="middle">epoch</text>${lines}${squares}${bar}` +
    `<text x="${PANEL.left + side + 26}" y="${PANEL.top + 10}">${ends[1]}</text>` +
    `<text x="${PANEL.left + side + 26}" y="${PANEL.top + side}">${ends[0]}</text>` +
    `<text transform="translate(${PANEL.left + side + 38} ${PANEL.top + side / 2}) rotate(-90)" text-anchor="middle">${escaped(label)}</text></g>`;
}

const panelWidth = (side) => PANEL.left + side + PANEL.right;
const panelHeight = (side) => PANEL.top + side + PANEL.bottom;
