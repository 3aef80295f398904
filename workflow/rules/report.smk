report: "../report/overview.rst"


# What the report's texts say of figures, where `config` is all that they see and that decides no rerun.
config["captions"] = {
    "run_figure": catalogue.RUN_FIGURES,
    "study_figure": catalogue.STUDY_FIGURES,
}


rule report:
    input:
        PATHS.findings(),
        [path(run) for run in RUNS for path in (PATHS.history, PATHS.scores)],
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
        made_with={
            "code": provenance.code_digest("report"),
            "confidence": STUDY.findings.confidence,
            "runs": {run.path: STUDY.learning_rate(run) for run in STUDY.runs},
        },
    message:
        "tables of the report"
    shell:
        "python -m repdyn report --study $REPDYN_STUDY --log {log}"


rule explorer:
    input:
        PATHS.planes(),
        [
            path(run)
            for run in RUNS
            for path in (
                PATHS.history,
                PATHS.cka,
                PATHS.region_pictures,
                PATHS.region_similarity,
                PATHS.segments,
                PATHS.scores,
            )
        ],
    output:
        PATHS.explorer(),
    log:
        PATHS.log("explorer"),
    conda:
        ENVIRONMENT
    params:
        made_with={
            "code": provenance.code_digest("explorer.build"),
            "page": page.assets_digest(),
            "explorer_mib": STUDY.figures.explorer_mib,
        },
    message:
        "explorer"
    shell:
        "python -m repdyn explorer --study $REPDYN_STUDY --log {log}"
