"""The shipped networks as parameters of tests: a few in every run, all of them where `zoo` is asked for."""

from __future__ import annotations

import pytest

from cnnarch.spec import catalog

__all__ = ["FEW", "each_network"]

# One of each family that is built in a way of its own; what holds for these and not for others `-m zoo` finds.
FEW = {
    "alexnet", "convnext_tiny", "crnn", "crop_reader", "deeplabv3_resnet50", "densenet121",
    "efficientnet_b0", "fasterrcnn_resnet50_fpn", "googlenet", "inception_v3", "lenet5_1998", "mobilenet_v3_large",
    "resnet50", "shufflenet_v2_x1_0", "squeezenet1_1", "swin_t", "trocr_small", "unet", "vgg16", "vit_b_16", "yolov8n",
}  # fmt: skip


def _parameters() -> list[object]:
    return [pytest.param(name, marks=() if name in FEW else pytest.mark.zoo) for name in catalog.names()]


each_network = pytest.mark.parametrize("name", _parameters())
