# Targets to request by name. What they want are functions: Snakemake lists the files of those that are asked for alone.


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
        compared_files,
