// The checkpoint-by-checkpoint matrix of the layer, and a small one for every layer, to choose from.

const MATRIX = { left: 40, right: 8, top: 6, bottom: 36, most: 620 };
const matrixBox = { run: null, side: 0 };

/** A matrix as E × E pixels, initialisation in the lower left. */
function matrixPixels(canvas, run, measure, layer) {
  const E = run.epochs.length;
  canvas.width = canvas.height = E;
  const pixels = new ImageData(E, E);
  for (let a = 0; a < E; a++) {
    for (let b = 0; b < E; b++) {
      const colour = rampColour(similarity(run, measure, layer, a, b));
      pixels.data.set([...colour, 255], 4 * ((E - 1 - a) * E + b));
    }
  }
  canvas.getContext("2d").putImageData(pixels, 0, 0);
}

function buildMatrix(goTo) {
  const parent = document.getElementById("matrix");
  const canvas = element("canvas", { id: "matrix-cells" });
  canvas.setAttribute("role", "img");
  parent.innerHTML = `<svg><g id="matrix-axes"></g><g id="matrix-marks"></g>
    <g id="cursor" fill="none"><path class="halo" stroke="#fff" stroke-width="4" opacity=".75"/>
    <path class="line" stroke="#1d2733" stroke-width="1.6"/><circle r="4.5" fill="#fff" stroke="#1d2733" stroke-width="2"/></g></svg>`;
  parent.prepend(canvas);
  parent.after(element("p", { id: "readout" }));
  const cell = (event) => {
    const box = canvas.getBoundingClientRect();
    const E = matrixBox.run.epochs.length;
    const at = (fraction) => Math.min(E - 1, Math.max(0, Math.floor(fraction * E)));
    return [at((event.clientX - box.left) / box.width), at((box.bottom - event.clientY) / box.height)];
  };
  canvas.addEventListener("pointermove", (event) => {
    const [b, a] = cell(event);
    readOut(a, b);
    if (event.buttons & 1) goTo(b);
  });
  canvas.addEventListener("pointerleave", () => readOut(null, null));
  canvas.addEventListener("pointerdown", (event) => goTo(cell(event)[0]));
}

/** Says how alike two checkpoints are, those under the pointer or else the one shown and the last. */
function readOut(a, b) {
  const { run, measure, layer, e } = matrixBox;
  const last = run.epochs.length - 1;
  [a, b] = a === null ? [e, last] : [a, b];
  const value = similarity(run, measure, layer, a, b);
  const epochs = `epoch ${epochText(run.epochs[a])} and epoch ${epochText(run.epochs[b])}`;
  const words = value === null ? "undefined, as one of them does not vary" : value.toFixed(Math.min(3, MEASURES.get(measure).decimals)).replace("-", "\u2212");
  document.getElementById("readout").textContent = `${epochs}: ${words}`;
}

function paintMatrix(run, measure, layer) {
  Object.assign(matrixBox, { run, measure, layer });
  const parent = document.getElementById("matrix");
  const canvas = document.getElementById("matrix-cells");
  const side = Math.min(MATRIX.most, parent.clientWidth - MATRIX.left - MATRIX.right);
  matrixBox.side = side;
  parent.style.height = `${side + MATRIX.top + MATRIX.bottom}px`;
  Object.assign(canvas.style, {
    left: `${MATRIX.left}px`, top: `${MATRIX.top}px`, width: `${side}px`, height: `${side}px`,
  });
  matrixPixels(canvas, run, measure, layer);
  const name = run.layers[layer];
  const { label, low, high, chance } = MEASURES.get(measure);
  document.getElementById("matrix-title").textContent = `${name} against itself: ${label}`;
  document.getElementById("matrix-mean").textContent = run.members.length > 1 ? `Mean of ${run.members.length} seeds.` : "";
  const range = `${label} goes from ${low} to ${high}; by chance it is ${chance}.`.replace("-1", "\u22121");
  document.getElementById("matrix-range").textContent = range;
  canvas.setAttribute("aria-label", `Matrix of ${label} of ${name} between all pairs of checkpoints`);
  const size = side / run.epochs.length;
  const x = (cell) => MATRIX.left + (cell + 0.5) * size;
  const y = (cell) => MATRIX.top + side - (cell + 0.5) * size;
  Object.assign(matrixBox, { x, y });
  document.getElementById("matrix-axes").innerHTML = axes(cellTicks(run.epochs), x, y, side);
  const phases = outlines(run, measure, layer, size);
  document.getElementById("matrix-marks").innerHTML = eventLines(run, x, side) + phases;
  paintMarks(run, phases !== "", low);
}

