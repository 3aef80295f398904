rule phases:
    input:
        history=PATHS.history(RUN),
        cka=rules.cka.output,
        regions=where_there("regions", rules.regions.output.similarity),
        probes=where_there("probes", rules.probes.output.accuracy),
        layers=rules.activations.output.layers,
    output:
        segments=PATHS.segments(RUN),
        scores=PATHS.scores(RUN),
        moments=PATHS.moments(RUN),
        boundaries=PATHS.boundaries(RUN),
    log:
        PATHS.log("phases", RUN),
    conda:
        ENVIRONMENT
    params:
        here=here,
        made_with=made_with("phases"),
    message:
        f"phases of {OF_RUN}"
    shell:
        "python -P -m repdyn phases {params.here} --log {log}"
