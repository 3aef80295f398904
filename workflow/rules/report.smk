report: "../report/overview.rst"


rule report:
    input:
        catalogue.REPORT.of(STUDY).inputs(PATHS, RUNS, SEEDS),
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
        PATHS.log("report"),
    conda:
        ENVIRONMENT
    params:
        here=here,
        made_with=catalogue.REPORT.made_with(STUDY),
    message:
        "tables of the report"
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
