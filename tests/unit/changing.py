"""Settings of a study, changed one at a time."""


def changed(config, path, value):
    *parents, key = path.split(".")
    section = config
    for parent in parents:
        section = section.setdefault(parent, {})
    section[key] = value
    return config
