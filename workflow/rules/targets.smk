# Targets to request by name.


rule figures:
    input:
        [
            PATHS.figure(figure, extension, run)
            for run, figure in DRAWN
            for extension in STUDY.figures.formats
        ],
        [
            PATHS.figure(figure, extension)
            for figure in DRAWN_OF_STUDY
            for extension in STUDY.figures.formats
        ],


rule measurements:
    input:
        [path(PATHS, run) for run in RUNS for path in measured("run")],
        [path(PATHS, seed) for seed in SEEDS for path in measured("seed")],
        [path(PATHS) for path in measured("study")],


rule tables:
    input:
        rules.measurements.input,
        [PATHS.activations(run) for run in RUNS],
        [PATHS.probe_view(run) for run in RUNS],


# What `snakemake --report` shows, and the explorer beside it; each figure in one format.
rule reported:
    input:
        rules.report.output,
        rules.explorer.output,
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
