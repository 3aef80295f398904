// The epoch axes, as in figures/style.py, and colours.

const RAMP = fromBase64(study.language.ramp);

const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
const NOTHING = rgb(study.language.undefined);

/** [r, g, b] of a similarity, or of none. */
function rampColour(value) {
  if (value === null) return NOTHING;
  const i = 3 * Math.round(255 * Math.min(1, Math.max(0, value)));
  return [RAMP[i], RAMP[i + 1], RAMP[i + 2]];
}

const CLASS_COLOURS = study.language.classes.map(rgb);

/** An epoch in as few characters as it takes. */
const epochText = (epoch) => (epoch >= 10 || epoch === 0 ? epoch.toFixed(0) : String(Number(epoch.toPrecision(2))));

/** Ticks of a log epoch axis: 0 and the powers of ten between first and last. */
function decades(last, first = 1) {
  const ticks = [0];
  for (let k = Math.ceil(Math.log10(first) - 1e-9); 10 ** k <= last; k++) ticks.push(10 ** k);
  return ticks;
}

/** Where an epoch lies on an axis that is log beyond 1 and linear before. */
const symlog = (epoch) => (epoch <= 1 ? 0.35 * epoch : 0.35 + Math.log10(epoch));

/** Where an epoch lies among checkpoints side by side, in cells; the first checkpoint's centre is at 0. */
function cellOf(epochs, epoch) {
  const logs = epochs.length >= 3 && epoch > epochs[1];
  const scale = logs ? Math.log : (x) => x;
  const next = epochs.findIndex((at, i) => i > 0 && at >= epoch);
  if (next < 0) return epochs.length - 1;
  const [low, high] = [scale(epochs[next - 1]), scale(epochs[next])];
  return next - 1 + Math.max(0, scale(epoch) - low) / (high - low);
}

/** [position in cells, text] of the ticks on a matrix's axes. */
function cellTicks(epochs) {
  const last = epochs[epochs.length - 1];
  const ticks = decades(last, Math.max(1, epochs[1] ?? 1));
  if (ticks.length === 1 && last > 0) ticks.push(last); // less than an epoch, or less than a decade late in training
  return ticks.map((epoch) => [cellOf(epochs, epoch), epochText(epoch)]);
}

const DARK = matchMedia("(prefers-color-scheme: dark)");

/** A colour of the figures' as it can be seen on the page: on a dark one, dark inks are lightened. */
function onPage(colour) {
  const channels = rgb(colour);
  const light = (0.2126 * channels[0] + 0.7152 * channels[1] + 0.0722 * channels[2]) / 255;
  if (!DARK.matches || light > 0.45) return colour;
  return `rgb(${channels.map((value) => Math.round(value + 0.55 * (235 - value)))})`;
}

/** A colour of the style sheet. */
const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/** A sample of a line for a legend. */
function lineSample(colour, dash, width = 2) {
  return `<svg viewBox="0 0 26 10" aria-hidden="true"><path d="M0 5h26" stroke="${colour}" stroke-width="${width}"` +
    `${dashed(dash)}/></svg>`;
}

/** The dashes of a line in SVG, from their lengths in pixels; nothing for a solid line. */
const dashed = (dash) => (dash.length ? ` stroke-dasharray="${dash.join(" ")}"` : "");

/** The same for plotly. */
const plotlyDash = (dash) => (dash.length ? dash.map((length) => `${length}px`).join(",") : "solid");

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
