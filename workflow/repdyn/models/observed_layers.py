"""Which modules of a network are observed: by default its stem, every block and its final norm or pooling.

The name of its class identifies a block, because timm, torchvision and most people choose similar names
(``BasicBlock``, ``Bottleneck``, ``EncoderBlock``, ``SwinTransformerBlock``, ``InvertedResidual`` …). The outermost such
modules are observed: each block of a stage, but no block within a block.

Without such names, two kinds of list items are blocks: those whose class is called a layer, as in Hugging Face
(``ViTLayer``, ``ConvNextLayer``), and lists in a list (the pair of attention and perceptron in vit-pytorch's
transformers). The latter are observed at their last part, because no module outputs the sum with the residual. A
network without blocks (VGG, a plain perceptron) is observed at every nonlinearity. Layers are named after their modules
(``records/layer_names.py``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from torch import nn

from ..errors import RepdynError
from ..records import layer_names
from . import coverage, module_paths

_BLOCK = re.compile(
    r"Block|Bottle|Residual|Basic$|EncoderLayer|TransformerLayer|MBConv|DepthwiseSeparable|XceptionModule"
    r"|Cell|Inception([A-E]|$)|Reduction[AB]|Outlooker"
)
_BLOCK_OR_ALL = re.compile(r"(Transformer|Encoder)$")  # a block unless it holds blocks
_LAYER = re.compile(r"Layer$")  # a block in a list, unless it holds one of the names above
_ONE_OF_SEVERAL = re.compile(r"^(?!.*stem).*\d$")
_STAGE = re.compile(r"Blocks|Stage")  # holds blocks, although its name may contain theirs
_NONLINEARITY = re.compile(r"ReLU|GELU|SiLU|ELU|Tanh|Sigmoid|Mish|Hardswish|Softplus")
_ENDS = (re.compile(r"^(?!.*(Head|Classifier|Linear)).*Norm"), re.compile(r"^(?!.*(Head|Classifier)).*Pool"))
# Stems that dropout or the like may separate from the blocks. Other stems are right before the first block, apart from
# modules beside the main path.
_STEMS = ("patch_embed", "conv_proj", "stem")
_PRODUCTS = (nn.Linear, nn.modules.conv._ConvNd)
_BESIDE = re.compile(r"^(downsample|project|shortcut)$|(^|_)rope|rotary")


def output_of(output: Any) -> Any:
    """The observed part of a module's output: the first of several."""
    return output[0] if isinstance(output, tuple | list) else output


def observed(model: nn.Module, patterns: list[str] | None) -> dict[str, str]:
    """The observed modules of a model: the layer's name -> the module's path, in order of definition.

    Args:
        model: the network.
        patterns: module paths, with wildcards (``blocks.*``) if wanted; None for the default.

    Raises:
        RepdynError: if a pattern matches no module, or the default finds fewer than two layers.
    """
    modules = {path: module for path, module in model.named_modules() if path}
    paths = list(modules)
    if patterns is None:
        layers = _by_default(modules)
        if len(layers) < 2:
            raise RepdynError(
                f"It is not known which layers of a {type(model).__name__} to observe; list them under `layers`, for "
                f"example {coverage.example(modules, _weighted(modules) or paths)}."
            )
        return layer_names.unambiguous(layers)
    chosen: set[str] = set()
    for pattern in patterns:
        found = module_paths.matching(paths, pattern)
        if not found:
            _refuse_second_name(model, pattern)
            raise RepdynError(f"`layers`: {module_paths.unknown(paths, pattern)}.")
        chosen |= set(found)
    return layer_names.unambiguous({path: path for path in paths if path in chosen})


def _refuse_second_name(model: nn.Module, path: str) -> None:
    """Raise a RepdynError if a path is a second name of a module."""
    module = dict(model.named_modules(remove_duplicate=False)).get(path)
    for first, same in model.named_modules():
        if same is module:
            raise RepdynError(f"`layers`: `{path}` is the same module as `{first}`; observe that, at its last call.")


def keep_last(found: dict[str, Any], layer: str, value: Any) -> None:
    """Store a layer's output, in order of the last calls."""
    found.pop(layer, None)
    found[layer] = value


def _by_default(modules: dict[str, nn.Module]) -> dict[str, str]:
    """The modules observed by default: path -> the layer's name."""
    blocks = _blocks(modules)
    if not blocks:
        plain = [path for path, module in modules.items() if _NONLINEARITY.search(type(module).__name__)]
        return {path: path for path in plain}
    stem, end = _stem(modules, blocks[0]), _end(modules, blocks[-1])
    # The stem of ResNets ends in `maxpool`, which is the identity with `stem: small`.
    layers = {} if stem is None else {stem: "stem" if stem == "maxpool" else stem}
    return layers | {path: path for path in [*(_called(modules, block) for block in blocks), *end]}


def blocks(model: nn.Module) -> dict[str, str]:
    """A network's blocks, whether or not they are observed: path -> the path of the module that is called."""
    modules = {path: module for path, module in model.named_modules() if path}
    return {block: _called(modules, block) for block in _blocks(modules)}


