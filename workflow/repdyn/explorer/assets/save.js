// Saves what is shown, as SVG, PNG or CSV, made here: nothing is asked of a network.

const SAVED = { side: 420, curves: 170, plane: 160, gap: 26, line: 18 }; // in pixels

/** A whole SVG, dark on white: the matrices side by side, accuracies and decision regions below, and what they are of. */
function svgOf(run, measure, layer, other) {
  const matrices = shownMatrices(run, measure, layer, other);
  const { side, gap } = SAVED;
  const { label, words } = MEASURES.get(measure);
  const about = `${study.name}: ${run.layers[layer]} against itself by ${words.startsWith(label) ? words : `${label}, ${words}`}`;
  const regions = savedRegions();
  const width = Math.max(matrices.length * panelWidth(side), regions.width);
  const curves = savedCurves(run, width);
  const below = panelHeight(side) + 24;
  const height = below + curves.height + (regions.height ? gap + regions.height : 0) + 12;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" color="#1d2733"` +
    ` fill="currentColor" font-family="system-ui, 'DejaVu Sans', sans-serif" font-size="12"><title>${escaped(about)}</title>` +
    `<rect width="100%" height="100%" fill="#fff"/>${matrices.map((matrix, i) => panel(matrix, i * panelWidth(side), side)).join("")}` +
    `<text x="${PANEL.left}" y="${below - 8}">${escaped(about)}</text>` +
    `<g class="curves" transform="translate(0 ${below})">${curves.svg}</g>` +
    `<g class="regions" transform="translate(0 ${below + curves.height + gap})">${regions.svg}</g></svg>`;
}

/** The accuracies of the run with its events, and a legend of both, as wide as the picture. */
function savedCurves(run, width) {
  const { curves: high, line, gap } = SAVED;
  const shown = curvesOf(run).filter(({ key }) => !hidden.has(key));
  const evaluated = Array.from(run.arrays.evaluated);
  const last = symlog(Math.max(evaluated.at(-1) ?? 0, run.epochs.at(-1), 1));
  const across = width - PANEL.left - PANEL.right;
  const x = (epoch) => PANEL.left + (symlog(epoch) / last) * across;
  const y = (value) => gap + (1 - value) * high;
  const frame = `<rect x="${PANEL.left}" y="${gap}" width="${across}" height="${high}" fill="none" stroke="currentColor"/>`;
  const ticks = decades(run.epochs.at(-1)).filter((epoch) => symlog(epoch) <= last).map((epoch) =>
    `<path d="M${x(epoch)} ${gap + high}v4" stroke="currentColor"/><text x="${x(epoch)}" y="${gap + high + 16}" text-anchor="middle">${epochText(epoch)}</text>`);
  const values = [0, 0.5, 1].map((value) =>
    `<path d="M${PANEL.left} ${y(value)}h-4" stroke="currentColor"/><text x="${PANEL.left - 7}" y="${y(value) + 4}" text-anchor="end">${value}</text>`);
  const events = Object.entries(run.events).map(([name, epoch]) => ({ ...study.language.events[name], epoch }));
  const marks = events.map(({ colour, dash, epoch }) =>
    `<path d="M${x(epoch)} ${gap}v${high}" stroke="${colour}" stroke-width="1.4"${dashed(dash)}/>`);
  const drawn = shown.map(({ key, colour, width: thick, dash }) => {
    const points = Array.from(run.arrays[key]).map((value, i) => [x(evaluated[i]), value]).filter(([, value]) => !Number.isNaN(value));
    return `<path class="curve" d="M${points.map(([at, value]) => `${at.toFixed(1)} ${y(value).toFixed(1)}`).join("L")}" fill="none" stroke="${colour}" stroke-width="${thick}"${dashed(dash)}/>`;
  });
  const entries = [...shown, ...events.map(({ epoch, label, ...of }) => ({ ...of, label: `${label}, ${epochText(epoch)}` }))];
  const samples = entries.map(({ label, colour, dash, width: thick = 1.8 }) =>
    ({ label, sample: `<path d="M0 -4h28" stroke="${colour}" stroke-width="${thick}"${dashed(dash)}/>` }));
  const legend = savedLegend(samples, 34, gap + high + 30 + line, width);
  const svg = `<text x="${PANEL.left}" y="${gap - 8}" font-weight="600">accuracy, ${escaped(inWords(run))}</text>${frame}` +
    [...ticks, ...values, ...marks, ...drawn, legend.svg].join("") +
    `<text x="${PANEL.left + across / 2}" y="${gap + high + 30}" text-anchor="middle">epoch</text>`;
  return { svg, height: legend.bottom + 8 };
}

/** Entries of a legend, a sample and so many pixels beside it a label, in lines no wider than the picture. */
function savedLegend(entries, beside, top, width) {
  let [left, bottom] = [PANEL.left, top];
  const svg = entries.map(({ label, sample }) => {
    const wide = beside + 7 * label.length + 14;
    if (left > PANEL.left && left + wide > width) [left, bottom] = [PANEL.left, bottom + SAVED.line];
    const entry = `<g transform="translate(${left} ${bottom})">${sample}<text x="${beside}">${escaped(label)}</text></g>`;
    left += wide;
    return entry;
  }).join("");
  return { svg, bottom };
}

