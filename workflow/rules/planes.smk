rule planes:
    output:
        PATHS.planes(),
    log:
        PATHS.log("planes"),
    # Run before hours of training, because it finds out whether the data suffice.
    priority: 1
    conda:
        ENVIRONMENT
    params:
        here=here,
        made_with=made_with("planes"),
    message:
        "planes through triplets of images"
    shell:
        "python -P -m repdyn planes {params.here} --log {log}"
