# Targets to request by name.


rule figures:
    input:
        FIGURES,


rule measurements:
    input:
        MEASUREMENTS,


rule tables:
    input:
        rules.measurements.input,
        [PATHS.activations(run) for run in RUNS],
        [PATHS.probe_view(run) for run in RUNS],


# The report and the explorer, and what Snakemake's own report shows, the lab book; there each figure in one format.
rule reported:
    input:
        rules.report.output,
        rules.explorer.output,
        rules.lab_book.output,
        [PATHS.figure(figure, STUDY.figures.formats[0], run) for run, figure in DRAWN],
        [PATHS.figure(figure, STUDY.figures.formats[0]) for figure in DRAWN_OF_STUDY],


# Comparisons between layers, between runs and between architectures, and each layer by itself, on request; `rule all`
# leaves them out.
rule comparisons:
    input:
        [PATHS.layer_geometry(run) for run in RUNS],
        [PATHS.weight_geometry(run) for run in RUNS],
        [PATHS.cka_layers(run) for run in RUNS],
        PATHS.cka_between(),
        PATHS.alignment(),
        where_there("regions_between", PATHS.region_between()),