def is_end(model: nn.Module, path: str, within: Iterable[str]) -> bool:
    """Whether a module is a norm or a pooling, by its class or, if it does nothing, by its name, and lies in no block.

    Args:
        model: the network.
        path: the module's.
        within: the paths of all blocks.
    """
    if any(f"{path}.".startswith(f"{block}.") for block in within):
        return False
    module, name = model.get_submodule(path), path.rpartition(".")[2]
    if isinstance(module, nn.Identity) or (isinstance(module, nn.Sequential) and not len(module)):
        return bool(re.search("norm|pool", name))
    is_norm, is_pooling = (bool(end.match(type(module).__name__)) for end in _ENDS)
    # A convolution with its norm is no norm, and attention that pools is a pooling.
    return is_pooling or (is_norm and not any(isinstance(part, _PRODUCTS) for part in module.modules()))


def _weighted(modules: Mapping[str, nn.Module]) -> list[str]:
    return [path for path, module in modules.items() if module._parameters]


def _blocks(modules: dict[str, nn.Module]) -> list[str]:
    has_names = any(_is_named_block(module) for module in modules.values())
    wholes = tuple(
        f"{path}."
        for path, module in modules.items()
        if _BLOCK_OR_ALL.search(type(module).__name__) and not _holds_names(modules, path)
    )
    found: list[str] = []
    for path in modules:
        if path.startswith(tuple(f"{outer}." for outer in (*_STEMS, *found[-1:]))):
            continue
        is_listed = (not has_names or path.startswith(wholes)) and _is_listed_block(modules, path)
        if is_listed or _is_block(modules, path):
            found.append(path)
    return found


def _is_block(modules: Mapping[str, nn.Module], path: str) -> bool:
    if _BLOCK_OR_ALL.search(type(modules[path]).__name__):
        inner = _within(modules, path)
        return bool(inner) and not any(_is_block(modules, part) or _is_listed_block(modules, part) for part in inner)
    return _is_named_block(modules[path])


def _is_named_block(module: nn.Module) -> bool:
    kind = type(module).__name__
    is_called_so = _BLOCK.search(kind) and not _STAGE.search(kind) and not _BLOCK_OR_ALL.search(kind)
    return bool(is_called_so) and next(module.children(), None) is not None


def _is_listed_block(modules: Mapping[str, nn.Module], path: str) -> bool:
    """Whether a module is one of several (by its name), is a layer or a list, and holds no named block."""
    module, (owner, _, name) = modules[path], path.rpartition(".")
    if not _ONE_OF_SEVERAL.search(name) or next(module.parameters(), None) is None or _holds_names(modules, path):
        return False
    if isinstance(module, nn.ModuleList):
        is_in_list, several = isinstance(modules.get(owner), nn.ModuleList), len(list(module.children())) > 1
        return is_in_list and several and not any(_is_listed_block(modules, part) for part in _within(modules, path))
    return bool(_LAYER.search(type(module).__name__))


def _holds_names(modules: Mapping[str, nn.Module], path: str) -> bool:
    return any(_is_named_block(modules[part]) for part in _within(modules, path))


def _within(modules: Mapping[str, nn.Module], path: str) -> list[str]:
    return [part for part in modules if part.startswith(f"{path}.")]


def _called(modules: Mapping[str, nn.Module], path: str) -> str:
    """The observed module of a block: itself, or the last part of a list, because a list is never called."""
    if not isinstance(modules[path], nn.ModuleList):
        return path
    parts = [name for name, part in modules[path].named_children() if not isinstance(part, nn.ModuleList)]
    return f"{path}.{parts[-1]}" if parts else path


def _stem(modules: dict[str, nn.Module], first_block: str) -> str | None:
    """The module right before the first block, or before the stage that holds it; None if there is none."""
    stem = next((name for name in _STEMS if name in modules), None) or _before(modules, first_block)
    # A list of modules is never called; its first item precedes the first of a list of stages.
    return f"{stem}.0" if stem is not None and isinstance(modules[stem], nn.ModuleList) else stem


def _before(modules: dict[str, nn.Module], path: str) -> str | None:
    norms = _norms_of_list(modules, path)
    while path:
        parent = path.rpartition(".")[0]
        siblings = [other for other in modules if other.rpartition(".")[0] == parent]
        before = siblings[: siblings.index(path)]
        before = [other for other in before if not _BESIDE.search(other.rpartition(".")[2]) and other not in norms]
        before = [other for other in before if not _is_empty(modules[other])]
        if before:
            return before[-1]
        path = parent
    return None


def _is_empty(module: nn.Module) -> bool:
    return isinstance(module, nn.ModuleList) and not len(module)


def _norms_of_list(modules: Mapping[str, nn.Module], block: str) -> list[str]:
    """Norms beside a list of lists: called after it, although they may be defined before it."""
    if not isinstance(modules[block], nn.ModuleList):
        return []
    owner = block.rpartition(".")[0].rpartition(".")[0]
    beside = [path for path in modules if path.rpartition(".")[0] == owner]
    return [path for path in beside if _ENDS[0].match(type(modules[path]).__name__)]


def _end(modules: dict[str, nn.Module], last_block: str) -> list[str]:
    """The final norm, or the final pooling if no norm follows the last block."""
    after = list(modules)[list(modules).index(last_block) + 1 :]
    after = _norms_of_list(modules, last_block) + [path for path in after if not path.startswith(f"{last_block}.")]
    for kind in _ENDS:
        ends = [path for path in after if kind.match(type(modules[path]).__name__)]
        # A norm of several parts is observed as one.
        ends = [path for path in ends if not any(path.startswith(f"{other}.") for other in ends)]
        if ends:
            return ends[-1:]
    return []
