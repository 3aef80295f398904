rule planes:
    output:
        PATHS.planes(SEED),
    log:
        PATHS.log("planes", SEED),
    # Run before hours of training, because it finds out whether the data suffice.
    priority: 1
    conda:
        ENVIRONMENT
    params:
        here=here,
        made_with=made_with("planes"),
    message:
        f"planes through triplets of images of {OF_SEED}"
    shell:
        "python -P -m repdyn planes {params.here} --log {log}"
