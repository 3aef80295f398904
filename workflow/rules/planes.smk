rule planes:
    output:
        PATHS.planes(),
    log:
        PATHS.log("planes"),
    params:
        made_with=made_with("planes"),
    conda:
        ENVIRONMENT
    message:
        "planes through triplets of images"
    shell:
        "{REPDYN} planes --study {STUDY_FILE} --log {log}"
