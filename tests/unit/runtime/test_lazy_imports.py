"""In processes of their own: whether something has been imported can only be seen in a fresh one."""

import os
import subprocess
import sys
from pathlib import Path

import repdyn


def run(code: str) -> str:
    environment = os.environ | {"PYTHONPATH": str(Path(repdyn.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_models_and_optimizers_work_without_the_compiler_which_works_afterwards():
    assert run(
        "import sys, torch\n"
        "from repdyn.config import sections\nfrom repdyn.models import architectures\n"
        "from repdyn.runtime import devices, lazy_imports\nfrom repdyn.training import optimizers\n"
        "from repdyn.types import Inputs\n"
        "devices.prepare('cpu')\n"
        "channels = {'channels': [4, 4, 8, 8]}\n"
        "settings = sections.Architecture(model='resnet18', kwargs=channels, stem='small')\n"
        "rate = sections.Optimizer(opt='momentum', lr=0.1)\n"
        "with lazy_imports.without_compiler():\n"
        "    model = architectures.build(settings, Inputs((1, 8, 8)), 10, seed=0)\n"
        "    optimizer = optimizers.create(model, rate)\n"
        "    before = model.fc.bias.clone()\n"
        "    model(torch.zeros(2, 1, 8, 8)).logsumexp(1).sum().backward()\n"
        "    optimizer.step()\n"
        "    optimizer.zero_grad()\n"
        "    optimizer.load_state_dict(optimizer.state_dict())\n"
        "print(bool((model.fc.bias != before).all()), 'torch._dynamo' in sys.modules, 'sympy' in sys.modules)\n"
        "twice = torch.compile(lambda x: 2 * x, backend='eager')\n"
        "print(twice(torch.ones(1)).item(), type(sys.modules['torch._dynamo']).__name__)"
    ).splitlines() == ["True False False", "2.0 module"]


def test_what_needs_the_compiler_gets_it():
    assert run(
        "import sys, torch\n"
        "from repdyn.runtime.lazy_imports import without_compiler\n"
        "with without_compiler():\n"
        "    from torch._dynamo.utils import is_compile_supported\n"
        "    print(torch.compile(lambda x: 2 * x, backend='eager')(torch.ones(1)).item())\n"
        "print(is_compile_supported('cpu'), type(sys.modules['torch._dynamo']).__name__)"
    ).splitlines() == ["2.0", "True module"]


def test_errors_are_deterministic_all_the_same():
    assert run(
        "import sys, torch\n"
        "from repdyn.runtime import devices\n"
        "devices.prepare('cpu')\n"
        "print(torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled())\n"
        "print('torch._inductor' in sys.modules)"
    ).splitlines() == ["True False", "False"]


def test_models_that_fetch_no_weights_do_without_the_hub_and_others_get_it():
    # No network: what the hub's client does is replaced, once it is there, by a file that does not exist in the hub.
    assert run(
        "import sys\n"
        "from repdyn.models import architectures\nfrom repdyn.training import optimizers\n"
        "import timm\n"
        "print('huggingface_hub' in sys.modules, 'httpx' in sys.modules, 'torch.distributed.tensor' in sys.modules)\n"
        "import huggingface_hub\n"
        "def download(repo_id, filename, **_):\n"
        "    print(type(huggingface_hub).__name__, repo_id, filename)\n"
        "    raise huggingface_hub.utils.EntryNotFoundError('not in the hub')\n"
        "huggingface_hub.hf_hub_download = download\n"
        "try:\n"
        "    timm.create_model('resnet18.a1_in1k', pretrained=True, num_classes=10)\n"
        "except Exception as error:\n"
        "    print(type(error).__name__)"
    ).splitlines() == [
        "False False False",
        "module timm/resnet18.a1_in1k model.safetensors",
        "module timm/resnet18.a1_in1k pytorch_model.bin",
        "EntryNotFoundError",
    ]
