// The epoch axes, as in figures/style.py, and colours.

const RAMP = fromBase64(study.language.ramp);
const NOTHING = [221, 225, 230];

/** [r, g, b] of a similarity; grey where it is undefined. */
function rampColour(value) {
  if (value === null) return NOTHING;
  const i = 3 * Math.round(255 * Math.min(1, Math.max(0, value)));
  return [RAMP[i], RAMP[i + 1], RAMP[i + 2]];
}

const CLASS_COLOURS = study.language.classes.map((hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16)));

/** An epoch in as few characters as it takes. */
const epochText = (epoch) => (epoch >= 10 || epoch === 0 ? epoch.toFixed(0) : String(Number(epoch.toPrecision(2))));

/** Ticks of a log epoch axis: 0, 1, 10, … and the last epoch if it stands apart. */
function decades(last) {
  const ticks = [0];
  for (let tick = 1; tick <= Math.max(last, 1); tick *= 10) ticks.push(tick);
  return last > 4 * ticks[ticks.length - 1] ? [...ticks, last] : ticks;
}

/** Where an epoch lies on an axis that is log beyond 1 and linear before. */
const symlog = (epoch) => (epoch <= 1 ? 0.35 * epoch : 0.35 + Math.log10(epoch));

/** Where an epoch lies among checkpoints side by side, in cells; the first checkpoint's centre is at 0. */
function cellOf(epochs, epoch) {
  const logs = epoch > 0 && epochs.length >= 3;
  const from = logs ? 1 : 0;
  const scale = logs ? Math.log : (x) => x;
  const where = scale(epoch);
  for (let i = from; i + 1 < epochs.length; i++) {
    const [low, high] = [scale(epochs[i]), scale(epochs[i + 1])];
    if (where <= high) return where <= low ? i : i + (where - low) / (high - low);
  }
  return epochs.length - 1;
}

/** [position in cells, text] of the ticks on a matrix's axes. */
function cellTicks(epochs) {
  const last = epochs[epochs.length - 1];
  return decades(last)
    .filter((epoch) => epoch === 0 || epoch >= (epochs[1] ?? 0))
    .map((epoch) => [cellOf(epochs, epoch), epochText(epoch)]);
}

/** A sample of a line for a legend. */
function lineSample(colour, dash, width = 2) {
  return `<svg viewBox="0 0 26 10" aria-hidden="true"><path d="M0 5h26" stroke="${colour}" stroke-width="${width}"` +
    ` stroke-dasharray="${dash}"/></svg>`;
}

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

/** A canvas's context, scaled so that one unit is one CSS pixel, sharp on every screen. */
function sharp(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.imageSmoothingEnabled = false;
  return context;
}
