rule figures:
    input: []
