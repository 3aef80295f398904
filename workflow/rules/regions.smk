rule regions:
    input:
        checkpoints=checkpoints_of,
        probes=rules.probes.output.weights,
        planes=rules.planes.output,
    output:
        labels=PATHS.region_labels(RUN),
        pictures=PATHS.region_pictures(RUN),
        similarity=PATHS.region_similarity(RUN),
        floor=PATHS.region_floor(RUN),
        fragmentation=PATHS.region_fragmentation(RUN),
    log:
        PATHS.log("regions", RUN),
    conda:
        ENVIRONMENT
    resources:
        gpu=gpus("regions"),
    params:
        here=here,
        made_with=made_with("regions"),
    message:
        f"decision regions of {OF_RUN}"
    shell:
        "python -P -m repdyn regions {params.here} --log {log}"


rule regions_between:
    input:
        labels=[PATHS.region_labels(run) for run in RUNS],
    output:
        PATHS.region_between(),
    log:
        PATHS.log("regions_between"),
    conda:
        ENVIRONMENT
    params:
        here=here,
        made_with=made_with("regions_between"),
    message:
        "decision regions similarity between runs"
    shell:
        "python -P -m repdyn regions_between {params.here} --log {log}"
