rule planes:
    output:
        PATHS.planes(),
    log:
        PATHS.log("planes"),
    # Before hours of training: what the data cannot give is found out here.
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
