rule findings:
    input:
        scores=[PATHS.scores(run) for run in RUNS],
        history=[PATHS.history(run) for run in RUNS],
        cka=[PATHS.cka(run) for run in RUNS],
        layers=[PATHS.layers(run) for run in RUNS],
        regions=where_there("regions", [PATHS.region_similarity(run) for run in RUNS]),
    output:
        findings=PATHS.findings(),
        pairs=PATHS.pairs(),
        left_out=PATHS.left_out(),
        synchrony=PATHS.synchrony(),
        twins=PATHS.twins(),
        trends=PATHS.trends(),
        trend_values=PATHS.trend_values(),
        by_depth=PATHS.by_depth(),
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
