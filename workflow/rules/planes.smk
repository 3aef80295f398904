rule planes:
    output:
        PATHS.planes(),
    log:
        PATHS.log("planes"),
    conda:
        ENVIRONMENT
    params:
        made_with=made_with("planes"),
    message:
        "planes through triplets of images"
    shell:
        "python -m repdyn planes --study $REPDYN_STUDY --log {log}"
