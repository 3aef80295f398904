RUN_FIGURES, STUDY_FIGURES = catalogue.of_run(STUDY), catalogue.of_study(STUDY)
ANIMATIONS = catalogue.animations(STUDY)
DRAWN = [
    (run.path, figure)
    for run in STUDY.drawn_runs
    for figure in catalogue.drawn_of_run(STUDY, run)
]
DRAWN_OF_STUDY = catalogue.drawn_of_study(STUDY)
# A figure that takes several pages: `findings-all.png` is the first, `findings-all.page-2.png` the second.
PAGE = r"|\.page-[1-9]\d*"


rule run_figure:
    input:
        inputs_of("run", RUN_FIGURES),
    output:
        report(
            PATHS.figure("{figure}{page}", "{format}", RUN),
            caption="../report/figure.rst",
            category=lambda wildcards: RUN_FIGURES[wildcards.figure].category,
            subcategory="run by run",
            labels={
                "figure": "{figure}",
                "architecture": "{arch}",
                "optimizer": "{optimizer}",
                **{name: f"{{{name}}}" for name in WITH_DATA},
                "seed": "{seed}",
            },
        ),
    log:
        PATHS.log("figures/{figure}{page}.{format}", RUN),
    wildcard_constraints:
        figure="|".join([*RUN_FIGURES, *WITHOUT["run"]]),
        page=PAGE,
    conda:
        ENVIRONMENT
    params:
        here=here,
        page=page_option,
        made_with=drawn_with(RUN_FIGURES),
        # Only for the report; like `here`, it triggers no rerun.
        said=lambda wildcards, output: RUN_FIGURES[wildcards.figure],
    message:
        f"figure {{wildcards.figure}} of {OF_RUN}"
    shell:
        "python -P -m repdyn figure {wildcards.figure} {output} {params.here} {params.page} --log {log}"


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
        made_with=drawn_with(ANIMATIONS),
    message:
        f"animation {{wildcards.figure}} of {OF_RUN}"
    shell:
        "python -P -m repdyn figure {wildcards.figure} {output} {params.here} --log {log}"


rule study_figure:
    input:
        inputs_of("study", STUDY_FIGURES),
    output:
        in_lab_book(PATHS.figure("{figure}{page}", "{format}")),
    log:
        PATHS.log("figures/{figure}{page}.{format}"),
    wildcard_constraints:
        figure="|".join([*STUDY_FIGURES, *WITHOUT["study"]]),
        page=PAGE,
        format=rf"(?!{template.ALL_PAGES}$)\w+",
    conda:
        ENVIRONMENT
    params:
        here=here,
        page=page_option,
        made_with=drawn_with(STUDY_FIGURES),
        said=lambda wildcards, output: STUDY_FIGURES[wildcards.figure],
    message:
        "figure {wildcards.figure}"
    shell:
        "python -P -m repdyn figure {wildcards.figure} {output} {params.here} {params.page} --log {log}"


# PDFs with all pages, which the report links. They are no figures of the lab book beside the same ones in another format.
use rule study_figure as study_pages with:
    output:
        (
            in_lab_book(PATHS.figure("{figure}{page}", template.ALL_PAGES))
            if template.ALL_PAGES in STUDY.figures.formats
            else PATHS.figure("{figure}{page}", template.ALL_PAGES)
        ),
    log:
        PATHS.log(f"figures/{{figure}}{{page}}.{template.ALL_PAGES}"),
    wildcard_constraints:
        figure="|".join([*STUDY_FIGURES, *WITHOUT["study"]]),
        page=PAGE,
