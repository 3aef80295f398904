rule findings:
    input:
        scores=[PATHS.scores(run) for run in RUNS],
        moments=[PATHS.moments(run) for run in RUNS],
    output:
        findings=PATHS.findings(),
        pairs=PATHS.pairs(),
    log:
        PATHS.log("findings"),
    conda:
        ENVIRONMENT
    params:
        here=here,
        made_with=made_with("findings"),
    message:
        "findings"
    shell:
        "python -P -m repdyn findings {params.here} --log {log}"
