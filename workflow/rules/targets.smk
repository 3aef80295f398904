# Targets to request by name.


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
        measured_files,
        rules.report.output,
        rules.explorer.output,
        rules.lab_book.output,
        [PATHS.figure(figure, STUDY.figures.formats[0], run) for run, figure in DRAWN],
        [PATHS.figure(figure, STUDY.figures.formats[0]) for figure in DRAWN_OF_STUDY],
        [PATHS.figure(figure, template.ALL_PAGES) for figure in DRAWN_OF_STUDY],


# Comparisons between layers, between runs and between architectures, and each layer by itself, on request; `rule all`
# leaves them out.
rule comparisons:
    input:
        compared_files,
