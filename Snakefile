# The map of the workflow: which study, which rules, and what `rule all` wants.
# A stage is a file in workflow/rules, a module in workflow/repdyn/stages and a command `python -m repdyn STAGE`, all of
# one name; workflow/repdyn/catalogue/stages.py declares each.

# A study given by --configfile replaces config.yaml; Snakemake alone would merge the two grids.
if not workflow.configfiles:

    configfile: "config.yaml"


include: "workflow/rules/common.smk"


wildcard_constraints:
    arch="|".join(map(re.escape, STUDY.archs)),
    optimizer="|".join(map(re.escape, STUDY.optimizers)),
    data="|".join(map(re.escape, STUDY.named_data)),
    seed="|".join(map(str, STUDY.seeds)),
    format="png|svg|pdf",


include: "workflow/rules/examples.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/record.smk"
include: "workflow/rules/events.smk"
include: "workflow/rules/activations.smk"
include: "workflow/rules/cka.smk"
include: "workflow/rules/alignment.smk"
include: "workflow/rules/geometry.smk"
include: "workflow/rules/planes.smk"
include: "workflow/rules/probes.smk"
include: "workflow/rules/regions.smk"
include: "workflow/rules/phases.smk"
include: "workflow/rules/findings.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/targets.smk"
include: "workflow/rules/hooks.smk"


rule all:
    default_target: True
    input:
        measured_files,
        drawn_figures,
    message:
        f"all of the study {STUDY.name}"
