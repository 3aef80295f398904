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
