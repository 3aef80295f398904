// A second run beside the one that is shown, and the difference of their matrices at the checkpoints of both.

/** The menu: nothing, or any run or mean, by cell of the grid. */
function buildCompare(choose) {
  const menu = get("other");
  menu.append(element("option", { value: "", textContent: "nothing" }));
  for (const [cell, indices] of CELLS) {
    const group = element("optgroup", { label: cell.replaceAll("/", " ") });
    if (indices.length > 1) {
      group.append(element("option", { value: `${cell}/${MEAN}`, textContent: `${cell.replaceAll("/", " ")}, mean of ${indices.length} seeds` }));
    }
    for (const index of indices) {
      const run = study.runs[index];
      group.append(element("option", { value: keyOf(run), textContent: `${cell.replaceAll("/", " ")}, seed ${run.seed}` }));
    }
    menu.append(group);
  }
  menu.addEventListener("change", () => choose(menu.value));
}

/** The matrices that are shown: one, or two and their difference. */
function shownMatrices(run, measure, layer, other) {
  if (other === null || !matricesBy(other, measure)) return [matrixOf(run, measure, layer)];
  const pairs = common(run, other);
  const first = at(matrixOf(run, measure, layer), pairs.map(([i]) => i));
  const second = at(matrixOf(other, measure, layerLike(run, layer, other, measure)), pairs.map(([, j]) => j));
  return pairs.length ? [first, second, differenceOf(first, second)] : [matrixOf(run, measure, layer)];
}

function paintCompare(run, measure, layer, other) {
  const section = get("compare");
  section.hidden = other === null;
  if (other === null) return;
  const matrices = shownMatrices(run, measure, layer, other);
  const { label } = MEASURES.get(measure);
  get("compare-title").textContent = `${inWords(run)} and ${inWords(other)}`;
  if (matrices.length < 3) {
    const why = matricesBy(other, measure) ? "The two have no checkpoint in common." : `The other run has no ${label}.`;
    get("compare-said").textContent = why;
    get("panels").replaceChildren();
    return;
  }
  const [first, , difference] = matrices;
  const room = get("panels").clientWidth;
  const columns = room > 900 ? 3 : 1;
  const side = Math.max(120, Math.min(420, room / columns - PANEL.left - PANEL.right - 2));
  get("panels").innerHTML = matrices.map((matrix) => `<svg viewBox="0 0 ${panelWidth(side)} ${panelHeight(side)}" width="${panelWidth(side)}" ` +
    `height="${panelHeight(side)}" role="img" aria-label="${escaped(`Matrix of ${matrix.label}: ${matrix.title}`)}">${panel(matrix, 0, side)}</svg>`).join("");
  get("compare-said").textContent = `At ${first.epochs.length} common checkpoints. ${largest(difference)}`;
}

/** Where two matrices differ most, in words. */
function largest({ values, epochs }) {
  let most = null;
  values.forEach((row, a) => row.slice(0, a).forEach((value, b) => {
    if (value !== null && (most === null || Math.abs(value) > Math.abs(most.value))) most = { value, a, b };
  }));
  if (most === null) return "Their difference is undefined everywhere.";
  const { value, a, b } = most;
  const more = value >= 0 ? "more" : "less";
  return `They differ most between epoch ${epochText(epochs[b])} and epoch ${epochText(epochs[a])}: the first is ${Math.abs(value).toFixed(3)} ${more} alike there. ` +
    "Blue: more alike in the first; red: in the second.";
}
