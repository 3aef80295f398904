# Targets to request by name. What they want are functions: Snakemake lists the files of those that are asked for alone.


def drawn_figures(_wildcards):
    """The figures that are drawn without being asked for, in each format."""
    return [
        PATHS.figure(figure, extension, run)
        for run, figure in [*DRAWN, *((None, figure) for figure in DRAWN_OF_STUDY)]
        for extension in STUDY.figures.formats
    ]


def measured_files(_wildcards):
    """Every file that stages leave, except large ones."""
    return [
        *(path(PATHS, run) for path in measured("run") for run in RUNS),
        *(path(PATHS, seed) for path in measured("seed") for seed in SEEDS),
        *(path(PATHS) for path in measured("study")),
    ]


def large_files(_wildcards):
    """The large tables of runs."""
    return [
        large(run) for large in (PATHS.activations, PATHS.probe_view) for run in RUNS
    ]


def compared_files(_wildcards):
    """What compares layers, runs and architectures, or each layer with itself."""
    by_run = (PATHS.layer_geometry, PATHS.weight_geometry, PATHS.cka_layers)
    return [
        *(path(run) for path in by_run for run in RUNS),
        *(PATHS.cka_between(), PATHS.alignment()),
        *where_there("regions_between", [PATHS.region_between()]),
    ]


rule figures:
    input:
        drawn_figures,


rule measurements:
    input:
        measured_files,


rule tables:
    input:
        measured_files,
        large_files,


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
        compared_files,
