// What linear probes read from the layer at each checkpoint, below its matrix and in line with it.

const STRIP = { top: 8, height: 84, bottom: 6 };

const probesOf = (run, layer) =>
  study.probed.filter(({ key }) => {
    const { of } = run.members[0];
    return `probe ${key}` in of.arrays && layer < of.arrays[`probe ${key}`].shape[0];
  });

/** The accuracy of a probe of a layer, the mean over the members of a mean. */
function probeAccuracy(run, key, layer, e) {
  return meanKnown(run.members.map(({ of, at }) => {
    const found = of.arrays[`probe ${key}`];
    return found[layer * found.shape[1] + at[e]];
  }));
}

function paintProbes(run, layer) {
  const shown = probesOf(run, layer);
  get("probes-of").hidden = !shown.length;
  if (!shown.length) return;
  const { x, side } = matrixBox;
  const y = (value) => STRIP.top + (1 - value) * STRIP.height;
  const width = MATRIX.left + side + MATRIX.right;
  const bottom = STRIP.top + STRIP.height;
  const grid = [0, 0.5, 1].map((value) =>
    `<path d="M${MATRIX.left} ${y(value)}h${side}" stroke="var(--grid)"/><text x="${MATRIX.left - 7}" y="${y(value) + 4}" text-anchor="end">${value}</text>`);
  const lines = shown.map(({ key, colour, dash }) => {
    const points = run.epochs.map((_, e) => `${x(e)} ${y(probeAccuracy(run, key, layer, e))}`);
    return `<path d="M${points.join("L")}" fill="none" stroke="${onPage(colour)}" stroke-width="${key === "true" ? 1.4 : 2}"` +
      `${dashed(dash)}/>`;
  });
  get("probes").innerHTML = `<svg width="${width}" height="${bottom + STRIP.bottom}" role="img" aria-label="Accuracy of the probe by checkpoint">` +
    `${grid.join("")}${lines.join("")}<path id="probes-cursor" stroke="var(--ink)" stroke-width="1.6"/></svg>`;
  get("probe-legend").replaceChildren(...shown.map(({ key, label, colour, dash }) => {
    const item = element("li", { innerHTML: `${lineSample(onPage(colour), dash)} <b></b> ${label}` });
    item.dataset.probe = key;
    return item;
  }));
}

function moveProbesCursor(run, layer, e) {
  get("probes-cursor")?.setAttribute("d", `M${matrixBox.x(e)} ${STRIP.top}v${STRIP.height}`);
  for (const item of get("probe-legend").children) {
    item.querySelector("b").textContent = probeAccuracy(run, item.dataset.probe, layer, e).toFixed(2);
  }
}
