RUN_FIGURES, STUDY_FIGURES = catalogue.of_run(STUDY), catalogue.of_study(STUDY)
ANIMATIONS = catalogue.animations(STUDY)
DEFAULT_RUN_FIGURES, DEFAULT_STUDY_FIGURES = catalogue.drawn_by_default(STUDY)
DRAWN_RUNS = [run.path for run in STUDY.drawn_runs]


rule run_figure:
    input:
        inputs_of("run", RUN_FIGURES),
    output:
        report(
            PATHS.figure("{figure}", "{format}", RUN),
            caption="../report/figure.rst",
            category=lambda wildcards: RUN_FIGURES[wildcards.figure].category,
            subcategory="run by run",
            labels={
                "figure": "{figure}",
                "architecture": "{arch}",
                "optimizer": "{optimizer}",
                "seed": "{seed}",
            },
        ),
    log:
        PATHS.log("figures/{figure}.{format}", RUN),
    wildcard_constraints:
        figure="|".join([*RUN_FIGURES, *WITHOUT["run"]]),
    conda:
        ENVIRONMENT
    params:
        here=here,
        made_with=lambda wildcards: RUN_FIGURES[wildcards.figure].made_with(STUDY),
        # Only for the report; like `here`, it triggers no rerun.
        said=lambda wildcards, output: RUN_FIGURES[wildcards.figure],
    message:
        "figure {wildcards.figure} of {wildcards.arch} {wildcards.optimizer} seed {wildcards.seed}"
    shell:
        "python -P -m repdyn figure {wildcards.figure} {output} {params.here} --log {log}"
        " --arch {wildcards.arch} --optimizer {wildcards.optimizer} --seed {wildcards.seed}"


rule run_animation:
    input:
        inputs_of("run", ANIMATIONS),
    output:
        PATHS.figure("{figure}", "gif", RUN),
    log:
        PATHS.log("figures/{figure}.gif", RUN),
    wildcard_constraints:
        figure="|".join(catalogue.ANIMATIONS),
    conda:
        ENVIRONMENT
    params:
        here=here,
        made_with=lambda wildcards: ANIMATIONS[wildcards.figure].made_with(STUDY),
    message:
        "animation {wildcards.figure} of {wildcards.arch} {wildcards.optimizer} seed {wildcards.seed}"
    shell:
        "python -P -m repdyn figure {wildcards.figure} {output} {params.here} --log {log}"
        " --arch {wildcards.arch} --optimizer {wildcards.optimizer} --seed {wildcards.seed}"


rule study_figure:
    input:
        inputs_of("study", STUDY_FIGURES),
    output:
        report(
            PATHS.figure("{figure}", "{format}"),
            caption="../report/figure.rst",
            category=lambda wildcards: STUDY_FIGURES[wildcards.figure].category,
            subcategory="all runs",
            labels={"figure": "{figure}"},
        ),
    log:
        PATHS.log("figures/{figure}.{format}"),
    wildcard_constraints:
        figure="|".join([*STUDY_FIGURES, *WITHOUT["study"]]),
    conda:
        ENVIRONMENT
    params:
        here=here,
        made_with=lambda wildcards: STUDY_FIGURES[wildcards.figure].made_with(STUDY),
        said=lambda wildcards, output: STUDY_FIGURES[wildcards.figure],
    message:
        "figure {wildcards.figure}"
    shell:
        "python -P -m repdyn figure {wildcards.figure} {output} {params.here} --log {log}"
