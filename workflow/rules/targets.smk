# What a person asks for by name.


rule figures:
    input:
        [
            PATHS.figure(figure, extension, run)
            for run in RUNS
            for figure in DEFAULT_RUN_FIGURES
            for extension in STUDY.figures.formats
        ],
        [
            PATHS.figure(figure, extension)
            for figure in DEFAULT_STUDY_FIGURES
            for extension in STUDY.figures.formats
        ],


# Every file that a stage leaves but activations and checkpoints, so that any that was deleted is made again. Those two
# are large, and who deletes them wants the room: they are made again when something is measured on them. Training's
# state is no rule's output.
LARGE = {Paths.activations, Paths.checkpoint, Paths.state}


def measured(scope):
    """Where what stages of a scope leave lies, but for what is large."""
    leaving = [stage for stage in stages.by_default().values() if stage.scope == scope]
    return [path for stage in leaving for path in stage.writes if path not in LARGE]


rule measurements:
    input:
        [path(PATHS, run) for run in RUNS for path in measured("run")],
        [path(PATHS) for path in measured("study")],


rule tables:
    input:
        rules.measurements.input,
        [PATHS.activations(run) for run in RUNS],


# What `snakemake --report` shows, and what lies beside it; of each figure one format.
rule reported:
    input:
        rules.report.output,
        rules.explorer.output,
        [
            PATHS.figure(figure, STUDY.figures.formats[0], run)
            for run in RUNS
            for figure in DEFAULT_RUN_FIGURES
        ],
        [
            PATHS.figure(figure, STUDY.figures.formats[0])
            for figure in DEFAULT_STUDY_FIGURES
        ],


# Not among what `rule all` wants: comparisons between layers and between runs, for the asking.
rule comparisons:
    input:
        [PATHS.cka_layers(run) for run in RUNS],
        PATHS.cka_between(),
        PATHS.region_between(),
