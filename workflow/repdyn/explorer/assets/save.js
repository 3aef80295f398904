// Saves what the matrices show, as SVG, PNG or CSV, made here: nothing is asked of a network.

/** A whole SVG of the matrices side by side, dark on white, with what they are of. */
function svgOf(run, measure, layer, other) {
  const matrices = shownMatrices(run, measure, layer, other);
  const side = 420;
  const [width, height] = [matrices.length * panelWidth(side), panelHeight(side) + 24];
  const { label, words } = MEASURES.get(measure);
  const about = `${study.name}: ${run.layers[layer]} against itself by ${words.startsWith(label) ? words : `${label}, ${words}`}`;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" color="#1d2733"` +
    ` fill="currentColor" font-family="system-ui, 'DejaVu Sans', sans-serif" font-size="12"><title>${escaped(about)}</title>` +
    `<rect width="100%" height="100%" fill="#fff"/>${matrices.map((matrix, i) => panel(matrix, i * panelWidth(side), side)).join("")}` +
    `<text x="${PANEL.left}" y="${height - 8}">${escaped(about)}</text></svg>`;
}

/** A row for every two checkpoints, as in the tables: both triangles, and the diagonal. */
function csvOf(run, measure, layer, other) {
  const [first, second, difference] = shownMatrices(run, measure, layer, other);
  const quoted = (text) => (/[",\n]/.test(text) ? `"${String(text).replaceAll('"', '""')}"` : String(text));
  const number = (value) => (value === null ? "" : String(Number(value.toFixed(6))));
  const heads = ["study", "measure", "layer", "run", "step_a", "step_b", "epoch_a", "epoch_b", "value"];
  const more = second === undefined ? [] : ["layer_other", "run_other", "value_other", "difference"];
  const rows = [[...heads, ...more]];
  first.values.forEach((row, a) => row.forEach((value, b) => {
    const pair = [first.steps[a], first.steps[b], first.epochs[a], first.epochs[b], number(value)];
    const beside = second === undefined ? [] :
      [other.layers[layerLike(run, layer, other, measure)], other.key, number(second.values[a][b]), number(difference.values[a][b])];
    rows.push([study.name, measure, run.layers[layer], run.key, ...pair, ...beside]);
  }));
  return rows.map((row) => row.map(quoted).join(",")).join("\n") + "\n";
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
  };
  const address = URL.createObjectURL(await content[kind]());
  const names = [study.name, run.key, ...(other === null ? [] : ["and", other.key]), run.layers[layer], measure];
  const name = names.join("-").replace(/[^\w.=-]+/g, "-");
  element("a", { href: address, download: `${name}.${kind}` }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