function axes(ticks, x, y, side) {
  const { left, top } = MATRIX;
  const apart = ticks.filter(([cell], i) => i === 0 || x(cell) - x(ticks[i - 1][0]) > 22);
  return (
    apart.map(([cell, text]) =>
      `<path d="M${x(cell)} ${top + side}v4M${left} ${y(cell)}h-4" stroke="currentColor"/>` +
      `<text x="${x(cell)}" y="${top + side + 16}" text-anchor="middle">${text}</text>` +
      `<text x="${left - 7}" y="${y(cell) + 4}" text-anchor="end">${text}</text>`).join("") +
    `<text x="${left + side / 2}" y="${top + side + 32}" text-anchor="middle">epoch</text>`
  );
}

function eventLines(run, x, side) {
  return Object.entries(run.events).map(([name, epoch]) => {
    const { colour, dash, label } = study.language.events[name];
    const d = `M${x(cellOf(run.epochs, epoch))} ${MATRIX.top}v${side}`;
    return `<path d="${d}" stroke="#fff" stroke-width="3.4" opacity=".7"/>` +
      `<path class="event" data-event="${name}" d="${d}" stroke="${colour}" stroke-width="1.8"${dashed(dash)}><title>${label}</title></path>`;
  }).join("");
}

/** The first checkpoints of a layer's phases. */
function phaseStarts(run, measure, layer) {
  const phases = run.phases[measure] ?? {};
  return Object.hasOwn(phases, run.layers[layer]) ? phases[run.layers[layer]] : []; // a name may be "constructor"
}

/** A square around each phase, where there is more than one. */
function outlines(run, measure, layer, size) {
  const starts = phaseStarts(run, measure, layer);
  if (starts.length < 2) return "";
  const ends = [...starts.slice(1), run.epochs.length];
  return starts.map((start, i) => {
    const side = (ends[i] - start) * size;
    const x = MATRIX.left + start * size;
    const y = MATRIX.top + matrixBox.side - ends[i] * size;
    return `<rect class="phase" x="${x}" y="${y}" width="${side}" height="${side}" fill="none"` +
      ` stroke="${study.language.boundary}" stroke-width="1.8"/>`;
  }).join("");
}

function moveMatrixCursor(e) {
  const { x, y, side } = matrixBox;
  matrixBox.e = e;
  const d = `M${x(e)} ${MATRIX.top}v${side}M${MATRIX.left} ${y(e)}h${side}`;
  const cursor = document.getElementById("cursor");
  for (const path of cursor.querySelectorAll("path")) path.setAttribute("d", d);
  cursor.querySelector("circle").setAttribute("cx", x(e));
  cursor.querySelector("circle").setAttribute("cy", y(e));
  cursor.dataset.checkpoint = e;
  readOut(null, null);
}

/** The colours, and samples of what the lines mean, on matrix, slider and curves alike. */
function paintMarks(run, hasPhases, low) {
  const items = Object.entries(run.events).map(([name, epoch]) => {
    const { colour, dash, label } = study.language.events[name];
    return element("li", { innerHTML: `${lineSample(onPage(colour), dash)} ${label}, ${epochText(epoch)}` });
  });
  if (hasPhases) items.push(element("li", { innerHTML: `${lineSample(study.language.boundary, [])} phases` }));
  const ramp = element("canvas", { className: "ramp", width: 110, height: 1 });
  const context = ramp.getContext("2d");
  for (let i = 0; i < 110; i++) {
    context.fillStyle = `rgb(${rampColour(i / 109)})`;
    context.fillRect(i, 0, 1, 1);
  }
  const scale = element("li", {}, low < 0 ? "≤ 0" : "0", ramp, "1");
  document.getElementById("marks").replaceChildren(scale, ...items);
}

/** The row of layers: small matrices that are radio buttons. */
function paintLayers(run, measure, chosen, choose) {
  const parent = document.getElementById("layers");
  const count = layersOf(run, measure);
  parent.toggleAttribute("data-many", count > 12);
  const buttons = run.layers.slice(0, count).map((name, layer) => {
    const canvas = element("canvas");
    matrixPixels(canvas, run, measure, layer);
    const button = element("button", { type: "button", className: "layer" }, canvas, element("span", { textContent: name }));
    button.setAttribute("role", "radio");
    button.addEventListener("click", () => choose(layer));
    return button;
  });
  const hadFocus = parent.contains(document.activeElement);
  parent.replaceChildren(...buttons);
  checkLayer(chosen);
  if (hadFocus) buttons[chosen].focus();
}

function checkLayer(chosen) {
  [...document.getElementById("layers").children].forEach((button, layer) => {
    button.setAttribute("aria-checked", layer === chosen);
    button.tabIndex = layer === chosen ? 0 : -1;
    if (layer === chosen) button.parentElement.scrollLeft = button.offsetLeft - button.parentElement.clientWidth / 2;
  });
}
