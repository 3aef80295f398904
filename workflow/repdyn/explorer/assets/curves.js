// Accuracies by epoch, drawn by plotly.js.

const cursorLine = () => ({ type: "line", yref: "paper", y0: 0, y1: 1, line: { color: token("ink"), width: 1.6 } });
const hidden = new Set();
let drawing = Promise.resolve();

/** Draws after what is being drawn, so that what comes meanwhile is not overwritten by what was asked for before. */
function inTurn(draw) {
  const done = drawing.then(draw);
  drawing = done.catch(() => {});
  return done;
}

/** What room the curves have now. */
function roomForCurves() {
  const { clientWidth, clientHeight } = document.getElementById("curves");
  return { width: clientWidth, height: clientHeight };
}

async function loadLibrary() {
  const script = document.createElement("script");
  script.textContent = new TextDecoder().decode(await inflate("library"));
  document.head.append(script);
}

/** The curves that a run has: without wrong labels there is nothing to memorize. */
const curvesOf = (run) => study.language.curves.filter(({ key }) => run.arrays[key].some((value) => !Number.isNaN(value)));

async function paintCurves(run, goTo) {
  const evaluated = Array.from(run.arrays.evaluated);
  const last = Math.max(evaluated.at(-1) ?? 0, run.epochs.at(-1));
  const ticks = decades(last);
  const traces = curvesOf(run).map(({ key, label, colour, width, dash }) => ({
    x: evaluated.map(symlog),
    y: Array.from(run.arrays[key]),
    customdata: evaluated.map(epochText),
    name: label,
    mode: "lines",
    connectgaps: true,
    line: { color: onPage(colour), width, dash: plotlyDash(dash) },
    visible: !hidden.has(key),
    hovertemplate: "%{y:.3f} %{fullData.name}<extra></extra>",
  }));
  const events = Object.entries(run.events).map(([name, epoch]) => {
    const { colour, dash } = study.language.events[name];
    return {
      ...cursorLine(), name, x0: symlog(epoch), x1: symlog(epoch), layer: "below",
      line: { color: onPage(colour), width: 1.4, dash: plotlyDash(dash) },
    };
  });
  const axis = { gridcolor: token("grid"), linecolor: token("edge"), zeroline: false, fixedrange: true, ticks: "outside", ticklen: 4, tickcolor: token("edge") };
  const parent = document.getElementById("curves");
  const layout = {
    margin: { l: 44, r: 12, t: 8, b: 40 },
    font: { family: "system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif", size: 12, color: token("soft") },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    showlegend: false,
    hovermode: "x unified",
    hoverlabel: { bgcolor: token("paper"), bordercolor: token("line"), font: { size: 12, color: token("ink") }, namelength: -1 },
    dragmode: false,
    xaxis: {
      ...axis, title: { text: "epoch", standoff: 6, font: { size: 12 } }, range: [-0.03, symlog(last) + 0.03], showgrid: false,
      tickvals: ticks.map(symlog), ticktext: ticks.map(epochText), unifiedhovertitle: { text: "epoch %{customdata}" },
    },
    yaxis: { ...axis, range: [-0.03, 1.03], tickvals: [0, 0.2, 0.4, 0.6, 0.8, 1], tickformat: ".1f" },
    shapes: [...events, { ...cursorLine(), name: "cursor" }],
  };
  await inTurn(() => Plotly.react(parent, traces, { ...layout, ...roomForCurves() }, { displayModeBar: false }));
  parent.removeAllListeners("plotly_click");
  parent.on("plotly_click", ({ points }) => goTo(nearestCheckpoint(run, evaluated[points[0].pointIndex])));
  paintCurveLegend(run);
}

function fitCurves() {
  inTurn(() => Plotly.relayout("curves", roomForCurves()));
}

function nearestCheckpoint(run, epoch) {
  const distance = (i) => Math.abs(symlog(run.epochs[i]) - symlog(epoch));
  return run.epochs.reduce((best, _, i) => (distance(i) < distance(best) ? i : best), 0);
}

/** A switch for each curve, with its value at the epoch shown. */
function paintCurveLegend(run) {
  const items = curvesOf(run).map(({ key, label, colour, dash, width }, trace) => {
    const button = element("button", {
      type: "button", innerHTML: `${lineSample(onPage(colour), dash, width)} <b></b> ${label}`,
    });
    button.dataset.curve = key;
    button.setAttribute("aria-pressed", !hidden.has(key));
    button.addEventListener("click", () => {
      hidden[hidden.has(key) ? "delete" : "add"](key);
      button.setAttribute("aria-pressed", !hidden.has(key));
      inTurn(() => Plotly.restyle("curves", { visible: !hidden.has(key) }, [trace]));
    });
    return element("li", {}, button);
  });
  if (!items.length) items.push(element("li", { textContent: "No accuracy is known." }));
  document.getElementById("curve-legend").replaceChildren(...items);
}

/** The cursor goes to the checkpoint, and the legend says what was measured there, or last before. */
function moveCurvesCursor(run, e) {
  const cursor = Object.keys(run.events).length;
  const x = symlog(run.epochs[e]);
  inTurn(() => Plotly.relayout("curves", { [`shapes[${cursor}].x0`]: x, [`shapes[${cursor}].x1`]: x }));
  const at = run.arrays.evaluated.findLastIndex((epoch) => epoch <= run.epochs[e] + 1e-9);
  for (const button of document.querySelectorAll("#curve-legend button")) {
    const value = at < 0 ? NaN : run.arrays[button.dataset.curve][at];
    button.querySelector("b").textContent = Number.isNaN(value) ? "–" : value.toFixed(2);
  }
}
