// What was found of the run's architecture, optimizer and data, in the report's words.

/** Whether a comparison is of the run's levels; optimizers are compared by family. */
const concerns = (run, levels) =>
  Object.entries(levels).every(([factor, of]) => of.includes(run[factor]) || (factor === "optimizer" && of.includes(run.family)));

function paintFindings(run) {
  const found = study.findings.filter(({ levels }) => concerns(run, levels));
  get("found").hidden = !found.length;
  const decided = found.filter(({ decision }) => decision !== "undecided");
  get("found-hint").textContent = `Of ${found.length} comparisons that it takes part in, with all its seeds, ${decided.length} ` +
    `${decided.length === 1 ? "decides" : "decide"} a claim.`;
  get("found-list").replaceChildren(...[...decided, ...found.filter((one) => !decided.includes(one))].map(
    ({ claim, words, decision, reason, evidence, address }) => {
      const link = element("a", { href: `report.html#${address}`, textContent: `${claim} ${words}` });
      const said = `${reason ? `: ${reason}` : ""}. ${evidence}`;
      return element("li", { className: decision }, link, ": ", element("b", { textContent: decision }), said);
    }));
}