/** A title in lines of so many letters. */
function inLines(title, letters) {
  return title.split(" ").reduce((found, word) => {
    const longer = found.length ? `${found.at(-1)} ${word}` : word;
    return found.length && longer.length <= letters ? [...found.slice(0, -1), longer] : [...found, word];
  }, []);
}

/** The bytes of a canvas as PNG. */
const inBase64 = (canvas) => canvas.toDataURL("image/png").split(",")[1];

/** The planes that are seen, the probe's regions above the network's, at the epoch that is shown. */
function savedRegions() {
  const { plane: wide, gap, line } = SAVED;
  const cards = planeCards.filter(({ seen }) => seen);
  if (!cards.length) return { svg: "", width: 0, height: 0 };
  const high = ({ canvas }) => (wide * canvas.height) / Math.max(1, canvas.width);
  const tallest = Math.max(...cards.flatMap(({ panels }) => panels.map(high)));
  const titles = cards.map(({ title }) => inLines(title, wide / 7.6));
  const top = line * (1 + Math.max(...titles.map(({ length }) => length)));
  const drawn = cards.flatMap(({ panels }, i) => {
    const left = PANEL.left + i * (wide + gap);
    const words = titles[i].map((text, j) => `<text x="${left}" y="${line * (1 + j)}" font-weight="600">${escaped(text)}</text>`);
    return [...words, ...panels.map((panel, row) => {
      const y = top + row * (tallest + 2 * line);
      return `<image x="${left}" y="${y}" width="${wide}" height="${high(panel)}" href="data:image/png;base64,${inBase64(panel.canvas)}"/>` +
        `<text x="${left}" y="${y + high(panel) + 14}">${escaped(panel.caption.textContent)}</text>`;
    })];
  });
  const room = PANEL.left + cards.length * (wide + gap);
  const chips = [...document.querySelectorAll("#classes li")].map((item) => {
    const colour = item.querySelector(".chip")?.style.background ?? "none";
    return { label: item.textContent, sample: `<rect y="-10" width="11" height="11" fill="${colour}"/>` };
  });
  const legend = savedLegend(chips, 17, top + 2 * (tallest + 2 * line) + 4, room);
  const epoch = document.querySelector("#epoch-label b").textContent;
  const heading = `<text x="${PANEL.left}" y="-4" font-weight="600">decision regions, ${escaped(epoch)}</text>`;
  return { svg: [heading, ...drawn, legend.svg].join(""), width: room, height: legend.bottom + 8 };
}

const quoted = (text) => (/[",\n]/.test(text) ? `"${String(text).replaceAll('"', '""')}"` : String(text));
const number = (value) => (value === null || Number.isNaN(value) ? "" : String(Number(value.toFixed(6))));
const written = (rows) => rows.map((row) => row.map(quoted).join(",")).join("\n") + "\n";

/** A row for every two checkpoints, as in the tables: both triangles, and the diagonal. */
function csvOf(run, measure, layer, other) {
  const [first, second, difference] = shownMatrices(run, measure, layer, other);
  const heads = ["study", "measure", "layer", "run", "step_a", "step_b", "epoch_a", "epoch_b", "value"];
  const more = second === undefined ? [] : ["layer_other", "run_other", "value_other", "difference"];
  const rows = [[...heads, ...more]];
  first.values.forEach((row, a) => row.forEach((value, b) => {
    const pair = [first.steps[a], first.steps[b], first.epochs[a], first.epochs[b], number(value)];
    const beside = second === undefined ? [] :
      [other.layers[layerLike(run, layer, other, measure)], other.key, number(second.values[a][b]), number(difference.values[a][b])];
    rows.push([study.name, measure, run.layers[layer], run.key, ...pair, ...beside]);
  }));
  return written(rows);
}

/** A row for every evaluated epoch, with the curves that the run has. */
function curvesCsvOf(run) {
  const curves = curvesOf(run);
  const rows = [["study", "run", "epoch", ...curves.map(({ key }) => key)]];
  Array.from(run.arrays.evaluated).forEach((epoch, i) => {
    rows.push([study.name, run.key, epoch, ...curves.map(({ key }) => number(run.arrays[key][i]))]);
  });
  return written(rows);
}

/** The SVG as a picture of twice as many pixels. */
async function pngOf(svg) {
  const picture = new Image();
  picture.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
  await picture.decode();
  const canvas = element("canvas", { width: 2 * picture.width, height: 2 * picture.height });
  canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}

async function save(kind, run, measure, layer, other) {
  const shown = [run, measure, layer, other];
  const content = {
    svg: () => new Blob([svgOf(...shown)], { type: "image/svg+xml" }),
    png: () => pngOf(svgOf(...shown)),
    csv: () => new Blob([csvOf(...shown)], { type: "text/csv" }),
    curves: () => new Blob([curvesCsvOf(run)], { type: "text/csv" }),
  };
  const address = URL.createObjectURL(await content[kind]());
  const names = kind === "curves" ? [study.name, run.key, "accuracies"]
    : [study.name, run.key, ...(other === null ? [] : ["and", other.key]), run.layers[layer], measure];
  const name = names.join("-").replace(/[^\w.=-]+/g, "-");
  element("a", { href: address, download: `${name}.${kind === "curves" ? "csv" : kind}` }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
