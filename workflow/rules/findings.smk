rule findings:
    input:
        scores=[PATHS.scores(run) for run in RUNS],
    output:
        PATHS.findings(),
    log:
        PATHS.log("findings"),
    params:
        made_with=made_with("findings"),
    conda:
        ENVIRONMENT
    message:
        "findings"
    shell:
        "{REPDYN} findings --study {STUDY_FILE} --log {log}"
