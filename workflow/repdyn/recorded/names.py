"""Names of weights without what wrappers put into them. Imports nothing."""

# What `torch.compile`, FSDP and activation checkpointing put into names, anywhere. `module.` of data parallelism is not
# among them: networks have modules of that name themselves.
_WRAPPERS = ("_orig_mod.", "_fsdp_wrapped_module.", "_checkpoint_wrapped_module.")


def bare(name: str) -> str:
    """A weight's name without the wrappers in it."""
    for wrapper in _WRAPPERS:
        name = name.replace(wrapper, "")
    return name
