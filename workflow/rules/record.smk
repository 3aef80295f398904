# Runs that were trained elsewhere: a rule for each, because each has checkpoints at steps of its own.

for RECORDED in STUDY.recorded_runs:

    rule:
        name:
            f"record_{RECORDED.arch}_{RECORDED.optimizer}_{RECORDED.seed}"
        input:
            checkpoints=[
                file
                for checkpoint in STUDY.found(RECORDED)
                for file in found.files(checkpoint)
            ],
            history=found.history_files(
                STUDY.recorded(RECORDED.optimizer),
                RECORDED.arch,
                RECORDED.optimizer,
                RECORDED.seed,
            ),
        output:
            history=PATHS.history(RECORDED.path),
            checkpoints=[
                PATHS.checkpoint(RECORDED.path, checkpoint.step)
                for checkpoint in STUDY.found(RECORDED)
            ],
        log:
            PATHS.log("record", RECORDED.path),
        conda:
            ENVIRONMENT
        resources:
            gpu=gpus("record"),
        params:
            here=here,
            made_with=jobs.fingerprint(STUDY, "record", RECORDED, SOURCE.folders),
            run=f"--arch {RECORDED.arch} --optimizer {RECORDED.optimizer} --seed {RECORDED.seed}",
        message:
            f"record {RECORDED}"
        shell:
            "python -P -m repdyn record {params.here} --log {log} {params.run}"
