report: "../report/overview.rst"


rule lab_book:
    input:
        catalogue.LAB_BOOK.of(STUDY).inputs(PATHS, RUNS, SEEDS),
    output:
        findings=report(
            PATHS.report_findings(),
            caption="../report/findings.rst",
            category="Findings",
            subcategory="tables",
            labels={"table": "claims, tested"},
        ),
        runs=report(
            PATHS.report_runs(),
            caption="../report/runs.rst",
            category="Runs",
            subcategory="tables",
            labels={"table": "events, accuracies, times"},
        ),
    log:
        PATHS.log("lab_book"),
    conda:
        ENVIRONMENT
    params:
        here=here,
        made_with=catalogue.LAB_BOOK.made_with(STUDY),
    message:
        "tables of the lab book"
    shell:
        "python -P -m repdyn lab_book {params.here} --log {log}"


# It links every figure and table of the study, so it asks for them; PNGs of the study's figures are shown in it, and PDFs
# have all their pages.
rule report:
    input:
        measured_files,
        drawn_figures,
        [
            PATHS.figure(figure, kind)
            for figure in DRAWN_OF_STUDY
            for kind in (template.SHOWN, template.ALL_PAGES)
        ],
        rules.lab_book.output.findings,
    output:
        template.page_of(PATHS),
    log:
        PATHS.log("report"),
    conda:
        ENVIRONMENT
    params:
        here=here,
        made_with={
            **catalogue.REPORT.made_with(STUDY),
            "page": template.assets_digest(),
        },
    message:
        "report"
    shell:
        "python -P -m repdyn report {params.here} --log {log}"


rule explorer:
    input:
        catalogue.EXPLORER.of(STUDY).inputs(PATHS, RUNS, SEEDS),
    output:
        PATHS.explorer(),
    log:
        PATHS.log("explorer"),
    conda:
        ENVIRONMENT
    params:
        here=here,
        made_with={
            **catalogue.EXPLORER.made_with(STUDY),
            "page": page.assets_digest(),
        },
    message:
        "explorer"
    shell:
        "python -P -m repdyn explorer {params.here} --log {log}"
