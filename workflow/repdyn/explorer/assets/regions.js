// The planes: regions of the layer's probe and of the network, and the three images in place.

const planeCards = [];
const SCRATCH = document.createElement("canvas");

const className = (label) => study.language.classNames[label];

/** A class in words: a name says that it is one, a number does not. */
const classWords = (label) => (className(label) === `${label}` ? `class ${label}` : className(label));

/** One card for each plane, once; `paintPlanes` fills them. */
function buildPlanes() {
  const parent = document.getElementById("planes");
  const several = new Set(study.planes.map((plane) => plane.number)).size > 1;
  for (const plane of study.planes) {
    const panels = ["probe", "network"].map((who) => {
      const canvas = element("canvas", { className: who });
      canvas.setAttribute("role", "img");
      const caption = element("figcaption");
      return { canvas, caption, figure: element("figure", {}, canvas, caption) };
    });
    const taught = element("ul", { className: "taught" });
    const title = `three ${plane.set}` + (several ? ` (${plane.number + 1})` : "");
    const pair = element("div", { className: "pair" }, ...panels.map((panel) => panel.figure));
    const article = element("article", { className: "plane" }, element("h3", { textContent: title }), pair, taught);
    parent.append(article);
    const card = { plane, article, panels, taught, title, seen: null, pictures: [] };
    planeCards.push(card);
    for (const panel of panels) panel.canvas.addEventListener("pointermove", (event) => hoverPlane(card, panel, event));
  }
}

/** An image of a plane in its own resolution. */
function imageCanvas(plane, i) {
  const [height, width, channels] = plane.shape;
  const bytes = fromBase64(plane.images[i]);
  const canvas = element("canvas", { width, height });
  const pixels = new ImageData(width, height);
  for (let p = 0; p < width * height; p++) {
    for (let c = 0; c < 3; c++) pixels.data[4 * p + c] = bytes[p * channels + (channels === 3 ? c : 0)];
    pixels.data[4 * p + 3] = 255;
  }
  canvas.getContext("2d").putImageData(pixels, 0, 0);
  return canvas;
}

/** Puts the planes of a run's seed into the cards, with what the run was taught about their three images. */
function describePlanes(run) {
  for (const card of planeCards) {
    const seen = card.plane.of[run.replicate];
    card.article.hidden = !seen;
    if (seen === card.seen) continue;
    card.seen = seen;
    if (!seen) continue;
    const { given, labels } = seen;
    const pictures = seen.images.map((_, i) => imageCanvas(seen, i));
    card.pictures = pictures;
    card.taught.replaceChildren(
      ...labels.map((label, i) => {
        const copy = element("canvas", { width: pictures[i].width, height: pictures[i].height });
        copy.getContext("2d").drawImage(pictures[i], 0, 0);
        copy.style.borderColor = study.language.classes[given[i]];
        const words = given[i] === label ? classWords(label) : `${className(label)}, taught as ${className(given[i])}`;
        return element("li", {}, copy, element("span", { textContent: words }));
      }),
    );
  }
}

function paintPlanes(run, layer, e) {
  const output = run.layers.indexOf(study.output);
  planeCards.forEach(({ panels, title, seen, pictures }, p) => {
    if (!seen) return;
    const of = [layer === output ? output : layer, output];
    panels.forEach((panel, i) => {
      const words = i === 1 || layer === output ? "network" : `probe of ${run.layers[layer]}`;
      panel.caption.textContent = words;
      panel.labels = labelsAt(run, p, of[i], e);
      paintRegions(panel.canvas, seen, panel.labels, pictures);
      const text = `Decision regions of the ${words} on a plane through ${title}, epoch ${epochText(run.epochs[e])}`;
      panel.canvas.setAttribute("aria-label", text);
    });
  });
}

function labelsAt(run, p, layer, e) {
  const { of, at } = run.members[0]; // of a mean, its first seed: classes have no mean
  const labels = of.labels[p];
  const [, checkpoints, points] = labels.shape;
  const start = (layer * checkpoints + at[e]) * points;
  return labels.subarray(start, start + points);
}

function paintRegions(canvas, plane, labels, pictures) {
  const R = plane.resolution;
  const [left, right] = plane.xRange;
  const [bottom, top] = plane.yRange;
  canvas.style.aspectRatio = `${right - left} / ${top - bottom}`;
  const width = canvas.clientWidth;
  const height = (width * (top - bottom)) / (right - left);
  const context = sharp(canvas, width, height);
  const pixels = new ImageData(R, R);
  for (let i = 0; i < labels.length; i++) {
    const row = R - 1 - Math.floor(i / R); // the first row of points is the lowest
    const colour = CLASS_COLOURS[labels[i]];
    pixels.data.set([...colour, 255], 4 * (row * R + (i % R)));
  }
  SCRATCH.width = SCRATCH.height = R;
  SCRATCH.getContext("2d").putImageData(pixels, 0, 0);
  context.drawImage(SCRATCH, 0, 0, width, height);
  const side = Math.max(18, 0.12 * Math.min(width, height));
  pictures.forEach((picture, i) => {
    const x = ((plane.x[i] - left) / (right - left)) * width;
    const y = height - ((plane.y[i] - bottom) / (top - bottom)) * height;
    for (const [margin, colour] of [[4, "#1d2733"], [3.2, "#ffffff"], [2, study.language.classes[plane.given[i]]]]) {
      context.fillStyle = colour;
      context.fillRect(x - side / 2 - margin, y - side / 2 - margin, side + 2 * margin, side + 2 * margin);
    }
    context.drawImage(picture, x - side / 2, y - side / 2, side, side);
  });
}

/** Says which class a point has, in the canvas's tooltip. */
function hoverPlane({ seen }, panel, event) {
  const box = panel.canvas.getBoundingClientRect();
  const R = seen.resolution;
  const column = Math.min(R - 1, Math.floor(((event.clientX - box.left) / box.width) * R));
  const row = Math.min(R - 1, Math.floor(((box.bottom - event.clientY) / box.height) * R));
  const label = panel.labels[Math.max(0, row) * R + Math.max(0, column)];
  panel.canvas.title = classWords(label);
}

const MOST_CLASSES = 12;

/** All classes; of many, those that cover most of what is seen. */
function paintClasses() {
  const list = document.getElementById("classes");
  const classes = study.language.classes.length;
  let shown = Array.from({ length: classes }, (_, label) => label);
  if (classes > MOST_CLASSES) {
    const area = new Array(classes).fill(0);
    for (const { panels, seen } of planeCards) {
      if (seen) for (const { labels } of panels) for (const label of labels) area[label]++;
    }
    shown = shown.filter((label) => area[label]).sort((a, b) => area[b] - area[a]);
  } else if (list.childElementCount) return;
  const rest = Math.max(0, shown.length - MOST_CLASSES);
  list.replaceChildren(
    ...shown.slice(0, MOST_CLASSES).map((label) => {
      const chip = element("span", { className: "chip" });
      chip.style.background = study.language.classes[label];
      return element("li", {}, chip, className(label));
    }),
    ...(rest ? [element("li", { textContent: `and ${rest} smaller` })] : []),
  );
}
